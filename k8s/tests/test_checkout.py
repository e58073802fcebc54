"""The files in a clone have the same line ends on every platform."""

import subprocess

from conftest import K8S


def test_a_clone_on_windows_has_no_carriage_returns(tmp_path):
    clone = tmp_path / "clone"
    settings = ["--config", "core.autocrlf=true", "--config", "core.eol=crlf"]
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", *settings, K8S.parent, clone], check=True)
    subprocess.run(["git", "checkout", "--quiet", "HEAD"], cwd=clone, check=True)
    listed = subprocess.run(["git", "ls-files", "--eol"], cwd=clone, check=True, capture_output=True, text=True).stdout
    found = [line for line in listed.splitlines() if not {"i/crlf", "i/mixed", "w/crlf", "w/mixed"}.isdisjoint(line.split())]
    assert found == []
    assert "i/lf    w/lf    attr/text=auto eol=lf \tk8s/make-secrets.sh" in listed

"""What a clone holds, wherever it is made."""

import subprocess

from conftest import K8S


def test_no_text_file_has_a_carriage_return_even_in_a_clone_on_windows(tmp_path):
    clone = tmp_path / "clone"
    settings = ["--config", "core.autocrlf=true", "--config", "core.eol=crlf"]
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", *settings, K8S.parent, clone], check=True)
    subprocess.run(["git", "checkout", "--quiet", "HEAD"], cwd=clone, check=True)
    listed = subprocess.run(["git", "ls-files", "--eol"], cwd=clone, check=True, capture_output=True, text=True).stdout
    found = [line for line in listed.splitlines() if not {"i/crlf", "i/mixed", "w/crlf", "w/mixed"}.isdisjoint(line.split())]
    assert found == []
    assert "i/lf    w/lf    attr/text=auto eol=lf \tk8s/make-secrets.sh" in listed

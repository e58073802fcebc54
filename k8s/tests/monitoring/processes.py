"""Processes that a test starts, with their output in a file, and helpers to wait for them."""

import contextlib
import os
import socket
import subprocess
import time


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def eventually(what, condition, seconds=60):
    """Calls `condition` until it returns a true value, and returns that value. OSError counts as false."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if found := condition():
                return found
        assert time.monotonic() < end, f"timed out after {seconds} s: {what}"
        time.sleep(0.1)


class Process:
    """A program that can be killed and started again."""

    def __init__(self, directory, name, command, **environment):
        self.log = directory / f"{name}.log"
        self.command = [str(word) for word in command]
        self.environment = {"PATH": os.environ["PATH"]} | {key: str(value) for key, value in environment.items()}
        self.directory = directory
        self.start()

    def start(self):
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                self.command, cwd=self.directory, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def kill(self):
        self.process.kill()
        self.process.wait()

    def prints(self, wanted):
        """Waits for a line of output for which `wanted` returns a true value, and returns that value."""
        def look():
            assert self.process.poll() is None, f"{self.command[0]} has exited:\n{self.log.read_text()}"
            return next(filter(None, map(wanted, self.log.read_text().splitlines())), None)

        return eventually(f"{self.command[0]} prints the expected line", look)

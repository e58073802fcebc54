"""Processes of a test's own: on loopback, with their output in a file, killed at the end."""

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
    """Returns what `condition` returns once that is true. A refused connection is not yet true."""
    end = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            if found := condition():
                return found
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.1)


class Process:
    """A program that can be stopped and started again."""

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
        """Waits for a line that `wanted` turns into something."""
        def look():
            assert self.process.poll() is None, f"{self.command[0]} ended:\n{self.log.read_text()}"
            return next(filter(None, map(wanted, self.log.read_text().splitlines())), None)

        return eventually(f"{self.command[0]} prints", look)

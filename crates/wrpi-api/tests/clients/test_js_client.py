"""The module clients/js in Node: it follows the API through restarts, and obeys its errors. (Chromium: `make browser-test`)"""

import json
import queue
import re
import shutil
import subprocess
import threading
import time

import pytest
from conftest import PATIENCE, ROOT, running
from relay import Relay

FOLLOW = """
const { readings, Reading } = await import(process.argv[1]);
const print = (line) => console.log(JSON.stringify(line));
const stop = new AbortController();
process.stdin.on("data", () => stop.abort());
try {
  const [url, password] = process.argv.slice(2);
  const onState = (state) => print({ ...state, at: Date.now() });
  for await (const { value, id, age, calculatedAt } of readings(url, password, { signal: stop.signal, onState })) {
    print({ value, id, age, calculatedAt });
  }
  print({ end: null });
} catch (error) {
  print({ end: error.name });
}
process.exit();
"""


class Lines:
    """The lines that a process prints. A call waits for a line with all `wanted` pairs."""

    def __init__(self, process):
        self.process, self.lines = process, queue.Queue()
        threading.Thread(target=lambda: [self.lines.put(json.loads(line)) for line in process.stdout], daemon=True).start()

    def __call__(self, **wanted):
        end = time.monotonic() + PATIENCE
        while True:
            line = self.lines.get(timeout=max(0, end - time.monotonic()))
            if wanted.items() <= line.items():
                return line

    def next(self):
        return self.lines.get(timeout=PATIENCE)

    def stop(self):
        self.process.stdin.write(b".")
        self.process.stdin.flush()


@pytest.fixture
def follow():
    """Starts a Node process that follows an API, and returns its lines."""
    if not shutil.which("node"):
        pytest.fail("node is missing: install the Debian package nodejs")
    processes = []

    def follow(url, password):
        command = ["node", "--input-type=module", "--eval", FOLLOW, str(ROOT / "clients/js/wrpi.js"), url, password]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        processes.append(process)
        return Lines(process)

    yield follow
    for process in processes:
        process.kill()
        process.wait()


def test_yields_each_reading_with_all_digits_and_ends_when_it_is_aborted(follow, lively):
    wait_for = follow(lively.url, lively.password)
    assert [wait_for.next()["name"] for _ in range(2)] == ["connecting", "live"]
    seen = [wait_for.next() for _ in range(20)]
    assert len({reading["id"] for reading in seen}) == 20
    for reading in seen:
        assert re.fullmatch(r"\d+\.\d{3}", reading["value"]) and reading["id"].startswith(f'"{reading["value"]}-')
        assert 0 <= reading["age"] < PATIENCE * 1000
    wait_for.stop()
    assert wait_for(end=None)


def test_reconnects_to_an_api_that_restarts_or_becomes_silent(follow):
    password, first = "", None
    with running("wrpi-standalone", UPDATE_INTERVAL="200ms") as api:
        host, port = api.url.removeprefix("http://").split(":")
        relay, password = Relay((host, int(port))), api.password
        wait_for = follow(f"http://{host}:{relay.port}", password)
        first = wait_for(name="live") and wait_for.next()
        relay.hold()
        assert wait_for(name="lost")["retryAt"]
        relay.release()
        wait_for(name="live")
        assert wait_for.next()["id"] != first["id"]
    assert wait_for(name="lost")["retryAt"]
    with running("wrpi-standalone", UPDATE_INTERVAL="200ms", LISTEN_ADDR=f"{host}:{port}", APP_PASSWORD=password):
        wait_for(name="live")
    relay.close()


def test_obeys_errors(follow, strict, empty):
    assert follow(empty.url, "wrong")(end="WrongPassword")
    wait_for = follow(empty.url, empty.password)
    state = wait_for(name="empty", status=503)
    assert state["retryAt"] - state["at"] > 1000
    wrong = follow(strict.url, "wrong 1")
    assert wrong(end="WrongPassword")
    throttled = follow(strict.url, strict.password)
    state = throttled(name="throttled", status=429)
    # The client waits as long as the API asks, here for most of the refill of 30 s, and then gets a reading.
    assert throttled(name="live")["at"] >= state["retryAt"] - 10  # what Node's timers may be early by


def test_refuses_what_no_api_accepts(follow, steady):
    assert follow(steady.url, "a" * 4097)(end="RangeError")
    assert follow("not a URL", "a")(end="TypeError")
    assert follow(f"{steady.url}/elsewhere", steady.password)(name="failing", status=404)

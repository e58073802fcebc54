"""The module clients/js in Node: it follows the API through restarts, and obeys its errors. (Chromium: `make browser-test`)"""

import json
import queue
import re
import shutil
import subprocess
import threading
import time

import pytest
from conftest import ROOT, running
from relay import Relay

PATIENCE = 60
FOLLOW = """
const { readings, Reading } = await import(process.argv[1]);
const print = (line) => console.log(JSON.stringify(line));
const stop = new AbortController();
process.stdin.on("data", () => stop.abort());
try {
  const [url, password] = process.argv.slice(2);
  for await (const { value, id, age, calculatedAt } of readings(url, password, { signal: stop.signal, onState: print })) {
    print({ value, id, age, calculatedAt });
  }
  print({ end: null });
} catch (error) {
  print({ end: error.name });
}
process.exit();
"""


@pytest.fixture
def follow():
    """Starts a Node process that follows an API. Returns a function that waits for a line with all `wanted` pairs."""
    if not shutil.which("node"):
        pytest.fail("node is missing: install the Debian package nodejs")
    processes = []

    def follow(url, password):
        command = ["node", "--input-type=module", "--eval", FOLLOW, str(ROOT / "clients/js/wrpi.js"), url, password]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        processes.append(process)
        lines = queue.Queue()
        threading.Thread(target=lambda: [lines.put(json.loads(line)) for line in process.stdout], daemon=True).start()

        def wait_for(**wanted):
            end = time.monotonic() + PATIENCE
            while True:
                line = lines.get(timeout=max(0, end - time.monotonic()))
                if wanted.items() <= line.items():
                    return line

        wait_for.stop = lambda: (process.stdin.write(b"."), process.stdin.flush())
        wait_for.next = lambda: lines.get(timeout=PATIENCE)
        return wait_for

    yield follow
    for process in processes:
        process.kill()
        process.wait()


def test_yields_each_reading_with_all_digits_and_ends_when_it_is_aborted(follow, lively):
    wait_for = follow(lively.url, lively.password)
    assert wait_for.next() == {"name": "connecting"} and wait_for.next() == {"name": "live"}
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
    assert state["retryAt"] - time.time() * 1000 > 1000
    wrong = follow(strict.url, "wrong 1")
    assert wrong(end="WrongPassword")
    throttled = follow(strict.url, strict.password)
    state = throttled(name="throttled", status=429)
    # The client waits as long as the API asks, here for most of the refill of 30 s, and then gets a reading.
    throttled(name="live")
    assert time.time() * 1000 >= state["retryAt"]


def test_refuses_what_no_api_accepts(follow, steady):
    assert follow(steady.url, "a" * 4097)(end="RangeError")
    assert follow("not a URL", "a")(end="TypeError")
    assert follow(f"{steady.url}/elsewhere", steady.password)(name="failing", status=404)

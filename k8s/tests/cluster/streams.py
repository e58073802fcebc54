"""Runs in a pod that can reach Redis and every API pod: measures how long a write takes to reach every stream.

usage: streams.py ADDRESS..., the addresses of the API pods. Standard input has one line of JSON with both passwords.
Prints, as JSON, the seconds from each write until the last pod has sent it.
"""

import base64
import datetime
import json
import socket
import sys
import time

WRITES = 20


def command(*words):
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in map(str.encode, words))


def stream(address, password):
    """An iterator over the readings in the stream of one API pod."""
    connection = socket.create_connection((address, 8080), timeout=30)
    credentials = base64.b64encode(f"any:{password}".encode()).decode()
    connection.sendall(
        f"GET /v0/wrpi/stream HTTP/1.1\r\nHost: {address}\r\nAuthorization: Basic {credentials}\r\n\r\n".encode()
    )
    lines = connection.makefile("r")
    status = lines.readline()
    assert " 200 " in status, status
    return (json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data:"))


passwords = json.loads(sys.stdin.readline())
streams = [stream(address, passwords["app"]) for address in sys.argv[1:]]
for events in streams:
    next(events)  # skips the current reading
redis = socket.create_connection(("redis", 6379), timeout=30)
redis.sendall(command("AUTH", "updater", passwords["updater"]) + command("SELECT", "0"))
assert redis.recv(64) in (b"+OK\r\n", b"+OK\r\n+OK\r\n")
delays = []
for number in range(WRITES):
    value, now = f"{number}.5", datetime.datetime.now(datetime.UTC)
    began = time.monotonic()
    redis.sendall(command("MSET", "wrpi-latest", value, "wrpi-timestamp", f"{now:%Y-%m-%dT%H:%M:%S+0000}"))
    for events in streams:
        while next(events)["latest_value"] != float(value):
            pass
    delays.append(time.monotonic() - began)
    time.sleep(0.2)
print(json.dumps(delays))

"""Runs in a pod: sends a constant load to the API through its Service and reports the results.

The load is an open loop: requests are sent at a fixed rate, independent of earlier ones, and never retried. Every second
request opens a new connection; the others use keep-alive. Standard input has one line of JSON with the settings, then
lines with `mark` or `stop`. Standard output gets `started` after the first response or failure, and the results as one
line of JSON at the end.
"""

import asyncio
import base64
import contextlib
import hashlib
import json
import socket
import ssl
import sys
import time

PATIENCE = 5  # seconds to connect and to get a response


class Request:
    """One request: when it began, and on which connection."""

    def __init__(self, kept):
        self.kept, self.began = kept, time.monotonic()
        self.port, self.reused, self.last_used = None, False, None

    def failed(self, error):
        """What the report says about a failure. Times are seconds by the clock of the load, like the marks."""
        return {
            "error": f"{type(error).__name__} {error}".strip(),
            "began": self.began,
            "ended": time.monotonic(),
            "port": self.port,
            "connection": "reused" if self.reused else "new",
            "port_last_used": self.last_used,
        }


class Load:
    def __init__(self, host, port, tls, password, rate):
        self.address = socket.gethostbyname(host), port  # the address of a Service does not change
        self.tls = insecure() if tls else None
        credentials = base64.b64encode(f"any:{password}".encode()).decode()
        self.head = f"GET /v0/wrpi HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {credentials}\r\n"
        self.rate = rate
        self.idle, self.sent, self.answered = [], 0, []
        self.ports = {}  # when each local port was used last
        self.failures, self.readings, self.certificates, self.marks = [], [], [], []

    async def run(self, stop):
        """Sends requests until `stop` is set, then waits for pending ones."""
        start, tasks = time.monotonic(), set()
        while not stop.is_set():
            task = asyncio.create_task(self.ask(Request(kept=self.sent % 2 == 0)))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            self.sent += 1
            await asyncio.sleep(max(0, start + self.sent / self.rate - time.monotonic()))
        self.answered += [start, time.monotonic()]  # a pause at either end counts as a gap
        if tasks:
            await asyncio.wait(tasks)

    async def ask(self, request):
        try:
            async with asyncio.timeout(PATIENCE):
                await self.exchange(request)
        except (OSError, EOFError, ValueError) as error:
            self.failures.append(request.failed(error))

    async def exchange(self, request):
        reader, writer = await self.connection(request) if request.kept else await self.connect(request)
        try:
            close = "" if request.kept else "Connection: close\r\n"
            writer.write(f"{self.head}{close}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
            body = await reader.readexactly(length)
            status = head.split(" ", 2)[1]
            if status != "200":
                raise ValueError(f"status {status}")
        except BaseException:
            writer.close()
            raise
        self.answered.append(time.monotonic())
        self.note(self.readings, json.loads(body)["latest_calculation_at"])
        if request.kept and "connection: close" not in head:
            self.idle.append((reader, writer))
        else:
            writer.close()

    async def connection(self, request):
        """An idle connection that the server has not closed, or a new one."""
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                request.port, request.reused = writer.get_extra_info("sockname")[1], True
                return reader, writer
            writer.close()
        return await self.connect(request)

    async def connect(self, request):
        """A new connection. Notes its local port at once, also for one that is never established: nodes remember a port
        for a while, and could still lead it to a pod that is gone."""
        opened = socket.socket()
        try:
            opened.setblocking(False)
            opened.connect_ex(self.address)  # begins; sock_connect waits for the end or raises the error
            request.port = opened.getsockname()[1]
            request.last_used = self.ports.get(request.port)
            self.ports[request.port] = request.began
            await asyncio.get_running_loop().sock_connect(opened, self.address)
        except BaseException:
            opened.close()
            raise
        name = self.address[0] if self.tls else None
        reader, writer = await asyncio.open_connection(sock=opened, ssl=self.tls, server_hostname=name)
        if self.tls:
            certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            self.note(self.certificates, hashlib.sha256(certificate).hexdigest())
        return reader, writer

    @staticmethod
    def note(changes, value):
        """Appends a new value with the time at which it was first seen."""
        if value not in (known for _, known in changes):
            changes.append((time.monotonic(), value))

    def summary(self):
        times = sorted(self.answered)
        return {
            "sent": self.sent,
            "failed": len(self.failures),
            "failures": self.failures,
            "gap": max(later - earlier for earlier, later in zip(times, times[1:])),
            "readings": self.readings,
            "certificates": self.certificates,
            "marks": self.marks,
            "ended": time.monotonic(),
        }


def insecure():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


async def main():
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    load = Load(**json.loads(await lines.readline()))
    running = asyncio.create_task(load.run(stop))
    while not (load.answered or load.failures or running.done()):
        await asyncio.sleep(0.01)
    print("started", flush=True)
    async for line in lines:
        if line.strip() == b"mark":
            load.marks.append(time.monotonic())
        else:
            break
    stop.set()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    print(json.dumps(load.summary()), flush=True)


asyncio.run(main())

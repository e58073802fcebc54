"""A relay between a proxy and the API that records the traffic, and a strict HTTP/1.1 parser for the recorded requests."""

import socket
import threading
from dataclasses import dataclass, field


@dataclass
class Connection:
    """The recorded bytes of one connection, from the client and from the server."""

    asked: bytearray = field(default_factory=bytearray)
    answered: bytearray = field(default_factory=bytearray)


class Relay:
    """Relays connections to `server`, an address of host and port."""

    def __init__(self, server):
        self.connections = []
        self._clear = threading.Event()
        self._clear.set()
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # the listener is closed
            server, kept = socket.create_connection(self._server), Connection()
            self.connections.append(kept)
            for source, target, bytes_ in [(client, server, kept.asked), (server, client, kept.answered)]:
                threading.Thread(target=_pump, args=(source, target, bytes_, self._clear), daemon=True).start()

    def hold(self):
        """Delays all bytes until `release`: to both sides the network is silent."""
        self._clear.clear()

    def release(self):
        """Lets the delayed bytes pass."""
        self._clear.set()

    def close(self):
        """Stops accepting connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _pump(source, target, kept, clear):
    """Forwards and records bytes from `source` until one side closes."""
    try:
        while chunk := source.recv(65536):
            clear.wait()
            kept += chunk
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        target.close()


def heads(sent):
    """The heads of the requests in `sent`. Asserts that each is unambiguous (RFC 9112)."""
    found, rest = [], bytes(sent)
    while rest:
        head, end, rest = rest.partition(b"\r\n\r\n")
        assert end, f"an incomplete head: {head}"
        first, *lines = head.split(b"\r\n")
        assert not any(byte in line for line in [first, *lines] for byte in b"\r\n\0"), f"a bare CR, LF or NUL: {head}"
        assert not any(line[:1] in b" \t" for line in lines), f"a folded or empty line: {head}"
        names = [line.partition(b":")[0].lower() for line in lines]
        assert all(name == name.strip() for name in names), f"a space before a colon: {head}"
        framing = [line for line, name in zip(lines, names) if name in (b"content-length", b"transfer-encoding")]
        assert names.count(b"host") == 1 and len(framing) <= 1, f"not exactly one Host, or more than one framing header: {head}"
        rest = _after_body(rest, *(framing or [b"Content-Length: 0"]))
        found.append(head)
    return found


def _after_body(rest, framing):
    """The bytes after the body of a request."""
    name, _, value = framing.partition(b":")
    if name.lower() == b"content-length":
        return rest[int(value) :]
    assert value.strip().lower() == b"chunked", framing
    while True:
        line, _, rest = rest.partition(b"\r\n")
        size = int(line, 16)
        rest = rest[size + 2 :]
        if size == 0:
            return rest

"""nginx and HAProxy in front of the API: no client can smuggle a request past the proxy."""

import re
import socket
import subprocess

import pytest
from conftest import running, wait_for
from relay import Relay, heads

# The request that an attacker tries to smuggle past the proxy.
HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: test\r\n\r\n"
LENGTH = str(len(HIDDEN)).encode()
# A request that gets a response and ends the connection.
LAST = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
NGINX = """
daemon off; master_process off; pid DIRECTORY/pid; error_log stderr crit;
events {}
http {
    access_log off; client_header_timeout 2s; client_body_timeout 2s; client_body_temp_path DIRECTORY/body;
    proxy_temp_path DIRECTORY/proxy; fastcgi_temp_path DIRECTORY/fastcgi; uwsgi_temp_path DIRECTORY/uwsgi;
    scgi_temp_path DIRECTORY/scgi;
    upstream api { server 127.0.0.1:API; keepalive 1; }
    server {
        listen 127.0.0.1:PORT;
        location / { proxy_pass http://api; proxy_http_version 1.1; proxy_set_header Connection ""; }
    }
}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 2s
    timeout server 20s
frontend clients
    bind 127.0.0.1:PORT
    default_backend api
backend api
    http-reuse always
    server api 127.0.0.1:API
"""
PROXIES = {
    "nginx": (NGINX, lambda path: ["nginx", "-e", "stderr", "-c", path]),
    "haproxy": (HAPROXY, lambda path: ["haproxy", "-db", "-f", path]),
}
# Heads that HTTP parsers may read differently. The hidden request follows each of them.
ATTACKS = {
    "bare LF": b"GET / HTTP/1.1\nHost: test\n\n",
    "bare LF after a header": b"GET / HTTP/1.1\r\nHost: test\r\nX: y\nX-Two: z\r\n\r\n",
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: test\r\n\n",
    "bare LF hides a length": b"POST / HTTP/1.1\r\nHost: test\r\nX: y\nContent-Length: " + LENGTH + b"\r\n\r\n",
    "bare CR": b"GET / HTTP/1.1\r\nHost: test\r\nX: y\rContent-Length: " + LENGTH + b"\r\n\r\n",
    "folded line": b"GET / HTTP/1.1\r\nHost: test\r\nX: y\r\n Content-Length: " + LENGTH + b"\r\n\r\n",
    "folded length": b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length:\r\n " + LENGTH + b"\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0\r\nContent-Length: " + LENGTH + b"\r\n\r\n",
    "the same length twice": b"POST / HTTP/1.1\r\nHost: test\r\n" + (b"Content-Length: " + LENGTH + b"\r\n") * 2 + b"\r\n",
    "a list of lengths": b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 0, " + LENGTH + b"\r\n\r\n",
    "space before the colon": b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length : " + LENGTH + b"\r\n\r\n",
    "length and encoding": b"POST / HTTP/1.1\r\nHost: test\r\nContent-Length: " + LENGTH
    + b"\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two encodings": b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"
    b"0\r\n\r\n",
    "unknown encoding": b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    "folded encoding": b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "chunks": b"POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: test\r\nHost: other\r\n\r\n",
}


@pytest.fixture
def relay():
    """A relay to an API."""
    with running("wrpi-standalone", UPDATE_INTERVAL="1440m") as api:
        host, port = api.url.removeprefix("http://").split(":")
        relay = Relay((host, int(port)))
        yield relay
        relay.close()


@pytest.fixture(params=PROXIES)
def proxy(request, relay, tmp_path):
    """The port of a proxy in front of the relay."""
    template, command = PROXIES[request.param]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    path = tmp_path / "configuration"
    path.write_text(template.replace("DIRECTORY", str(tmp_path)).replace("API", str(relay.port)).replace("PORT", str(port)))
    process = subprocess.Popen(command(path))
    try:
        wait_for(port, process)
        yield port
    finally:
        process.kill()
        process.wait()


def exchange(port, sent):
    """Sends bytes and returns the statuses of all responses until the connection is closed."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(sent)
        received = b""
        try:
            while chunk := client.recv(65536):
                received += chunk
        except ConnectionResetError:
            pass
    return statuses(received)


def statuses(received):
    return re.findall(rb"HTTP/1\.[01] (\d{3})", received)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_request_is_smuggled_past_the_proxy(proxy, relay, attack):
    assert exchange(proxy, ATTACKS[attack] + HIDDEN + LAST), "no response"
    # Other clients then share the proxy's connection to the API with the attacker.
    for _ in range(3):
        assert exchange(proxy, LAST) == [b"200"], "a client got the response to the attacker's request"
    for connection in relay.connections:
        assert len(statuses(connection.answered)) <= len(heads(connection.asked))
    assert any(connection.asked for connection in relay.connections)


def test_without_a_proxy_the_relay_detects_the_attacks(relay):
    for attack in ["bare LF after a header", "folded line", "two lengths", "length and encoding", "two hosts"]:
        exchange(relay.port, ATTACKS[attack] + HIDDEN + LAST)
        with pytest.raises(AssertionError):
            heads(relay.connections[-1].asked)

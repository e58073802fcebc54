"""Clients and proxies that open many HTTP/2 streams before they know how many the API accepts."""

import collections
import contextlib
import json
import re
import socket
import subprocess

import pytest
import requests
from conftest import running, wait_for

HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 20s
    timeout server 20s
frontend clients
    bind 127.0.0.1:PORT
    default_backend api
backend api
    http-reuse always
    server api API ssl verify none alpn h2
"""
NODE = """
const [url, authorization] = process.argv.slice(1);
const session = require('node:http2').connect(url, { rejectUnauthorized: false });
const seen = {};
let left = 50;
const end = (result) => {
  seen[result] = (seen[result] ?? 0) + 1;
  if (--left === 0) { console.log(JSON.stringify(seen)); session.close(); }
};
for (let number = 0; number < 50; number += 1) {
  const request = session.request({ ':path': '/v0/wrpi', authorization });
  let status;
  request.on('response', (headers) => { status = headers[':status']; });
  request.on('error', (error) => { status = error.code; });
  request.on('close', () => end(status));
  request.resume().end();
}
"""


@pytest.fixture(scope="module")
def https(tmp_path_factory):
    """An API over TLS."""
    directory = tmp_path_factory.mktemp("tls")
    files = {"TLS_CERT_FILE": directory / "certificate", "TLS_KEY_FILE": directory / "key"}
    command = ["openssl", "req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-out", files["TLS_CERT_FILE"], "-keyout", files["TLS_KEY_FILE"]]
    subprocess.run(command, check=True, capture_output=True)
    with running("wrpi-standalone", UPDATE_INTERVAL="1440m", TLS_LISTEN_ADDR="127.0.0.1:0", **files) as service:
        yield service


def authorization(service):
    return requests.auth._basic_auth_str("any", service.password)


def test_haproxy_gives_no_user_a_502_after_its_start(https, tmp_path):
    # With a limit of 16 streams, about half of the starts fail.
    for _ in range(10):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        path = tmp_path / "configuration"
        path.write_text(HAPROXY.replace("PORT", str(port)).replace("API", https.tls))
        proxy = subprocess.Popen(["haproxy", "-db", "-f", path])
        try:
            wait_for(port, proxy)
            assert statuses_of_requests_at_once(port, authorization(https), 200) == {"200": 200}
        finally:
            proxy.kill()
            proxy.wait()


def statuses_of_requests_at_once(port, credentials, number):
    """How often each status is returned to users who send their requests before the proxy has read the API's SETTINGS."""
    request = f"GET /v0/wrpi HTTP/1.1\r\nHost: test\r\nAuthorization: {credentials}\r\nConnection: close\r\n\r\n".encode()
    with contextlib.ExitStack() as stack:
        users = [stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60)) for _ in range(number)]
        for user in users:
            user.sendall(request)
        return collections.Counter(user.makefile().readline().split()[1] for user in users)


def test_node_can_send_50_requests_at_once(https):
    command = ["node", "--eval", NODE, f"https://{https.tls}", authorization(https)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert json.loads(printed) == {"200": 50}


@pytest.mark.parametrize("streams", [1, 100])
def test_h2load_has_no_failures(https, streams):
    command = ["h2load", "-n", "2000", "-c", "2", "-m", str(streams), "-H", f"authorization: {authorization(https)}"]
    printed = subprocess.run([*command, f"https://{https.tls}/v0/wrpi"], capture_output=True, text=True, timeout=60).stdout
    assert re.search(r"2000 succeeded, 0 failed, 0 errored", printed), printed
    assert "status codes: 2000 2xx" in printed, printed


def test_curl_is_answered_if_it_offers_only_http_1_0(https):
    command = ["curl", "--silent", "--fail", "--insecure", "--http1.0", "--max-time", "60", "--user", f"any:{https.password}"]
    assert b"latest_value" in subprocess.run([*command, f"https://{https.tls}/v0/wrpi"], check=True, capture_output=True).stdout


def test_a_head_that_is_too_long_gets_431_and_the_connection_stays_open(https):
    curl = ["curl", "--silent", "--insecure", "--http2", "--output", "/dev/null", "--write-out", "%{http_code} %{num_connects}\n"]
    url = f"https://{https.tls}/v0/wrpi"
    requests = [["--header", f"X: {'a' * length}", "--user", f"any:{https.password}", url] for length in (20_000, 15_000)]
    many = [part for n in range(300) for part in ("--header", f"x-{n}: a")]
    requests.append([*many, "--user", f"any:{https.password}", url])
    rest = [part for request in requests[1:] for part in ("--next", *curl[1:], *request)]
    printed = subprocess.run([*curl, *requests[0], *rest], check=True, capture_output=True, text=True, timeout=60).stdout
    assert printed.split("\n")[:3] == ["431 1", "200 0", "200 0"]

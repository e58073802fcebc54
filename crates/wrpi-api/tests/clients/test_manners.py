"""curl, requests, httpx and Node's fetch get correct responses."""

import json
import re
import subprocess
import typing

import httpx
import pytest
import requests

READING = re.compile(r'{"latest_value":[\d.]+,"latest_calculation_at":"[\d:T-]+\+0000"}')
NODE = """
const [url, method, headers] = [process.argv[1], process.argv[2], JSON.parse(process.argv[3])];
const answer = await fetch(url, { method, headers });
console.log(JSON.stringify([answer.status, Object.fromEntries(answer.headers), await answer.text()]));
"""


def with_curl(url, method, headers):
    options = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    command = ["curl", "--silent", "--include", *(["--head"] if method == "HEAD" else ["--request", method])]
    printed = subprocess.run([*command, *options, url], check=True, capture_output=True, timeout=60).stdout.decode()
    head, _, body = printed.partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert len(fields) == len(lines), f"a duplicate header: {head}"
    return int(status.split()[1]), fields, body


def with_requests(url, method, headers):
    answer = requests.request(method, url, headers=headers, timeout=60)
    return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text


def with_httpx(url, method, headers):
    answer = httpx.request(method, url, headers=headers, timeout=60)
    return answer.status_code, dict(answer.headers), answer.text


def with_node(url, method, headers):
    command = ["node", "--input-type=module", "--eval", NODE, url, method, json.dumps(headers)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)


@pytest.fixture(params=[with_curl, with_requests, with_httpx, with_node], ids=lambda client: client.__name__)
def ask(request, steady):
    """Sends a request with the password to the API whose reading does not change."""
    credentials = requests.auth._basic_auth_str("any", steady.password)

    def ask(path="/v0/wrpi", method="GET", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return request.param(steady.url + path, method, {"Authorization": credentials} | headers)

    return ask


def test_reads_revalidates_and_gets_errors(ask):
    status, headers, body = ask()
    assert status == 200 and READING.fullmatch(body)
    assert headers["content-type"] == "application/json" and int(headers["content-length"]) == len(body)
    for changes, expected in [
        ({"If_None_Match": headers["etag"]}, (304, "")),
        ({"method": "HEAD"}, (200, "")),
        ({"Range": "bytes=0-3"}, (200, body)),
    ]:
        status, again, text = ask(**changes)
        assert (status, text, again["etag"]) == (*expected, headers["etag"])
    status, headers, body = ask(method="DELETE")
    assert (status, headers["allow"], json.loads(body)["error_code"]) == (405, "GET,HEAD", "method_not_allowed")


def test_curl_can_use_a_proxy_request_http_1_0_and_expect_100_continue(steady):
    user = f"any:{steady.password}"

    def curl(*options, url=f"{steady.url}/v0/wrpi"):
        command = ["curl", "--silent", "--fail", "--max-time", "60", "--user", user, *options, url]
        return subprocess.run(command, check=True, capture_output=True).stdout.decode()

    assert READING.fullmatch(curl("--proxy", steady.url, url="http://wrpi.example.com/v0/wrpi"))
    assert READING.fullmatch(curl("--http1.0"))
    assert READING.fullmatch(curl("--anyauth"))
    refused = curl("--no-fail", "--data", "x" * 4096, "--header", "Expect: 100-continue", "--expect100-timeout", "60")
    assert json.loads(refused)["error_code"] == "method_not_allowed"


def test_sessions_reuse_their_connection(steady):
    auth = ("any", steady.password)
    with requests.Session() as session:
        for path, status in [("/v0/wrpi", 200), ("/v0/wrpi/", 404), ("/v0/wrpi", 200)]:
            assert session.get(steady.url + path, auth=auth).status_code == status
        adapter: typing.Any = session.get_adapter(steady.url)
        pools = adapter.poolmanager.pools
        assert [pools[key].num_connections for key in pools.keys()] == [1]
    with httpx.Client(timeout=60, auth=auth, base_url=steady.url) as client:
        streams = [client.get("/v0/wrpi").extensions["network_stream"] for _ in range(3)]
        assert len({stream.get_extra_info("client_addr") for stream in streams}) == 1


def test_the_stream_delivers_each_reading(lively):
    with httpx.stream("GET", f"{lively.url}/v0/wrpi/stream", auth=("any", lively.password), timeout=60) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = [line for line, _ in zip(answer.iter_lines(), range(40))]
    assert {line.partition(":")[0] for line in lines} == {"event", "id", "data", ""}
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert len(set(data)) == 10 and all(map(READING.fullmatch, data))

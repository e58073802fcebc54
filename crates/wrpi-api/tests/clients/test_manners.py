"""curl, requests, httpx and Node's fetch get correct responses."""

import json
import re
import subprocess

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
    printed = subprocess.run([*command, *options, url], check=True, capture_output=True, timeout=20).stdout.decode()
    head, _, body = printed.partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    assert len(fields) == len(lines), f"a duplicate header: {head}"
    return int(status.split()[1]), fields, body


def with_requests(url, method, headers):
    answer = requests.request(method, url, headers=headers, timeout=20)
    return answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.text


def with_httpx(url, method, headers):
    answer = httpx.request(method, url, headers=headers, timeout=20)
    return answer.status_code, dict(answer.headers), answer.text


def with_node(url, method, headers):
    command = ["node", "--input-type=module", "--eval", NODE, url, method, json.dumps(headers)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, timeout=20).stdout)


@pytest.fixture(params=[with_curl, with_requests, with_httpx, with_node], ids=lambda client: client.__name__)
def ask(request, steady):
    """Sends a request with the password to the API whose reading does not change."""
    credentials = requests.auth._basic_auth_str("any", steady.password)

    def ask(path="/v0/wrpi", method="GET", **headers):
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        return request.param(steady.url + path, method, {"Authorization": credentials} | headers)

    return ask


def test_the_reading_is_json_with_one_date_header(ask):
    status, headers, body = ask()
    assert status == 200 and READING.fullmatch(body)
    assert headers["content-type"] == "application/json"
    assert headers["date"].count("GMT") == 1 and int(headers["content-length"]) == len(body)


@pytest.mark.parametrize("range_", ["bytes=0-3", "bytes=-1", "bytes=999-", "lines=1-2"])
def test_a_range_is_ignored(ask, range_):
    status, headers, body = ask(Range=range_)
    assert status == 200 and READING.fullmatch(body)
    assert not {"content-range", "accept-ranges"} & headers.keys()


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "image/*, */*;q=0"])
def test_the_reading_is_json_for_any_accept_header(ask, accept):
    status, headers, body = ask(Accept=accept, Accept_Encoding="br, identity;q=0")
    assert status == 200 and READING.fullmatch(body)
    assert headers["content-type"] == "application/json" and "content-encoding" not in headers


def test_a_matching_etag_gets_304(ask):
    etag = ask()[1]["etag"]
    for list_ in [etag, f"W/{etag}", f'"a", "b,c", {etag}', f'"a" , W/{etag}', "*"]:
        status, headers, body = ask(If_None_Match=list_)
        assert (status, headers["etag"], body) == (304, etag, "")
    for list_ in ['"a"', 'W/"a", "b"', etag.strip('"')]:
        assert ask(If_None_Match=list_)[0] == 200


def test_head_returns_the_headers_of_get(ask):
    (_, got, _), (status, headers, body) = ask(), ask(method="HEAD")
    assert (status, body) == (200, "")
    assert {name: headers[name] for name in ["content-length", "etag", "last-modified", "content-type"]} == {
        name: got[name] for name in ["content-length", "etag", "last-modified", "content-type"]
    }


def test_paths_are_exact(ask):
    assert ask("/v0/wrpi?as=is")[0] == 200
    for path in ["/v0/wrpi/", "/v0/wrp%69%2F", "/V0/wrpi", "/v0//wrpi", "/v0/wrpi.json"]:
        status, headers, body = ask(path)
        assert (status, json.loads(body)["error_code"]) == (404, "not_found"), path
    status, headers, body = ask(method="DELETE")
    assert (status, headers["allow"], json.loads(body)["error_code"]) == (405, "GET,HEAD", "method_not_allowed")


def test_curl_can_use_a_proxy_request_http_1_0_and_expect_100_continue(steady):
    user = f"any:{steady.password}"

    def curl(*options, url=f"{steady.url}/v0/wrpi"):
        command = ["curl", "--silent", "--fail", "--max-time", "20", "--user", user, *options, url]
        return subprocess.run(command, check=True, capture_output=True).stdout.decode()

    assert READING.fullmatch(curl("--proxy", steady.url, url="http://wrpi.example.com/v0/wrpi"))
    assert READING.fullmatch(curl("--http1.0"))
    assert READING.fullmatch(curl("--anyauth"))
    refused = curl("--no-fail", "--data", "x" * 4096, "--header", "Expect: 100-continue", "--expect100-timeout", "10")
    assert json.loads(refused)["error_code"] == "method_not_allowed"


def test_sessions_reuse_their_connection(steady):
    auth = ("any", steady.password)
    with requests.Session() as session:
        for path, status in [("/v0/wrpi", 200), ("/v0/wrpi/", 404), ("/v0/wrpi", 200)]:
            assert session.get(steady.url + path, auth=auth).status_code == status
        pools = session.get_adapter(steady.url).poolmanager.pools
        assert [pools[key].num_connections for key in pools.keys()] == [1]
    with httpx.Client(auth=auth, base_url=steady.url) as client:
        streams = [client.get("/v0/wrpi").extensions["network_stream"] for _ in range(3)]
        assert len({stream.get_extra_info("client_addr") for stream in streams}) == 1


def test_the_stream_delivers_each_reading(lively):
    with httpx.stream("GET", f"{lively.url}/v0/wrpi/stream", auth=("any", lively.password)) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        lines = [line for line, _ in zip(answer.iter_lines(), range(40))]
    assert {line.partition(":")[0] for line in lines} == {"event", "id", "data", ""}
    data = [line.removeprefix("data: ") for line in lines if line.startswith("data: ")]
    assert len(set(data)) == 10 and all(map(READING.fullmatch, data))

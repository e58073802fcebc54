"""Clients that two generators make from the OpenAPI document work: every operation, every error that they can get."""

import importlib
import json
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

TOOLS = Path(sys.executable).parent
PATHS = ["reading", "stream", "index", "description"]
# Name of the fixture, a path before the API's, headers, whether to send the password, and the error.
ERRORS = {
    400: ("steady", "", {"Host": "a@b"}, True, "bad_request"),
    401: ("steady", "", {}, False, "forbidden"),
    404: ("steady", "/elsewhere", {}, True, "not_found"),
    429: ("strict", "", {}, True, "throttled"),
    503: ("empty", "", {}, True, "unavailable"),
}
# These need no password and no reading.
PUBLIC = {"index": [400, 404], "description": [400, 404]}
CALLS = [(method, path, status) for path in PATHS for status in PUBLIC.get(path, ERRORS) for method in ("get", "head")]


@pytest.fixture(scope="module")
def generated(document, tmp_path_factory):
    """A directory with both clients, from which they can be imported."""
    directory = tmp_path_factory.mktemp("generated")
    source = directory / "openapi.json"
    source.write_text(json.dumps(document))
    commands = [
        ["openapi-python-client", "generate", "--path", source, "--meta", "none", "--output-path", directory / "typed"],
        ["openapi-generator-cli", "generate", "-i", source, "-g", "python", "-o", directory, "--package-name", "classic"],
    ]
    for command in commands:
        path = {"PATH": f"{TOOLS}:/usr/bin:/bin"}
        result = subprocess.run([TOOLS / command[0], *command[1:]], env=path, capture_output=True, text=True, timeout=120)
        assert result.returncode == 0, result.stdout + result.stderr
        assert "WARNING" not in result.stdout + result.stderr, result.stdout + result.stderr
    sys.path.insert(0, str(directory))
    yield directory
    sys.path.remove(str(directory))


def typed(service, prefix, headers, has_password, method, path):
    """Calls an operation with the client of openapi-python-client. Returns the status and the parsed body."""
    client = importlib.import_module("typed.client").Client(
        base_url=service.url + prefix,
        headers=headers,
        timeout=httpx.Timeout(20),
        httpx_args={"auth": ("any", service.password) if has_password else None},
    )
    answer = importlib.import_module(f"typed.api.default.{method}_{path}").sync_detailed(client=client)
    return answer.status_code, answer.parsed and answer.parsed.to_dict()


def classic(service, prefix, headers, has_password, method, path):
    """Calls an operation with the client of openapi-generator."""
    module = importlib.import_module("classic")
    credentials = {"username": "any", "password": service.password} if has_password else {}
    # By default, its urllib3 repeats a request after 429 and 503 when Retry-After has passed.
    with module.ApiClient(module.Configuration(host=service.url + prefix, retries=False, **credentials)) as client:
        call = getattr(module.DefaultApi(client), f"{method}_{path}_with_http_info")
        try:
            answer = call(_headers=headers, _request_timeout=60)
        except module.ApiException as error:
            return error.status, error.data and error.data.to_dict()
        return answer.status_code, answer.data and (answer.data if isinstance(answer.data, dict) else answer.data.to_dict())


@pytest.fixture(params=[typed, classic], ids=lambda client: client.__name__)
def call(request, generated):
    return request.param


@pytest.mark.parametrize("path", ["reading", "index", "description"])
def test_operations_return_what_the_document_describes(call, steady, path):
    needed = {"reading": "latest_value", "index": "routes", "description": "openapi"}
    status, body = call(steady, "", {}, True, "get", path)
    assert status == 200 and needed[path] in body
    assert call(steady, "", {}, True, "head", path) == (200, None)
    for method in ("get", "head"):
        assert call(steady, "", {"If-None-Match": "*"}, True, method, path) == (304, None)


@pytest.mark.parametrize("path", PATHS)
def test_preflights_return_nothing(call, steady, path):
    assert call(steady, "", {}, False, "preflight", path) == (204, None)


@pytest.mark.parametrize("method, path, status", CALLS)
def test_errors_are_parsed(call, method, path, status, request):
    fixture, prefix, headers, has_password, code = ERRORS[status]
    service = request.getfixturevalue(fixture)
    if status == 429:
        httpx.get(f"{service.url}/v0/wrpi", auth=("any", secrets.token_hex(8)))
    got, body = call(service, prefix, headers, has_password, method, path)
    assert got == status
    assert body is None if method == "head" else body["error_code"] == code


def test_the_stream_can_be_followed(generated, lively):
    assert typed(lively, "", {}, True, "head", "stream") == classic(lively, "", {}, True, "head", "stream") == (200, None)
    request = importlib.import_module("typed.api.default.get_stream")._get_kwargs()
    client = importlib.import_module("typed.client").Client(base_url=lively.url, httpx_args={"auth": ("any", lively.password)})
    with client.get_httpx_client().stream(**request) as answer:
        assert [line for line, _ in zip(answer.iter_lines(), range(8))].count("event: wrpi") == 2
    module = importlib.import_module("classic")
    configuration = module.Configuration(host=lively.url, username="any", password=lively.password)
    with module.ApiClient(configuration) as client:
        answer = module.DefaultApi(client).get_stream_without_preload_content(_request_timeout=60)
        assert answer.readline() == b"event: wrpi\n"
        answer.close()

"""The description of the API is valid, and says what the API does: no less and no more."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from openapi_spec_validator import validate

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
OF_THE_CONNECTION = {"connection", "content-length", "content-type", "date", "transfer-encoding"}


def test_the_description_is_valid(document):
    assert document["openapi"].startswith("3.1.")
    validate(document)


def test_every_route_that_the_index_names_is_described(steady, document):
    assert list(document["paths"]) == requests.get(steady.url).json()["routes"]


# Without a reading the answer is 503, as described, which is no fault of the server's.
@pytest.mark.parametrize("state, excluded", [("lively", []), ("empty", ["--exclude-checks=not_a_server_error"])])
def test_schemathesis_finds_nothing_to_complain_about(state, excluded, request, tmp_path):
    service = request.getfixturevalue(state)
    options = ["--checks=all", *excluded, "--max-examples=40", "--request-timeout=1", "--generation-database=none"]
    run = ["--no-color", "run", f"{service.url}/openapi.json", f"--auth=any:{service.password}", *options]
    result = subprocess.run([SCHEMATHESIS, *run], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "Tested: 11" in result.stdout


PREFLIGHT = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "traceparent"}
# Method, path (of each route where it is None), whether with the password, and more headers.
REQUESTS = [
    ("GET", None, True, {}),
    ("HEAD", None, True, {}),
    ("GET", None, True, {"If-None-Match": "*"}),
    ("OPTIONS", None, False, PREFLIGHT),
    ("POST", None, True, {}),
    ("GET", "/elsewhere", True, {}),
    ("GET", None, False, {}),
    ("HEAD", None, False, {}),
]


@pytest.mark.parametrize(
    "state, statuses",
    [("steady", {200, 204, 304, 401, 404, 405}), ("empty", {200, 204, 401, 404, 405, 503}), ("strict", {429})],
)
def test_every_header_that_is_sent_is_described_and_the_other_way_round(state, statuses, request, document):
    service, seen = request.getfixturevalue(state), set()
    if state == "strict":
        requests.get(f"{service.url}/v0/wrpi", auth=("any", "a guess"))
    for route, operations in document["paths"].items():
        for method, path, has_password, headers in REQUESTS:
            auth = ("any", service.password) if has_password else None
            headers = headers | {"X-Request-Id": "7f3a"}
            target = service.url + (path or route)
            with requests.request(method, target, auth=auth, headers=headers, stream=True) as answer:
                operation = operations.get(method.lower(), operations["get"])
            reference = operation["responses"][str(answer.status_code)]["$ref"]
            described = document["components"]["responses"][reference.rpartition("/")[2]]
            sent = {name.lower() for name in answer.headers} - OF_THE_CONNECTION
            assert sent <= described["headers"].keys(), (method, target)
            # HTTPS alone has the first, and a list of allowed origins the second.
            assert described["headers"].keys() - sent <= {"strict-transport-security", "vary"}, (method, target)
            content_type = answer.headers.get("Content-Type", "").partition(";")[0]
            assert "".join(described.get("content", {})) == content_type, (method, target)
            seen.add(answer.status_code)
    assert statuses <= seen

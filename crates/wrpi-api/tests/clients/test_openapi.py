"""The OpenAPI document is valid and describes exactly what the API does."""

import re
import secrets
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from openapi_spec_validator import validate

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
OF_THE_CONNECTION = {"connection", "content-length", "content-type", "date", "transfer-encoding"}


def test_the_document_is_valid(document):
    assert document["openapi"].startswith("3.1.")
    validate(document)


# Without a reading the API answers 503, as documented. schemathesis would report it as a server error.
@pytest.mark.parametrize("state, excluded", [("lively", []), ("empty", ["--exclude-checks=not_a_server_error"])])
def test_schemathesis_reports_nothing(state, excluded, request, document, tmp_path):
    service = request.getfixturevalue(state)
    options = ["--checks=all", *excluded, "--max-examples=40", "--request-timeout=3", "--generation-database=none"]
    run = ["--no-color", "run", f"{service.url}/openapi.json", f"--auth=any:{service.password}", *options]
    result = subprocess.run([SCHEMATHESIS, *run], cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    # It does not test the operation from which it has read the document.
    operations = sum(len(methods) for methods in document["paths"].values()) - 1
    assert f"Tested: {operations}\n" in result.stdout


PREFLIGHT = {"Origin": "https://app.example.com", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "traceparent"}
# Method, path (None: each route), whether to send the password, additional headers.
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
def test_the_document_describes_exactly_the_headers_that_are_sent(state, statuses, request, document):
    service, seen = request.getfixturevalue(state), set()
    if state == "strict":
        requests.get(f"{service.url}/v0/wrpi", auth=("any", secrets.token_hex(8)))
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
            # The first is sent only over HTTPS, the second only with a list of allowed origins.
            assert described["headers"].keys() - sent <= {"strict-transport-security", "vary"}, (method, target)
            content_type = answer.headers.get("Content-Type", "").partition(";")[0]
            # The description of HEAD has no content: generated clients would parse the empty body.
            wanted = {""} if method == "HEAD" else {content_type}
            assert {"".join(described.get("content", {}))} == wanted, (method, target)
            seen.add(answer.status_code)
    assert statuses <= seen

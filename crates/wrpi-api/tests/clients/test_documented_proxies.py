"""Each proxy of docs/https.md, with the lines that its row names: events are not delayed, a known reading gets 304, and
wrong passwords are counted by client."""

import base64
import re
import shutil
import socket
import subprocess
import time
from urllib.parse import urlsplit

import httpx
import pytest
from conftest import PATIENCE, ROOT, running, wait_for

NGINX = """
daemon off; master_process off; pid DIRECTORY/pid; error_log stderr crit;
events {}
http {
    access_log DIRECTORY/access; client_body_temp_path DIRECTORY/body; proxy_temp_path DIRECTORY/proxy;
    fastcgi_temp_path DIRECTORY/fastcgi; uwsgi_temp_path DIRECTORY/uwsgi; scgi_temp_path DIRECTORY/scgi;
    gzip on; gzip_proxied any; gzip_min_length 1; gzip_types application/json text/event-stream;
    server {
        listen 127.0.0.1:PORT;
        location / { root DIRECTORY; }
        location /v0/ { proxy_pass http://127.0.0.1:API; SETTINGS }
    }
}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
    compression algo gzip
    compression type application/json text/event-stream
listen api
    bind 127.0.0.1:PORT
    SETTINGS
    server api 127.0.0.1:API
"""
APACHE = """
ServerRoot /usr/lib/apache2
ServerName localhost
PidFile DIRECTORY/pid
ErrorLog DIRECTORY/error
Mutex file:DIRECTORY
Listen 127.0.0.1:PORT
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule filter_module modules/mod_filter.so
LoadModule deflate_module modules/mod_deflate.so
LoadModule env_module modules/mod_env.so
LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so
AddOutputFilterByType DEFLATE application/json text/event-stream
ProxyPass / http://127.0.0.1:API/
SETTINGS
"""
LIGHTTPD = """
server.document-root = "DIRECTORY"
server.bind = "127.0.0.1"
server.port = PORT
server.modules = ("mod_proxy", "mod_deflate")
deflate.mimetypes = ("application/json", "text/event-stream")
proxy.server = ("" => (("host" => "127.0.0.1", "port" => API)))
SETTINGS
"""
CADDY = """
{
    admin off
    storage file_system DIRECTORY
}
http://127.0.0.1:PORT {
    encode gzip
    reverse_proxy 127.0.0.1:API {
        SETTINGS
    }
}
"""
PROXIES = {
    "nginx": (NGINX, lambda path: ["nginx", "-e", "stderr", "-c", path]),
    "HAProxy": (HAPROXY, lambda path: ["haproxy", "-db", "-f", path]),
    "Apache": (APACHE, lambda path: ["apache2", "-X", "-f", path]),
    "lighttpd": (LIGHTTPD, lambda path: ["lighttpd", "-D", "-f", path]),
    "Caddy": (CADDY, lambda path: ["caddy", "run", "--adapter", "caddyfile", "--config", path]),
}


def documented():
    """The names of the proxies in docs/https.md, with their lines of configuration."""
    rows = re.findall(r"^\| (\w+) \(([\d.]+)\) \|([^|]*)\|", (ROOT / "docs/https.md").read_text(), re.MULTILINE)
    return {name: re.findall("`([^`]+)`", settings) for name, _version, settings in rows}


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


@pytest.fixture
def start(tmp_path):
    """Starts a proxy in front of a port, with these lines in its configuration. Returns its URL."""
    processes = []

    def start(name, api_port, settings):
        template, command = PROXIES[name]
        assert shutil.which(command("")[0]), f"{name} is missing: `make api-test` installs it"
        path, port = tmp_path / "configuration", free_port()
        for placeholder, value in {
            "SETTINGS": "\n".join(settings), "DIRECTORY": tmp_path, "API": api_port, "PORT": port
        }.items():
            template = template.replace(placeholder, str(value))
        path.write_text(template)
        environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(tmp_path)}
        processes.append(subprocess.Popen(command(path), env=environment))
        wait_for(port, processes[-1])
        return f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.kill()
        process.wait()


def test_the_page_names_every_proxy():
    assert documented().keys() == PROXIES.keys()


@pytest.mark.parametrize("name", PROXIES)
def test_events_are_not_delayed(name, start):
    with running("wrpi-standalone", UPDATE_INTERVAL="2s") as api:
        url, auth = start(name, urlsplit(api.url).port, documented()[name]), ("any", api.password)
        headers, seen = {"Accept-Encoding": "gzip"}, 0
        with httpx.stream("GET", f"{url}/v0/wrpi/stream", auth=auth, headers=headers, timeout=PATIENCE) as answer:
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    seen += 1
                    assert seen < 30, "each event was late"
                    # A proxy that fills a buffer first delivers old events.
                    if seen > 1 and httpx.get(f"{api.url}/v0/wrpi", auth=auth).headers["ETag"] == line.removeprefix("id: "):
                        return


@pytest.mark.parametrize("name", PROXIES)
def test_a_known_reading_gets_304(name, start, steady):
    url = start(name, urlsplit(steady.url).port, documented()[name]) + "/v0/wrpi"
    with httpx.Client(timeout=PATIENCE, auth=("any", steady.password), headers={"Accept-Encoding": "gzip"}) as client:
        answer = client.get(url)
        assert answer.status_code == 200
        assert client.get(url, headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize("name", PROXIES)
def test_a_client_cannot_choose_its_address(name, start):
    limits = {"AUTH_GUESSES": "1", "AUTH_GUESS_REFILL": "60m", "CLIENT_IP_SOURCE": "x-forwarded-for"}
    with running("wrpi-standalone", **limits) as api:
        url = start(name, urlsplit(api.url).port, documented()[name]) + "/v0/wrpi"
        direct = httpx.get(f"{api.url}/v0/wrpi", auth=("any", api.password), headers={"X-Forwarded-For": "192.0.2.9"})
        assert direct.status_code == 200
        for password, address, status in [("a guess", "192.0.2.1", 401), (api.password, "192.0.2.2", 429)]:
            answer = httpx.get(url, auth=("any", password), headers={"X-Forwarded-For": address})
            assert answer.status_code == status
        # The proxy's entry is the client's address, and not missing: a client elsewhere has its own limit.
        direct = httpx.get(f"{api.url}/v0/wrpi", auth=("any", api.password), headers={"X-Forwarded-For": "192.0.2.2"})
        assert direct.status_code == 200


def test_event_source_works_behind_a_proxy_that_adds_the_password(start, tmp_path):
    page = (ROOT / "docs/clients.md").read_text()
    recipe = re.search(r"```js\n(// EventSource.*?)```", page, re.DOTALL).group(1)
    [line] = re.findall(r"^ *(proxy_set_header Authorization .*;)$", page, re.MULTILINE)
    (tmp_path / "index.html").write_text(
        f"<script>{recipe}; function show(reading) {{ fetch('/shown/' + reading.latest_value) }}</script>"
    )
    with running("wrpi-standalone", UPDATE_INTERVAL="1s") as api:
        password = api.password
    port = urlsplit(api.url).port
    credentials = base64.b64encode(f"any:{password}".encode()).decode()
    settings = [*documented()["nginx"], line.replace("BASE64", credentials)]
    url = start("nginx", port, settings)
    options = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}/profile", "--remote-debugging-port=0"]
    browser = subprocess.Popen(["chromium", *options, url], env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}, stderr=subprocess.DEVNULL)
    try:
        # The first answer is an error (502), after which a bare EventSource gives up.
        logged(tmp_path, r'"GET /v0/wrpi/stream HTTP/1.1" 502')
        with running("wrpi-standalone", UPDATE_INTERVAL="1s", LISTEN_ADDR=f"127.0.0.1:{port}", APP_PASSWORD=password):
            logged(tmp_path, r"GET /shown/[\d.]+(.|\n)*GET /shown/[\d.]+")
    finally:
        browser.kill()
        browser.wait()


def logged(directory, pattern):
    """Waits until nginx has logged requests that match."""
    end = time.monotonic() + PATIENCE
    while not re.search(pattern, (directory / "access").read_text()):
        assert time.monotonic() < end, (directory / "access").read_text()
        time.sleep(0.1)

"""Pages, the policy, and what is said when the broker is away."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

import pytest
from server import App, make_server, read_secret
from slip_sockets import tokens

SECRET = "a secret of the tests"
SERVER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "server.py")


@pytest.fixture(name="url")
def url_fixture():
    """The application; its broker is away."""
    server = make_server(App(SECRET, "ws://127.0.0.1:8080", "http://127.0.0.1:1"), "127.0.0.1", 0)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def get(url, method="GET", **headers):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers, method=method)) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.mark.parametrize("path, kind", [("/", "text/html; charset=utf-8"), ("/?a=b", "text/html; charset=utf-8"),
                                        ("/style.css", "text/css; charset=utf-8"), ("/healthz", "text/plain"),
                                        ("/cage.js", "text/javascript; charset=utf-8"), ("/icon.svg", "image/svg+xml")])
def test_pages(url, path, kind):
    status, headers, body = get(url + path)
    assert status == 200 and headers["Content-Type"] == kind and body
    status, again, nothing = get(url + path, method="HEAD")
    assert (status, again["Content-Length"], nothing) == (200, str(len(body)), b"")


@pytest.mark.parametrize("path", ["/server.py", "/../server.py", "/%2e%2e/server.py", "/public/index.html"])
def test_nothing_else(url, path):
    assert get(url + path)[0] == 404


@pytest.mark.parametrize("host, websocket", [
    ("10.0.0.1:3000", "ws://10.0.0.1:8080"), ("my-machine", "ws://my-machine:8080"), ("[::1]:3000", "ws://[::1]:8080"),
    ("evil; script-src *", "ws://127.0.0.1:8080"), ("a@b", "ws://127.0.0.1:8080"), ("a b", "ws://127.0.0.1:8080")])
def test_the_page_connects_where_it_came_from(url, host, websocket):
    status, headers, body = get(f"{url}/config.json", Host=host)
    assert status == 200 and json.loads(body) == {"websocketUrl": websocket}
    assert re.search("connect-src ([^;]*)", headers["Content-Security-Policy"])[1] == f"'self' {websocket}"


def test_unless_the_broker_has_a_name_of_its_own():
    app = App(SECRET, "wss://sockets.example/path", "http://127.0.0.1:1")
    assert app.websocket_for("page.example") == "wss://sockets.example/path"


def test_the_list_when_the_broker_is_away(url):
    assert get(f"{url}/connections")[0] == 503


def test_events_need_a_token(url):
    body = json.dumps({"connectionId": "c", "metadata": None, "events": [{"type": "CLOSE", "connectionId": "c"}]}).encode()
    for bearer, status in (("no", 403), (tokens.sign(SECRET, tokens.EVENT), 200)):
        request = urllib.request.Request(url, body, {"Authorization": f"Bearer {bearer}"})
        try:
            with urllib.request.urlopen(request) as answer:
                assert answer.status == status and json.load(answer)["events"][0]["type"] == "PUBLISH_TEXT"
        except urllib.error.HTTPError as error:
            assert error.code == status


def test_the_secret(tmp_path):
    (tmp_path / "secret").write_text("one,two\n")
    assert read_secret({"JWT_SECRET_FILE": str(tmp_path / "secret")}) == "one,two"
    assert read_secret({"JWT_SECRET": "x", "JWT_SECRET_FILE": "/none"}) == "x"
    with pytest.raises(ValueError):
        read_secret({})


def run(**environment):
    return subprocess.Popen([sys.executable, SERVER], env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **environment},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_and_stops(number):
    with run(JWT_SECRET=SECRET, PORT="0") as process:
        address = re.search(r"http://\S+", process.stdout.readline())[0]
        assert get(f"{address}healthz")[2] == b"ok"
        process.send_signal(number)
        assert process.wait(20) == 0 and process.stderr.read() == ""


@pytest.mark.parametrize("settings, code, reason", [
    ({}, 2, "JWT_SECRET or JWT_SECRET_FILE is needed"), ({"JWT_SECRET": "x", "PORT": "many"}, 2, "many"),
    ({"JWT_SECRET_FILE": "/none"}, 2, "/none"), ({"JWT_SECRET": "x", "HOST": "256.0.0.1"}, 1, "")])
def test_settings_that_are_wrong(settings, code, reason):
    with run(**settings) as process:
        assert process.wait(20) == code
        said = process.stderr.read()
        assert said.startswith("cage-socket: ") and reason in said and said.count("\n") == 1

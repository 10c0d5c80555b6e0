"""The page on control's admin address: its files, and the REST API behind it. How it looks and works
in a browser is tests/browser/test_admin.py's."""

import re
import signal
import threading
import time

import pytest
from harness.rest import Rest
from harness.stack import SECRET
from harness.wait import until


@pytest.fixture(name="admin")
def admin_fixture(ring):
    """Requests to control's admin address."""
    return admin_of(ring)


def admin_of(stack, index=0):
    return Rest(f"http://127.0.0.1:{stack.controls[index].admin_port}", SECRET)


def files(admin):
    """Every path that the page and its modules lead to."""
    found, left = set(), ["/"]
    while left:
        path = left.pop()
        if path in found:
            continue
        found.add(path)
        text = admin.request("GET", path, token=None).text
        left += re.findall(r'(?:href|src)="(/console/[^"]+)"', text)
        for module in re.findall(r"from '(\.[^']+)'", text):
            parts = path.split("/")[:-1]
            for step in module.split("/"):
                parts = parts[:-1] if step == ".." else parts if step == "." else parts + [step]
            left.append("/".join(parts))
    return sorted(found)


def test_every_file_is_served_and_locked_down(admin):
    paths = files(admin)
    assert {"/", "/console/style.css", "/console/icon.svg", "/console/views/login.js"} <= set(paths)
    for path in paths:
        answer = admin.request("GET", path, token=None)
        assert answer.status == 200 and answer.body, path
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == policy["frame-ancestors"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'" and policy["trusted-types"] == "'none'"
        assert "unsafe" not in str(policy)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-cache"
        assert answer.headers["Access-Control-Allow-Origin"] is None
        kind = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}.get(path.rpartition(".")[2], "text/html")
        assert answer.headers.get_content_type() == kind, path


def test_what_a_browser_has_is_not_sent_again(admin):
    etags = set()
    for path in ("/", "/console/app.js"):
        first = admin.request("GET", path, token=None)
        etag = first.headers["ETag"]
        etags.add(etag)
        for known in (etag, f"W/{etag}", f'"other", {etag}', "*"):
            again = admin.request("GET", path, token=None, headers={"If-None-Match": known})
            assert again.status == 304 and not again.body and again.headers["ETag"] == etag, known
            assert "Content-Security-Policy" in again.headers
        assert admin.request("GET", path, token=None, headers={"If-None-Match": '"other"'}).body == first.body
        head = admin.request("HEAD", path, token=None)
        assert head.status == 200 and not head.body and head.headers["ETag"] == etag
        assert head.headers["Content-Length"] == str(len(first.body))
    assert len(etags) == 2


def test_other_methods_and_paths(admin):
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        answer = admin.request(method, "/", token=None)
        assert answer.status == 405 and answer.headers["Allow"] == "GET, HEAD", method
    for path in ("/nothing", "/console", "/console/", "/console/index.html", "/console/app.j", "/console/../main.c",
                 "/console/%2e%2e/main.c", "//", "/v2/status"):
        answer = admin.request("GET", path, token=None)
        assert answer.status in (400, 404), path
        assert answer.headers.get_content_type() == "application/problem+json"
    assert admin.request("GET", "/healthz", token=None).text == "ok\n"
    # the contract's end point is where it was, and only there
    assert admin.request("POST", "/", {"events": []}).status == 405
    assert admin.request("POST", "/events", {"events": []}).status == 404


def test_the_api_behind_the_page_asks_for_the_same_token(ring, admin):
    client = ring.connect()
    me = ring.backend.wait_for("OPEN")[0]["connectionId"]
    path = f"/v1/connections/{me}/messages"
    for token in (None, "nonsense", admin.token(aud="WebSocketEvent"), admin.token(exp=int(time.time()) - 60),
                  admin.token(secret="another secret, which is long enough as well")):
        for method, where, body in (("GET", "/v1/status", None), ("GET", "/v1/processes", None), ("POST", path, {"data": "no"})):
            answer = admin.request(method, where, body, token=token)
            assert answer.status == 403 and answer.json["type"] == "/problems/invalid-token", (where, token)
    # a page of another origin gets no leave to send the header
    preflight = admin.request("OPTIONS", path, token=None, headers={
        "Origin": "http://elsewhere.example", "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization"})
    assert preflight.status == 403
    assert not [name for name in preflight.headers if name.lower().startswith("access-control")]
    assert admin.request("POST", path, {"data": "yes"}).status == 200
    assert client.receive() == "yes"
    assert admin.request("POST", path, {"data": "x" * 300000}).status == 413


def test_only_control_has_it(ring):
    for process in (ring.edge, ring.router, ring.worker):
        for path in ("/", "/v1/status", "/console/app.js"):
            assert process.admin(path)[0] == 404, (process.name, path)


def test_it_can_be_switched_off(stacks):
    stack = stacks(CONSOLE="off")
    admin = admin_of(stack)
    for path in ("/", "/console/app.js", "/v1/status", "/v1/processes"):
        assert admin.request("GET", path).status == 404, path
    assert admin.request("GET", "/healthz", token=None).status == 200
    assert stack.rest.request("GET", "/v1/processes").status == 200


def test_a_process_that_hangs_is_shown_without_figures(stacks):
    stack = stacks(workers=2, routers=2, controls=2, PEER_TIMEOUT="20s")
    admin = admin_of(stack)

    def read():
        items = admin.request("GET", "/v1/processes").json["items"]
        return {role: [each for each in items if each["role"] == role]
                for role in ("edge", "router", "webhook-worker", "control")}

    def all_answer():
        found = read()
        return (len(found["edge"]), len(found["router"]), len(found["webhook-worker"]), len(found["control"])) == (1, 2, 2, 2) \
            and all(each["metrics"] for role in ("edge", "router", "webhook-worker") for each in found[role])

    until(all_answer, read)
    # the other control is known from the links of edges and workers
    assert [bool(each["metrics"]) for each in read()["control"]].count(True) == 1
    stack.workers[1].signal(signal.SIGSTOP)
    answers = [[] for _ in range(5)]
    threads = [threading.Thread(target=lambda into=into: into.append(read())) for into in answers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for found, in answers:
        assert sorted(bool(each["metrics"]) for each in found["webhook-worker"]) == [False, True]
        assert all(each["metrics"] for role in ("edge", "router") for each in found[role])
    stack.workers[1].signal(signal.SIGCONT)
    until(all_answer, read)

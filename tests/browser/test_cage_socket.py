"""Cage Socket behind deploy/up, as people see it in a browser."""

import http.client
import json
import os
import signal
import urllib.parse
import urllib.request

import pytest
from harness.client import Client
from harness.wait import until
from look import CONTRASTS, assert_inside, errors, picture

EXAMPLE = "cage-socket"
RIGHT_ARROW = "\ue014"

FACES = """return Object.fromEntries([...document.querySelectorAll('#faces li')]
    .map(face => [face.dataset.id, face.dataset.direction]))"""
SELF = "return document.querySelector('#faces li.self')?.dataset.id"


def come(browser, stack):
    page = browser.open(stack.address)
    page.wait(SELF, what="a face of its own")
    return page


def wait_faces(pages, *directions):
    """All pages show the same faces, which look in these directions; returns what they show."""
    def same():
        seen = [page.run(FACES) for page in pages]
        good = all(faces == seen[0] for faces in seen) and sorted(seen[0].values()) == sorted(directions)
        return seen[0] if good else None

    faces = until(same, lambda: f"{directions}, but there is {[page.run(FACES) for page in pages]}", 60)
    for page in pages:
        assert page.text("#count") == str(len(directions))
    return faces


def turn(page, direction):
    page.click(f"button[data-direction={direction}]")


def connections(stack):
    """What the backend's own list says."""
    with urllib.request.urlopen(f"{stack.address}connections") as answer:
        return {face["id"]: face["direction"] for face in json.load(answer)}


def test_open_turn_close(browser, stack):
    pages = [come(browser, stack) for _ in range(3)]
    ids = [page.run(SELF) for page in pages]
    assert len(set(ids)) == 3
    faces = wait_faces(pages, "centre", "centre", "centre")
    assert set(faces) == set(ids)
    turn(pages[0], "left")
    faces = wait_faces(pages, "left", "centre", "centre")
    assert faces[ids[0]] == "left", "another face has turned"
    turn(pages[1], "right")
    faces = wait_faces(pages, "left", "right", "centre")
    assert faces[ids[1]] == "right"
    pages[2].type("body", RIGHT_ARROW)
    faces = wait_faces(pages, "left", "right", "right")
    turn(pages[0], "centre")
    faces = wait_faces(pages, "centre", "right", "right")
    until(lambda: connections(stack) == faces, lambda: f"{faces}, but the list is {connections(stack)}")
    for page, own in zip(pages, ids):
        pressed = page.run("return [...document.querySelectorAll('button[aria-pressed=true]')].map(b => b.dataset.direction)")
        assert pressed == [faces[own]]
        assert page.texts("li.self p") == ["you"] and f"{own[-4:]}" not in page.texts("#faces p")
    pages[1].close()
    faces = wait_faces([pages[0], pages[2]], "centre", "right")
    assert set(faces) == {ids[0], ids[2]}
    until(lambda: connections(stack) == faces, lambda: f"{faces}, but the list is {connections(stack)}")
    assert not errors(browser)


def test_a_newcomer_sees_where_others_look(browser, stack):
    first = come(browser, stack)
    turn(first, "left")
    wait_faces([first], "left")
    second = come(browser, stack)
    faces = wait_faces([first, second], "left", "centre")
    assert faces[first.run(SELF)] == "left"
    assert first.run("return document.querySelector('li.self svg').getAttribute('aria-label')") == "you, looking left"


def test_reload(browser, stack):
    """Another connection, another id; it looks where it looked."""
    pages = [come(browser, stack), come(browser, stack)]
    turn(pages[0], "right")
    before = wait_faces(pages, "right", "centre")
    own = pages[0].run(SELF)
    pages[0].command("POST", "/refresh", {})
    until(lambda: pages[0].run(SELF) not in (None, own), "a face of its own")
    after = wait_faces(pages, "right", "centre")
    assert own in before and own not in after
    assert pages[1].run(SELF) in after


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_edge_is_restarted(browser, stack, how):
    """The pages come back by themselves, with their directions, and nobody is left over."""
    pages = [come(browser, stack) for _ in range(3)]
    for page, direction in zip(pages, ("left", "right", "centre")):
        turn(page, direction)
    before = wait_faces(pages, "left", "right", "centre")
    (edge,) = stack.running("/slip-edge")
    os.kill(edge, how)
    for page, own in zip(pages, [page.run(SELF) for page in pages]):
        page.wait("const self = document.querySelector('#faces li.self')\n"
                  "return self && self.dataset.id !== arguments[0]", own)
    after = wait_faces(pages, "left", "right", "centre")
    assert not set(after) & set(before)
    turn(pages[2], "left")
    wait_faces(pages, "left", "right", "left")
    assert not errors(browser)


def test_the_backend_is_restarted(browser, stack):
    """It keeps nothing: the faces are where they were, and turn."""
    pages = [come(browser, stack), come(browser, stack)]
    turn(pages[0], "left")
    before = wait_faces(pages, "left", "centre")
    (backend,) = stack.running("cage-socket/server.py")
    os.kill(backend, signal.SIGKILL)
    turn(pages[1], "right")  # waits in the broker
    assert wait_faces(pages, "left", "right").keys() == before.keys()
    assert stack.running("cage-socket/server.py") != [backend]
    pages.append(come(browser, stack))
    wait_faces(pages, "left", "right", "centre")


def test_a_page_that_heard_nothing_catches_up(browser, stack):
    """News that were lost, or came before the page listened, are in the list."""
    first = come(browser, stack)
    deaf = browser.open("about:blank")
    deaf.devtools("Page.enable")
    deaf.devtools("Page.addScriptToEvaluateOnNewDocument", source="""
        const { set } = Object.getOwnPropertyDescriptor(WebSocket.prototype, 'onmessage')
        Object.defineProperty(WebSocket.prototype, 'onmessage', { set(heard) {
            set.call(this, (event) => { if (!window.isDeaf || JSON.parse(event.data).type === 'you') heard(event) })
        } })""")
    deaf.command("POST", "/url", {"url": stack.address})
    wait_faces([first, deaf], "centre", "centre")
    deaf.run("window.isDeaf = true")
    turn(first, "left")
    third = come(browser, stack)
    wait_faces([first, third, deaf], "left", "centre", "centre")
    third.close()
    wait_faces([first], "left", "centre")
    deaf.run("document.dispatchEvent(new Event('visibilitychange'))")  # somebody looks at it
    wait_faces([first, deaf], "left", "centre")


def test_strangers_are_not_believed(browser, stack):
    """Whoever sends nonsense by a socket of his own is told so, and changes nothing."""
    page = come(browser, stack)
    url = urllib.parse.urlsplit(stack.outputs()["slip-sockets.websocketUrl"])
    stranger = Client(url.hostname, url.port)
    stranger.open("/?direction=%3Cscript%3E")
    me = json.loads(stranger.receive())
    assert me["type"] == "you"
    assert json.loads(stranger.receive()) == {"id": me["id"], "type": "face", "direction": "centre", "turns": 0}
    wait_faces([page], "centre", "centre")
    for nonsense in ("up", "", "{}", "<b>left</b>"):
        stranger.send(nonsense)
        assert json.loads(stranger.receive())["type"] == "refused"
    stranger.send(b"left")
    stranger.send("right")
    assert json.loads(stranger.receive())["direction"] == "right"
    assert wait_faces([page], "centre", "right")[me["id"]] == "right"
    stranger.drop()
    wait_faces([page], "centre")
    # Members of the channel that are not ours do not appear.
    (own,) = connections(stack)
    stack.rest.request("PUT", f"/v1/connections/{own}/metadata", {"direction": "<b>"})
    until(lambda: not connections(stack), "the list to be empty")
    assert not errors(browser)


def test_the_policy_is_strict(browser, stack):
    """Nothing of others runs or loads, and the page gets along with that."""
    page = come(browser, stack)
    url = urllib.parse.urlsplit(stack.address)
    for path in ("", "style.css", "cage.js", "icon.svg", "config.json", "connections", "nothing"):
        with_name = http.client.HTTPConnection(url.hostname, url.port)
        with_name.request("GET", f"/{path}", headers={"Host": "cage.example:1234"})
        answer = with_name.getresponse()
        answer.read()
        policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
        port = urllib.parse.urlsplit(stack.outputs()["slip-sockets.websocketUrl"]).port
        assert policy == {
            "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self'",
            "connect-src": f"'self' ws://cage.example:{port}", "base-uri": "'none'", "form-action": "'none'",
            "frame-ancestors": "'none'"}
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.status == (404 if path == "nothing" else 200)
        with_name.close()
    assert not errors(browser), "the page itself is held up by its policy"
    page.run("""const script = document.createElement('script')
        script.textContent = 'window.intruder = true'
        document.body.append(script)
        document.body.insertAdjacentHTML('beforeend', '<img src=x onerror="window.intruder = true">')""")
    assert page.run("return window.intruder") is None
    assert any("Content Security Policy" in message for message in errors(browser))


@pytest.mark.parametrize("width, height", [(360, 740), (1280, 800)], ids=["phone", "desk"])
def test_how_it_looks(browser, stack, width, height):
    """Nothing sticks out, everything can be reached and read; and pictures for people."""
    page = browser.open("about:blank")
    page.show_as(width, height, scale=2 if width < 500 else 1, mobile=width < 500)
    page.command("POST", "/url", {"url": stack.address})
    wait_faces([page], "centre")
    for scheme in picture(page, f"cage-socket-{width}", "alone"):
        assert not page.run(CONTRASTS), scheme
    others = [come(browser, stack) for _ in range(5)]
    for other, direction in zip([page, *others], ("right", "left", "right", "centre", "left")):
        turn(other, direction)
    wait_faces([page], "right", "right", "left", "left", "centre", "centre")
    page.wait("return document.getAnimations().length === 0", what="all to stand still")
    for scheme in picture(page, f"cage-socket-{width}"):
        assert not page.run(CONTRASTS), scheme
    assert_inside(page, width, height, "header", "#status", "#here", "footer", "button", "button:last-child", "li.self")
    page.run("window.setTimeout = () => 0")  # it shall not come back
    stack.rest.events({"type": "CLOSE_CHANNEL", "channelId": "cage", "code": 1012})
    page.wait("return document.querySelector('#status').dataset.state === 'closed'")
    assert page.run("return [...document.querySelectorAll('button')].every(button => button.disabled)")
    page.wait("return document.getAnimations().length === 0", what="all to stand still")
    for scheme in picture(page, f"cage-socket-{width}", "lost"):
        assert not page.run(CONTRASTS), scheme
    assert not errors(browser)

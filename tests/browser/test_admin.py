"""The page on control's admin address, as an operator uses it; its files and headers are
tests/e2e/test_console.py's."""

import os
import signal
import threading
import time

import pytest
from harness.backend import Reply, accept
from harness.ports import free_port
from harness.fixtures import postgres_fixture  # noqa: F401
from harness.stack import Stack
from harness.wait import until
from look import CONTRASTS, PICTURES
from webdriver import ENTER

EVIL = "<img src=x onerror=\"window.evil = 'ran'\"> & <script>window.evil = 'ran'</script>"
# The page reads every 1.5 s, which is right for people.
IMPATIENT = "const later = setTimeout; window.setTimeout = (what, ms) => later(what, ms === 1500 ? 150 : ms)"
ESCAPE = "\ue00c"
TAB = "\ue004"


@pytest.fixture(name="shared_ring", scope="module")
def shared_ring_fixture(postgres):
    stack = Stack(postgres, workers=2, PEER_TIMEOUT="10s", TOKEN_LEEWAY="0s")
    until(lambda: stack.rest.request("GET", "/v1/status").status == 200, "the tables")
    yield stack
    stack.destroy()


@pytest.fixture(name="ring")
def ring_fixture(shared_ring, browser):
    """A broker without clients; the page is closed first."""
    yield shared_ring
    browser.forget()
    shared_ring.backend.handlers.clear()
    shared_ring.close_clients()
    shared_ring.wait_idle()
    for letter in shared_ring.rest.request("GET", "/v1/dead-letters").json["items"]:
        assert shared_ring.rest.request("DELETE", f"/v1/dead-letters/{letter['id']}").status == 204
    shared_ring.backend.reset()


def address(stack):
    return f"http://127.0.0.1:{stack.control.admin_port}/"


def open_page(browser, stack, width=1280, height=800, scheme="light"):
    """The page, not entered."""
    page = browser.open("about:blank")
    page.show_as(width, height, scheme, scale=1, mobile=width < 500)
    page.devtools("Page.addScriptToEvaluateOnNewDocument", source=IMPATIENT)
    page.command("POST", "/url", {"url": address(stack)})
    page.wait("return document.activeElement?.id === 'token'", what="the field for the token")
    return page


def enter(browser, stack, where="", **screen):
    """The page, entered, at a place of it."""
    page = open_page(browser, stack, **screen)
    give(page, stack.rest.token(exp=int(time.time()) + 3600))
    page.wait("return document.body.dataset.session === 'in'")
    go(page, where)
    page.wait("return document.querySelector('.health').dataset.state === 'good'")
    return page


def give(page, token):
    """Pastes a token, and presses Enter."""
    page.run("document.querySelector('#token').value = arguments[0]", token)
    page.type("#token", ENTER)


def go(page, where):
    page.run("location.hash = '#/' + arguments[0]", where)


def press(page, selector, text):
    """Clicks what has this text."""
    page.wait("""const found = [...document.querySelectorAll(arguments[0])].find(
        (element) => element.innerText.trim() === arguments[1] && element.checkVisibility())
        if (!found || found.disabled) return false
        found.click()
        return true""", selector, text, what=f"{selector} with {text!r}")


def sees(page, selector, text):
    """Waits until such an element is there, is shown, and has this text in it."""
    page.wait("""return [...document.querySelectorAll(arguments[0])].some(
        (element) => element.checkVisibility() && element.innerText.includes(arguments[1]))""",
              selector, text, what=f"{selector} with {text!r}")


def problems(browser, *expected):
    """What browsers complain about, violations of the policy included; but not of answers that a test
    is after, by their status or name."""
    return [message for level, message in browser.console()
            if level in ("SEVERE", "WARNING") and not any(each in message for each in expected)]


def member(ring, *channels, metadata=None):
    """An open client in these channels, and its id."""
    def opened(event, _):
        me = event["connectionId"]
        more = [{"type": "SUBSCRIBE", "connectionId": me, "channel": channel} for channel in channels]
        if metadata is not None:
            more.append({"type": "SET_METADATA", "connectionId": me, "metadata": metadata})
        return accept(me, *more)

    seen = len(ring.backend.seen("OPEN"))
    ring.backend.on("OPEN", opened)
    client = ring.connect()
    me = ring.backend.wait_for("OPEN", seen + 1)[seen]["connectionId"]
    until(lambda: len((ring.rest.request("GET", f"/v1/connections/{me}").json).get("channels", [])) == len(channels),
          "the rows")
    return client, me


def bury(ring, client, me, data="bad"):
    """A dead letter of the client's; its number."""
    def letters():
        return ring.rest.request("GET", f"/v1/dead-letters?connection={me}").json["items"]

    before = len(letters())
    ring.backend.on("TEXT", lambda *_: Reply(422, b"no, thanks"))
    client.send(data)
    until(lambda: len(letters()) > before, "the letter")
    return letters()[0]["id"]


# ---- entering and leaving ----

def test_a_token_lets_in_and_is_kept_nowhere_else(browser, ring):
    page = open_page(browser, ring)
    now = int(time.time())
    for token, why in (("nonsense", "This is no token"), ("a.b.c", "This is no token"),
                       (ring.rest.token(exp=now - 10), "has expired"), (ring.rest.token(exp=None), "no time of expiry"),
                       (ring.rest.token(aud="WebSocketEvent"), "not ControlEvent"),
                       (ring.rest.token(iss="somebody"), "not from slip-sockets"),
                       (ring.rest.token(secret="another secret, which is long enough"), "secret of another stack")):
        give(page, token)
        sees(page, "#token-problem", why)
        assert page.run("return document.body.dataset.session") == "out"
    good = ring.rest.token(exp=now + 3600)
    page.clear("#token")
    page.type("#token", f" Bearer {good} ")
    press(page, "button", "Enter")
    sees(page, "h1", "Overview")
    kept = "return [Object.values(sessionStorage), Object.keys(localStorage), document.cookie, location.href]"
    assert page.run(kept) == [[good], [], "", address(ring)]
    page.command("POST", "/refresh", {})
    page.wait("return document.querySelector('#connections')?.innerText === '0'", what="still in after a reload")
    press(page, "button", "Log out")
    page.wait("return document.querySelector('#token')")
    assert page.run(kept)[0] == []
    assert not problems(browser, "status of 403")


def test_an_expired_token_says_so(browser, ring):
    page = open_page(browser, ring)
    give(page, ring.rest.token(exp=int(time.time()) + 3))
    page.wait("return document.body.dataset.session === 'in'")
    sees(page, "#token-problem", "The token has expired")
    assert page.run("return sessionStorage.length") == 0
    assert not page.texts(".tile")


# ---- figures ----

def test_figures_move(browser, ring):
    page = enter(browser, ring)
    page.wait("return document.querySelector('#connections')?.innerText === '0'")
    (client, _), (other, _) = member(ring, "talk"), member(ring, "talk")
    page.wait("return document.querySelector('#connections').innerText === '2'")
    ring.backend.on("TEXT", lambda event, _: Reply(500) if event["data"] == "fail" else [
        {"type": "PUBLISH_TEXT", "channelId": "talk", "data": "to both"}])
    ends = threading.Event()

    def talk():
        while not ends.is_set():
            client.send("hello")
            for each in (client, other):
                each.receive()

    thread = threading.Thread(target=talk)
    thread.start()
    try:
        page.wait("""const [messages, deliveries, webhooks] = ['#messages', '#deliveries', '#webhooks'].map(
            (id) => Number(document.querySelector(id).innerText.replaceAll(',', '')))
            return messages > 1 && webhooks > 1 && deliveries > 1.5 * messages""", what="messages, and twice the deliveries")
    finally:
        ends.set()
        thread.join()
    page.wait("return document.querySelector('#messages').innerText === '0'", what="the rate to fall")
    assert page.run("return document.querySelectorAll('.chart .line')[1].getAttribute('d').length") > 20
    client.send("fail")
    page.wait("return !document.querySelector('#failures').innerText.startsWith('0')", what="the failure")
    sees(page, ".notices", "does not take everything")
    ring.backend.handlers.clear()
    page.wait("return document.querySelector('.notices').children.length === 0", what="the notice to go")
    assert not problems(browser)


def test_processes_and_their_links(browser, ring):
    page = enter(browser, ring, "processes")
    page.wait("return document.querySelectorAll('article[data-state=good]').length === 5")
    columns = page.run("""return Object.fromEntries([...document.querySelectorAll('.ring > section')].map((column) =>
        [column.getAttribute('aria-label'), [...column.querySelectorAll('h3')].map((name) => name.innerText)]))""")
    assert {role: len(names) for role, names in columns.items()} == {"Edges": 1, "Routers": 1, "Workers": 2, "Controls": 1}
    edge, router, control = columns["Edges"][0], columns["Routers"][0], columns["Controls"][0]
    linked = page.run("""return Object.fromEntries([...document.querySelectorAll('article')].map((card) =>
        [card.dataset.process, [...card.querySelectorAll('.links a')].map((link) => link.innerText).sort()]))""")
    assert linked[edge] == sorted([router, control])
    assert linked[router] == linked[control] == sorted([edge, *columns["Workers"]])
    assert edge in ring.edge.log() and router in ring.router.log(), "the names of the processes"
    page.run("document.querySelector('article').dataset.mark = 'stays'")
    ring.workers[0].signal(signal.SIGSTOP)
    try:
        page.wait("return document.querySelectorAll('article[data-state=bad]').length === 1")
        assert "does not answer" in page.text("article[data-state=bad]")
        go(page, "")
        sees(page, ".notices", "does not answer")
    finally:
        ring.workers[0].signal_continue()
    page.wait("return document.querySelector('.notices').children.length === 0")
    go(page, "processes")
    press(page, ".links a", router)
    sees(page, "h1", router)
    sees(page, "table[aria-label=Metrics]", "slip_roll_version")
    assert sorted(page.texts("table[aria-label=Links] a")) == linked[router]
    go(page, "processes/nobody")
    sees(page, "main", "There is no such process")
    assert not problems(browser)


def test_what_is_read_again_does_not_flicker(browser, ring):
    """Elements stay, and so do a selection and what is being typed."""
    _, me = member(ring, "still")
    page = enter(browser, ring, f"connections/{me}")
    sees(page, "#metadata", "headers")
    page.type("textarea", "half a mess")
    page.run("""window.nodes = [...document.querySelectorAll('main *')]
        window.changed = 0
        new MutationObserver((records) => window.changed += records.filter((each) => each.type === 'childList' &&
            [...each.addedNodes].some((node) => node.nodeType === 1)).length)
            .observe(document.querySelector('main'), { childList: true, subtree: true })
        window.reads = performance.getEntriesByType('resource').length
        getSelection().selectAllChildren(document.querySelector('#metadata'))""")
    page.wait("return performance.getEntriesByType('resource').length > window.reads + 8", what="several reads")
    assert page.run("return [window.changed, window.nodes.every((node) => node.isConnected)]") == [0, True]
    assert page.run("return [document.querySelector('textarea').value, getSelection().toString().includes('headers')]") == [
        "half a mess", True]


# ---- channels and connections ----

def test_from_a_channel_to_a_connection_that_gets_a_message_and_is_closed(browser, ring):
    client, me = member(ring, "room/1 ä", "second")
    other, _ = member(ring, "room/1 ä")
    page = enter(browser, ring)
    press(page, "header a", "Channels")
    press(page, "td a", "room/1 ä")
    sees(page, "main", "Members: 2")
    page.type("textarea", "to all of you")
    press(page, "button", "Send")
    assert client.receive() == other.receive() == "to all of you"
    sees(page, ".toasts", "Sent.")
    press(page, "td a", me)
    sees(page, "#channels", "second")
    sees(page, ".facts", "open")
    page.type("textarea", "one 🚀 <b>line</b>")
    press(page, "button", "Send")
    assert client.receive() == "one 🚀 <b>line</b>"
    page.wait("return document.querySelector('textarea').value === ''")
    page.click("input[name=binary]")
    page.type("textarea", "not base64!")
    press(page, "button", "Send")
    sees(page, ".toasts .bad", "data")
    page.clear("textarea")
    page.type("textarea", "AP8=")
    press(page, "button", "Send")
    assert client.receive() == b"\x00\xff"
    press(page, "button", "Close …")
    page.type("dialog", ESCAPE)
    page.wait("return !document.querySelector('dialog')", what="Escape to be a no")
    press(page, "button", "Close …")
    page.clear("dialog [name=code]")
    page.type("dialog [name=code]", "4321")
    page.type("dialog [name=reason]", "enough <i>now</i>")
    press(page, "dialog button", "Close it")
    assert client.expect_close() == (4321, "enough <i>now</i>")
    sees(page, ".badge", "ended")
    assert not page.run("return document.querySelector('textarea').checkVisibility()")
    go(page, "channels/room%2F1%20%C3%A4")
    sees(page, "main", "Members: 1")
    press(page, "button", "Close all …")
    press(page, "dialog button", "Close all")
    assert other.expect_close() == (1000, "")
    sees(page, "main", "The channel has no member")
    assert not problems(browser, "status of 404", "status of 400")


def test_searching_and_turning_pages(browser, ring):
    names = [f"page/{index:03}" for index in range(120)]
    _, me = member(ring, *names, "elsewhere")
    page = enter(browser, ring, "channels")
    shown = "return [...document.querySelectorAll('td a')].map((link) => link.innerText)"
    page.wait("return document.querySelectorAll('td a').length === 50")
    page.type("input[name=prefix]", "page/" + ENTER)
    page.wait("return location.hash === '#/channels?prefix=page%2F'")
    until(lambda: page.run(shown) == names[:50], lambda: page.run(shown))
    assert not page.run("return document.querySelector('.pager button').checkVisibility() && !document.querySelector('.pager button').disabled")
    for button, wanted in (("Next ›", names[50:100]), ("Next ›", names[100:]), ("‹ Previous", names[50:100]), ("‹ Previous", names[:50])):
        press(page, ".pager button", button)
        until(lambda: page.run(shown) == wanted, lambda: page.run(shown))  # pylint: disable=cell-var-from-loop
    page.clear("input[name=prefix]")
    page.type("input[name=prefix]", "nothing like it" + ENTER)
    sees(page, "main", "No channel begins with “nothing like it”")
    page.command("POST", "/back", {})
    until(lambda: page.run(shown) == names[:50], lambda: page.run(shown))
    go(page, "connections")
    sees(page, "table", me)
    page.type("input[name=channel]", "elsewhere" + ENTER)
    until(lambda: page.run(shown) == [me], lambda: page.run(shown))
    page.run("const state = document.querySelector('select'); state.value = 'closing'; state.dispatchEvent(new Event('change'))")
    sees(page, "main", "No connection is like that")
    page.type("input[name=id]", me + ENTER)
    sees(page, "h1", me)
    go(page, "connections/nobody%00")
    sees(page, "main", "There is no such connection")
    go(page, "no/such/place")
    sees(page, "h1", "Nothing is here")
    assert not problems(browser, "status of 404")


def test_what_others_wrote_is_only_text(browser, ring):
    client, me = member(ring, EVIL, metadata={"name": EVIL, EVIL: [EVIL]})
    letter = bury(ring, client, me, EVIL)
    page = enter(browser, ring, "channels")
    press(page, "td a", EVIL)
    sees(page, "h1", EVIL)
    press(page, "td a", me)
    sees(page, "#metadata", EVIL.replace('"', '\\"'))
    sees(page, "#channels", EVIL)
    go(page, f"dead-letters/{letter}")
    sees(page, "#events", EVIL.replace('"', '\\"'))
    assert page.run("return [window.evil ?? null, document.querySelectorAll('main img, main script').length]") == [None, 0]
    assert not problems(browser)
    # And if a place had been forgotten, the policy would stop it.
    assert page.run("try { document.querySelector('main').innerHTML = arguments[0]; return 'taken' } catch (e) { return e.name }",
                    EVIL) == "TypeError"
    page.run("""const form = document.createElement('form')
        form.action = 'https://example.invalid/'
        document.body.append(form)
        form.submit()""")
    assert page.run("""return fetch('http://127.0.0.1:' + arguments[0] + '/v1/openapi.json')
        .then(() => 'fetched', (error) => error.name)""", ring.rest_ports[0]) == "TypeError"
    assert page.run("return location.href").startswith(address(ring))


# ---- dead letters ----

def test_a_dead_letter_is_replayed_and_another_discarded(browser, ring):
    client, me = member(ring)
    letter = bury(ring, client, me)
    page = enter(browser, ring)
    press(page, ".notices a", "1 dead letter waits for you.")
    sees(page, "tbody", f"#{letter}")
    assert "waiting" in page.text("tbody") and "422" in page.text("tbody") and me in page.text("tbody")
    press(page, "td a", f"#{letter}")
    sees(page, "#events", '"data": "bad"')
    sees(page, "#outcome", "422")
    ring.backend.on("TEXT", lambda *_: Reply(410, b"still no"))
    press(page, "button", "Replay")
    sees(page, "#outcome", "410")
    sees(page, ".badge", "replay failed")
    ring.backend.on("TEXT", lambda event, _: [{"type": "TEXT", "connectionId": me, "data": f"re: {event['data']}"}])
    press(page, "button", "Replay")
    assert client.receive() == "re: bad"
    page.wait("return document.querySelector('.badge').innerText === 'replayed'")
    assert page.run("""return [...document.querySelectorAll('main button')].filter(
        (button) => button.checkVisibility()).map((button) => button.innerText)""") == ["Discard …"]
    second = bury(ring, client, me, "bad again")
    go(page, f"dead-letters/{second}")
    press(page, "button", "Discard …")
    press(page, "dialog button", "Cancel")
    assert ring.rest.request("GET", f"/v1/dead-letters/{second}").status == 200
    press(page, "button", "Discard …")
    press(page, "dialog button", "Discard it")
    page.wait("return location.hash === '#/dead-letters'")
    page.wait("return document.querySelectorAll('tbody tr').length === 1", what="only the replayed one")
    assert ring.rest.request("GET", f"/v1/dead-letters/{second}").status == 404
    page.run("const state = document.querySelector('select'); state.value = 'waiting'; state.dispatchEvent(new Event('change'))")
    sees(page, "main", "No dead letter is like that")
    go(page, f"dead-letters/{second}")
    sees(page, "main", "There is no such dead letter")
    assert not problems(browser, "status of 404")


# ---- when things are wrong ----

def test_without_postgresql_and_without_control(browser, ring, postgres):
    """Lists say so, figures go on; and a control that is gone is said to be."""
    stack = Stack(postgres, DATABASE_URL=f"postgresql://127.0.0.1:{free_port()}/nothing?connect_timeout=1",
                  backend=ring.backend)
    try:
        stack.connect()
        page = enter(browser, stack)
        page.wait("return document.querySelector('#connections')?.innerText === '1'")
        sees(page, ".notices", "PostgreSQL does not answer")
        assert page.text("#dead-letters") == "–"
        go(page, "channels")
        sees(page, ".notice", "PostgreSQL does not answer. Trying again.")
        page.wait("return document.querySelector('.health').innerText === 'no answer'")
        go(page, "processes")
        page.wait("return document.querySelectorAll('article[data-state=good]').length === 4")
        stack.control.kill()
        page.wait("return document.querySelector('.health').innerText === 'no answer'")
        assert page.run("return document.querySelectorAll('article').length") == 4, "what was read stays"
        assert not problems(browser, "status of 503", "ERR_CONNECTION_REFUSED", "ERR_EMPTY_RESPONSE", "ERR_CONNECTION_RESET")
    finally:
        stack.abandon()
        stack.destroy(check=False)


def test_by_keyboard_alone(browser, ring):
    member(ring, "keys")
    page = open_page(browser, ring)

    def keys(text):
        presses = [{"type": kind, "value": key} for key in text for kind in ("keyDown", "keyUp")]
        page.command("POST", "/actions", {"actions": [{"type": "key", "id": "keys", "actions": presses}]})

    def focused():
        return page.run("return document.activeElement.innerText || document.activeElement.tagName")

    keys(ring.rest.token(exp=int(time.time()) + 600) + ENTER)
    page.wait("return document.querySelector('#connections')?.innerText === '1'")
    page.run("document.querySelector('.skip').focus()")
    reached = [focused()]
    for _ in range(7):
        keys(TAB)
        reached.append(focused())
    assert reached == ["Skip to content", "slip-sockets", "Overview", "Processes", "Channels", "Connections",
                       "Dead letters", "Log out"]
    assert page.run("""return [...document.querySelectorAll('header a, header button')].every((element) => {
        element.focus({ focusVisible: true })
        return getComputedStyle(element).outlineStyle === 'solid' })""")
    page.run("document.querySelector('[data-section=channels]').focus()")
    keys(ENTER)
    sees(page, "td", "keys")
    assert page.run("return document.activeElement.id") == "main", "a new view is where reading goes on"
    keys(TAB * 3 + ENTER)
    sees(page, "h1", "keys")
    unnamed = page.run("""return [...document.querySelectorAll('input, textarea, select, button, a, table, svg')].filter(
        (each) => !(each.innerText?.trim() || each.getAttribute('aria-label') || each.getAttribute('aria-hidden') ||
                    each.labels?.length)).map((each) => each.outerHTML)""")
    assert not unnamed
    assert not problems(browser)


# ---- how it looks ----

# Words of the bar that touch its edge, or their neighbours.
CRAMPED = """return [...document.querySelectorAll('header nav a')].filter((link) => {
    const words = document.createRange()
    words.selectNodeContents(link)
    const [inner, outer] = [words.getBoundingClientRect(), link.getBoundingClientRect()]
    return inner.left < outer.left + 3 || inner.right > outer.right - 3
}).map((link) => link.innerText)"""


@pytest.mark.parametrize("width, height", [(360, 740), (1280, 800)], ids=["phone", "desk"])
def test_how_it_looks(browser, ring, width, height):
    """Nothing sticks out, everything can be read, in light and in dark; and pictures for people."""
    people = [member(ring, "news", "lobby", f"user/{name}", metadata={"name": name, "roles": ["reader"]})
              for name in ("ada", "grace", "katherine")]
    client, me = people[0]
    member(ring, "w" * 200, EVIL)
    letter = bury(ring, client, me)
    ring.backend.on("TEXT", lambda *_: [{"type": "PUBLISH_TEXT", "channelId": "news", "data": "x"}])
    page = open_page(browser, ring, width, height)
    look(page, width, "login")
    give(page, ring.rest.token(exp=int(time.time()) + 3600))
    page.wait("return document.querySelector('#connections')?.innerText === '4'")

    def moves():
        client.send("hello")
        return page.run("return Number(document.querySelector('#messages').innerText.replaceAll(',', '')) > 0")

    for _ in range(5):
        until(moves, "a message")
    look(page, width, "overview")
    edge = me[:10]
    for name, where, wanted in (
            ("processes", "processes", edge), ("process", f"processes/{edge}", "slip_connections"),
            ("channels", "channels", "news"), ("channel", "channels/news", "Members: 3"),
            ("connections", "connections", me), ("connection", f"connections/{me}", "reader"),
            ("dead-letters", "dead-letters", f"#{letter}"), ("dead-letter", f"dead-letters/{letter}", '"data": "bad"'),
            ("nothing", "nothing", "To the overview")):
        go(page, where)
        sees(page, "main", wanted)
        look(page, width, name)
    go(page, f"connections/{me}")
    press(page, "button", "Close …")
    look(page, width, "dialog")
    assert not problems(browser)


def look(page, width, name):
    size = "phone" if width < 500 else "desk"
    for scheme in ("dark", "light"):
        page.devtools("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [width, width], name
        assert not page.run(CONTRASTS), (name, scheme)
        assert name == "login" or not page.run(CRAMPED), (name, scheme)
        page.screenshot(os.path.join(PICTURES, f"admin-{size}-{scheme}-{name}.png"))

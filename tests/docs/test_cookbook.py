"""docs/cookbook.md: every recipe, as the backend of a real broker, or run as what it is."""

import json
import time
import urllib.request

import jwt
import pytest

from harness.client import Refused
from harness.wait import until

PAGE = "cookbook.md"
GOOD = {"Cookie": "theme=dark; session=5up3r", "Origin": "https://app.example"}


def refusal(guide, **options):
    with pytest.raises(Refused) as refused:
        guide.ring.connect(**options)
    return refused.value.status


def exchange(client, message):
    client.send(json.dumps(message))
    return json.loads(client.receive())


def fetch(url, method="GET"):
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as answer:
        return answer.read().decode()


def test_a_cookie_says_who_it_is(guide):
    guide.start("cookie.mjs")
    client = guide.ring.connect(headers=GOOD)
    client.send("hello")
    assert client.receive() == "ada: hello"
    assert refusal(guide, headers={**GOOD, "Cookie": "session=guess"}) == 401
    assert refusal(guide, headers={"Origin": GOOD["Origin"]}) == 401
    assert refusal(guide, headers={**GOOD, "Origin": "https://evil.example"}) == 403


def test_a_token_says_who_it_is_until_it_ends(guide):
    def token(secret=None, **claims):
        return "token." + jwt.encode({"sub": "ada", **claims}, secret or guide.environment["LOGIN_SECRET"], "HS256")

    guide.start("token.mjs")
    now = int(time.time())
    client = guide.ring.connect(subprotocols=["chat", token(exp=now + 600)])
    assert client.headers["sec-websocket-protocol"] == "chat"
    client.send("hello")
    assert client.receive() == "ada: hello"
    for bad in (token(), token(exp=now - 600), token(secret="somebody else's secret, long enough", exp=now + 600), "x"):
        assert refusal(guide, subprotocols=["chat", bad]) == 401

    brief = guide.ring.connect(subprotocols=["chat", token(exp=now + 3)])
    until(lambda: time.time() > now + 3, "the token to end")
    brief.send("still here?")
    assert brief.expect_close() == (4401, "log in again")


def test_rooms(guide):
    guide.start("rooms.mjs")
    ada, bob = guide.ring.connect(), guide.ring.connect()
    for client in (ada, bob):
        client.send('{"join": "tea"}')
        client.send('{"room": "tea", "text": "in"}')
        assert json.loads(client.receive()) == {"room": "tea", "text": "in"}
    assert json.loads(ada.receive()) == {"room": "tea", "text": "in"}
    bob.send('{"leave": "tea"}')
    assert exchange(bob, {"room": "tea", "text": "?"}) == {"error": "you are not in tea"}
    assert exchange(ada, {"room": "tea", "text": "alone"}) == {"room": "tea", "text": "alone"}
    assert exchange(bob, {"join": "staff"}) == {"error": "not for you"}
    assert exchange(bob, {"room": "staff"}) == {"error": "you are not in staff"}
    bob.send("no JSON")
    assert json.loads(bob.receive()) == {"error": "you are not in undefined"}


def test_presence(guide):
    guide.start("presence.mjs")
    ada = guide.ring.connect("/?name=ada")
    assert json.loads(ada.receive()) == {"joined": "ada"}
    bob = guide.ring.connect("/?name=bob")
    assert json.loads(ada.receive()) == {"joined": "bob"}
    until(lambda: json.loads(fetch(guide.url)) == ["ada", "bob"], "both to be in the list")
    bob.drop()
    assert json.loads(ada.receive()) == {"left": "bob"}
    until(lambda: json.loads(fetch(guide.url)) == ["ada"], "one to be left in the list")


def test_a_person_is_reached_everywhere(guide):
    guide.start("person.mjs")
    tabs, other = [guide.ring.connect("/ada"), guide.ring.connect("/ada")], guide.ring.connect("/bob")
    assert fetch(guide.url + "notify?user=ada&text=hello", "POST") == "done\n"
    assert [tab.receive() for tab in tabs] == ["hello", "hello"]
    fetch(guide.url + "logout?user=ada", "POST")
    assert [tab.expect_close() for tab in tabs] == [(4403, "logged out")] * 2
    fetch(guide.url + "notify?user=bob&text=you+stay", "POST")
    assert other.receive() == "you stay"


def test_who_comes_back_gets_what_he_missed(guide):
    guide.start("history.mjs")
    ada = guide.ring.connect()
    ada.send('{"seen": 0}')
    for text in ("one", "two"):
        ada.send(text)
        assert json.loads(ada.receive())["text"] == text
    bob = guide.ring.connect()
    ada.send("three")  # between bob's subscription and his question
    assert json.loads(ada.receive()) == {"number": 3, "text": "three"}
    assert json.loads(bob.receive()) == {"number": 3, "text": "three"}
    bob.send('{"seen": 1}')
    assert [json.loads(bob.receive())["number"] for _ in range(2)] == [2, 3]


def test_a_client_puts_numbers_in_order(guide):
    guide.path("client.mjs")
    script = """
        import { inOrder } from './client.mjs'
        const got = []
        const receive = inOrder(1, (text) => got.push(text))
        for (const number of [3, 1, 2, 3, 5, 4, 4]) receive({ number, text: number })
        console.log(got.join())
    """
    assert guide.run("node", "--input-type=module", "--eval", script) == "2,3,4,5\n"


def test_a_repetition_is_recognised_in_the_database(guide):
    with open(guide.path("once.sql"), encoding="utf-8") as file:
        create, prepare = file.read().split("\n\n")
    query = guide.ring.postgres.query
    query(create)
    steps = [("a", 3), ("a", 3), ("a", 2), ("a", 4), ("b", 0), ("b", 0)]
    acts = [query(f"{prepare} execute handle_once('{connection}', {last})") for connection, last in steps]
    assert acts == [[["3"]], [], [], [["4"]], [["0"]], []]


def test_who_is_busy_says_so_and_loses_nothing(guide):
    guide.start("busy.mjs")
    clients = [guide.ring.connect() for _ in range(6)]
    for client in clients:
        client.send("one")
    for client in clients:
        client.send("two")
    for client in clients:
        assert client.receive_many(2) == ["done: one", "done: two"]
    assert guide.ring.worker.metric("slip_webhook_requests_total", outcome="busy") > 0, "nobody was told to wait"
    assert guide.ring.query("select count(*) from {s}.dead_letters") == [["0"]]


def test_only_the_newest_is_told(guide):
    guide.start("newest.mjs")
    client = guide.ring.connect()
    for price in range(1, 101):
        assert fetch(f"{guide.url}price?is={price}", "POST") == "noted\n"
    told = [int(client.receive())]
    while told[-1] != 100:
        told.append(int(client.receive()))
    assert told == sorted(set(told)) and len(told) < 50
    fetch(f"{guide.url}price?is=7", "POST")
    assert client.receive() == "7"


def test_a_backend_is_tested_without_a_broker(guide):
    output = guide.run("node", "--test", guide.path("backend.test.mjs"))
    assert "# pass 2" in output and "# fail 0" in output, output


def test_a_backend_is_tested_with_a_broker_of_its_own(guide):
    output = guide.run("node", "--test", guide.path("whole.test.mjs"))
    assert "# pass 1" in output and "# fail 0" in output, output


def test_every_program_of_the_page_was_run(shared_guide):
    assert shared_guide.used == shared_guide.programs

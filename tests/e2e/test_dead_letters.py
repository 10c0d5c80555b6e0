"""Dead letters through control's REST: list, show, replay, discard."""

import threading

import pytest
from harness.backend import Reply, accept
from harness.openapi import Document
from harness.wait import until


@pytest.fixture(scope="module")
def document(shared_ring):
    wait_for_tables(shared_ring)
    return Document(shared_ring.rest.request("GET", "/v1/openapi.json", token=None).text)


@pytest.fixture
def ask(document):  # pylint: disable=redefined-outer-name
    """ask(stack, status, method, path) → the answer, as the document promises it."""
    def checked(stack, status, method, path):
        answer = stack.rest.request(method, path)
        document.check_answer(method, path, answer)
        assert answer.status == status, answer
        return answer.json if answer.body else answer

    return checked


def refuse(stack, reply=Reply(422, b"no, thanks")):
    stack.backend.on("TEXT", lambda event, _: reply if event["data"].startswith("bad") else [])


def bury(stack, ask, data="bad"):  # pylint: disable=redefined-outer-name
    """A client whose message became a dead letter, its id, and the letter's."""
    refuse(stack)
    client = stack.connect()
    me = stack.backend.seen("OPEN")[-1]["connectionId"]
    client.send(data)
    return client, me, wait_for_letter(stack, ask, me)


def wait_for_letter(stack, ask, connection):  # pylint: disable=redefined-outer-name
    path = f"/v1/dead-letters?connection={connection}"
    wait_for_tables(stack)
    return until(lambda: ask(stack, 200, "GET", path)["items"], "the dead letter")[0]["id"]


def wait_for_tables(stack):
    """A router is ready before it has made them."""
    until(lambda: stack.rest.request("GET", "/v1/dead-letters").status == 200, "the tables")


def posts(stack, data):
    return [request for request in stack.backend.requests
            if request.events[0].get("data") == data]


def test_a_letter_is_listed_shown_and_replayed(ring, ask):
    client, me, letter = bury(ring, ask)
    path = f"/v1/dead-letters/{letter}"
    shown = ask(ring, 200, "GET", path)
    [first] = posts(ring, "bad")
    assert shown["state"] == "waiting" and shown["connectionId"] == me and shown["kind"] == "events"
    assert (shown["idempotencyKey"], shown["attempts"], shown["lastStatus"]) == (first.key, 1, 422)
    assert shown["events"] == first.events and shown["metadata"] == first.metadata
    assert shown["replayRequestedAt"] is None and shown["replayedAt"] is None
    # newer events, and their commands, do not stand in the way of the replay's
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": me, "data": f"re: {event['data']}"},
        {"type": "SET_METADATA", "connectionId": me, "metadata": event["data"]}])
    client.send("later")
    assert client.receive() == "re: later"
    before = ring.router.metric("slip_dead_letter_replays_total", outcome="delivered")
    answer = ring.rest.request("POST", f"{path}/replay")
    assert answer.status == 202 and answer.headers["Location"] == path
    assert answer.json["replayRequestedAt"]
    assert client.receive() == "re: bad", "the commands of the replay's answer"
    until(lambda: ask(ring, 200, "GET", path)["state"] == "replayed", "the replay to be recorded")
    shown = ask(ring, 200, "GET", path)
    assert (shown["attempts"], shown["lastStatus"], shown["replayRequestedAt"]) == (2, 200, None)
    again = posts(ring, "bad")
    assert len(again) == 2 and again[1].key == first.key and again[1].body == first.body
    assert ask(ring, 409, "POST", f"{path}/replay")["type"] == "/problems/already-replayed"
    assert ring.router.metric("slip_dead_letter_replays_total", outcome="delivered") == before + 1
    replayed = ask(ring, 200, "GET", f"/v1/dead-letters?connection={me}&state=replayed")["items"]
    assert [item["id"] for item in replayed] == [letter]
    assert not ask(ring, 200, "GET", f"/v1/dead-letters?connection={me}&state=waiting")["items"]
    client.send("after")
    assert client.receive() == "re: after", "the connection goes on as before"


def test_a_replay_that_is_refused_waits_again(ring, ask):
    _, _, letter = bury(ring, ask)
    path = f"/v1/dead-letters/{letter}"
    refuse(ring, Reply(410, b"still no"))
    ask(ring, 202, "POST", f"{path}/replay")
    shown = until(lambda: next((found for found in [ask(ring, 200, "GET", path)]
                                if found["replayFailedAt"]), None), "the replay to fail")
    assert shown["state"] == "waiting" and shown["replayRequestedAt"] is None
    assert (shown["attempts"], shown["lastStatus"]) == (2, 410)
    assert len(posts(ring, "bad")) == 2
    refuse(ring, [])
    ask(ring, 202, "POST", f"{path}/replay")
    until(lambda: ask(ring, 200, "GET", path)["state"] == "replayed", "the second replay")
    assert len({request.key for request in posts(ring, "bad")}) == 1


def test_a_replay_is_repeated_by_the_usual_rules(stacks, ask):
    stack = stacks(WEBHOOK_ATTEMPTS=3, RETRY_FIRST="10ms", RETRY_LAST="20ms", PEER_TIMEOUT="1s")
    _, _, letter = bury(stack, ask)
    path = f"/v1/dead-letters/{letter}"
    refuse(stack, Reply(500))
    ask(stack, 202, "POST", f"{path}/replay")
    until(lambda: ask(stack, 200, "GET", path)["replayFailedAt"], "the replay to fail")
    assert ask(stack, 200, "GET", path)["attempts"] == 1 + 3 == len(posts(stack, "bad"))
    until(lambda: stack.router.metric("slip_dead_letters_waiting") == 1, "the gauge")


def test_a_letter_of_a_connection_that_is_gone(ring, ask):
    client, me, letter = bury(ring, ask)
    client.close()
    ring.backend.wait_for("CLOSE", connection=me)
    witness = ring.connect()
    other = ring.backend.seen("OPEN")[-1]["connectionId"]
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": me, "data": "nobody hears this"},
        {"type": "TEXT", "connectionId": other, "data": "somebody hears this"}])
    ask(ring, 202, "POST", f"/v1/dead-letters/{letter}/replay")
    assert witness.receive() == "somebody hears this"
    until(lambda: ask(ring, 200, "GET", f"/v1/dead-letters/{letter}")["state"] == "replayed", "the end")


def test_discarding(ring, ask):
    _, _, letter = bury(ring, ask)
    path = f"/v1/dead-letters/{letter}"
    ask(ring, 204, "DELETE", path)
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/replay")):
        assert ask(ring, 404, method, path + rest)["type"] == "/problems/no-such-dead-letter"


def test_what_is_being_replayed_is_not_discarded(ring, ask):
    _, _, letter = bury(ring, ask)
    path = f"/v1/dead-letters/{letter}"
    arrived, release = threading.Event(), threading.Event()

    def answer(*_):
        arrived.set()
        release.wait(20)
        return []

    ring.backend.on("TEXT", answer)
    first = ask(ring, 202, "POST", f"{path}/replay")
    assert arrived.wait(20)
    assert ask(ring, 202, "POST", f"{path}/replay") == first, "a second request changes nothing"
    assert ask(ring, 409, "DELETE", path)["type"] == "/problems/replay-under-way"
    release.set()
    until(lambda: ask(ring, 200, "GET", path)["state"] == "replayed", "the end")
    assert len(posts(ring, "bad")) == 2
    ask(ring, 204, "DELETE", path)


@pytest.mark.parametrize("letter", ["0", "999999999999", "99999999999999999999", "-1", "x", "1%00"])
def test_no_such_letter(ring, ask, letter):
    for method, rest in (("GET", ""), ("DELETE", ""), ("POST", "/replay")):
        answer = ask(ring, 404, method, f"/v1/dead-letters/{letter}{rest}")
        assert answer["type"] == "/problems/no-such-dead-letter"


def test_pages_begin_with_the_newest(ring, ask):
    refuse(ring)
    client = ring.connect()
    me = ring.backend.seen("OPEN")[-1]["connectionId"]
    for number in range(5):
        client.send(f"bad {number}")
        until(lambda count=number + 1: len(ask(ring, 200, "GET", f"/v1/dead-letters?connection={me}")["items"]) == count,
              "the dead letter")
    ids, cursor = [], ""
    while cursor is not None:
        page = ask(ring, 200, "GET", f"/v1/dead-letters?connection={me}&limit=2{cursor}")
        assert len(page["items"]) <= 2
        ids += [item["id"] for item in page["items"]]
        cursor = page["next"] and f"&cursor={page['next']}"
    assert len(ids) == 5 and ids == sorted(ids, reverse=True)
    assert [item["id"] for item in ask(ring, 200, "GET", "/v1/dead-letters?limit=5")["items"]] == ids
    for wrong in ("state=lost", "limit=0", "cursor=!", "cursor=YWJj", "cursor=LTE"):
        ask(ring, 400, "GET", f"/v1/dead-letters?{wrong}")


def test_a_router_that_is_killed_leaves_its_replays_to_another(stacks, ask):
    stack = stacks(routers=2, PEER_TIMEOUT="1s")
    _, _, letter = bury(stack, ask)
    path = f"/v1/dead-letters/{letter}"
    arrived, release = threading.Event(), threading.Event()

    def answer(*_):
        arrived.set()
        release.wait(20)
        return []

    stack.backend.on("TEXT", answer)
    ask(stack, 202, "POST", f"{path}/replay")
    assert arrived.wait(20)
    holder = until(lambda: stack.query("select replay_claimed_by from {s}.dead_letters")[0][0], "the claim")
    victim = next(router for router in stack.routers if holder in router.log_tail(1000))
    victim.kill()
    release.set()
    until(lambda: ask(stack, 200, "GET", path)["state"] == "replayed", "the other router")
    assert len({request.key for request in posts(stack, "bad")}) == 1
    stack.backend.on("OPEN", lambda event, _: accept(event["connectionId"]))

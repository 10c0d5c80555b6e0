"""Following a channel: everything that is published, through whichever control, and what happens when
edges, controls and readers are lost."""

import base64
import itertools
import re
import signal
import time

from harness.backend import accept
from harness.tail import Tail
from harness.wait import until


def watched(stack):
    """The edges that are told to watch something: they know one more channel than they have members."""
    return sum(control.metric("slip_tails") for control in stack.controls)


def test_what_is_published_is_told_with_and_without_members(ring):
    with Tail(ring.rest, "news/ä b") as tail:
        assert tail.status == 200
        assert tail.response.headers["Content-Type"] == "text/event-stream"
        assert tail.response.headers["Cache-Control"] == "no-store"
        ring.rest.publish("news/ä b", "nobody is here: \"\n\u2028")
        kind, document = tail.event()
        assert kind == "message" and set(document) == {"channel", "publishedAt", "data"}
        assert document["channel"] == "news/ä b" and document["data"] == "nobody is here: \"\n\u2028"
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", document["publishedAt"])
        client = ring.connect()
        me = ring.backend.wait_for("OPEN", 1)[0]["connectionId"]
        ring.rest.events({"type": "SUBSCRIBE", "connectionId": me, "channel": "news/ä b"})
        ring.rest.publish("another", "not this")
        ring.rest.events({"type": "PUBLISH_BINARY", "channelId": "news/ä b", "data": base64.b64encode(b"\0\xff").decode()})
        assert client.receive() == b"\0\xff"
        document = tail.event()[1]
        assert document["binary"] is True and base64.b64decode(document["data"]) == b"\0\xff"
        with Tail(ring.rest, "news/ä b") as second:
            for number in range(200):
                ring.rest.publish("news/ä b", str(number))
            assert [tail.message() for _ in range(200)] == [str(number) for number in range(200)]
            assert [second.message() for _ in range(200)] == [str(number) for number in range(200)]
        ring.rest.publish("news/ä b", "one is left")
        assert tail.message() == "one is left"
    until(lambda: watched(ring) == 0, "the tails to end")
    assert ring.rest.request("GET", "/v1/channels").json["items"] != [{"channel": "another"}]


def test_what_a_backend_publishes_is_told_once(ring):
    ring.backend.on("OPEN", lambda event, _: accept(event["connectionId"]))
    ring.backend.on("TEXT", lambda event, _: [{"type": "PUBLISH_TEXT", "channelId": "room", "data": event["data"]}])
    with Tail(ring.rest, "room") as tail:
        client = ring.connect()
        for text in ("one", "two"):
            client.send(text)
        assert [tail.message(), tail.message()] == ["one", "two"]
        key = {"headers": {"Idempotency-Key": "k"}}
        for _ in range(3):
            ring.rest.publish("room", "once", **key)
        ring.rest.publish("room", "end")
        assert [tail.message(), tail.message()] == ["once", "end"]


def test_who_may_not_or_asks_for_nonsense(ring):
    for token, path in ((None, "x"), ("bad", "x")):
        with Tail(ring.rest, path, token=token) as tail:
            assert tail.status == 403 and tail.answer().json["type"] == "/problems/invalid-token"
    with Tail(ring.rest, "x" * 300) as tail:
        assert tail.status == 400 and tail.answer().json["type"] == "/problems/invalid-parameter"
    with Tail(ring.rest, "old", version=10) as tail:
        ring.rest.publish("old", "HTTP/1.0")
        assert tail.response.headers["Transfer-Encoding"] is None and tail.message() == "HTTP/1.0"
    # HEAD has the head alone.
    assert ring.rest.request("HEAD", "/v1/channels/x/messages").status == 200
    until(lambda: watched(ring) == 0, "the tails to end")


def test_there_are_not_too_many(ring):
    tails = [Tail(ring.rest, f"c{number}") for number in range(100)]
    assert {tail.status for tail in tails} == {200} and watched(ring) == 100
    with Tail(ring.rest, "one more") as tail:
        assert tail.status == 503 and tail.answer().json["type"] == "/problems/overloaded"
    for tail in tails:
        tail.close()
    until(lambda: watched(ring) == 0, "the tails to end")


def test_a_slow_reader_misses_and_is_told(ring):
    """It is the only one that does: members and another tail get everything."""
    with Tail(ring.rest, "wide") as slow, Tail(ring.rest, "wide") as quick:
        sent = 0
        while ring.control.metric("slip_tailed_missed_total") == 0:
            ring.rest.publish("wide", f"{sent} " + "x" * 500000)
            assert quick.message().startswith(f"{sent} ")
            sent += 1
            assert sent < 100
        got = [slow.message().split()[0] for _ in range(5)]
        assert got == [str(number) for number in range(5)]
        seen = 5
        # What it has read makes room; the next message comes behind the word that some are missing.
        kind = "message"
        while kind == "message":
            ring.rest.publish("wide", "small")
            kind, _ = slow.event()
            seen += 1
        assert kind == "missed" and slow.event()[0] == "message" and seen >= 7


def test_every_control_hears_of_every_publish(stacks):
    stack = stacks(edges=2, controls=2)
    with Tail(stack.rest_of(0), "x") as first, Tail(stack.rest_of(1), "x") as second:
        for number in range(20):
            stack.rest_of(number % 2).publish("x", str(number))
        assert [first.message() for _ in range(20)] == [str(number) for number in range(20)]
        assert [second.message() for _ in range(20)] == [str(number) for number in range(20)]
        # An edge is lost: the other takes over, and who has missed anything is told so.
        stack.edges[0].kill()
        logs = [tail.collect() for tail in (first, second)]
        numbers = itertools.count(20)

        def all_go_on():
            number = next(numbers)
            stack.rest_of(number % 2).publish("x", str(number))
            return all(log and log[-1] == str(number) for log in logs)

        until(all_go_on, lambda: f"both to go on: {logs}")
        for log in logs:
            expected = 20
            for entry in log:
                assert entry in ("missed", str(expected)) or expected is None, log
                expected = None if entry == "missed" else int(entry) + 1


def test_a_tail_survives_the_loss_of_its_edge(stacks):
    stack = stacks(edges=1, PEER_TIMEOUT="1s")
    with Tail(stack.rest, "x") as tail:
        stack.rest.publish("x", "before")
        assert tail.message() == "before"
        stack.edge.kill()
        stack.add_edge().wait_ready()
        stack.edges.pop(0)
        assert tail.event()[0] == "missed"
        stack.rest.publish("x", "after")
        assert tail.message() == "after"


def test_a_control_that_stops_ends_its_tails(stacks):
    stack = stacks(controls=2)
    with Tail(stack.rest_of(0), "x") as tail:
        stack.rest_of(1).publish("x", "one")
        assert tail.message() == "one"
        stack.controls[0].signal(signal.SIGTERM)
        assert tail.event() is None
        assert stack.controls[0].wait_exit() == 0
        # The edge has forgotten its watch: a publish concerns it only for 30 s more.
        stack.rest_of(1).publish("x", "two")
    stack.controls.pop(0)


def test_a_tail_ends_with_its_token(stacks):
    stack = stacks(TOKEN_LEEWAY="0s")
    with Tail(stack.rest, "x", token=stack.rest.token(exp=int(time.time()) + 3)) as tail, Tail(stack.rest, "x") as other:
        stack.rest.publish("x", "one")
        assert tail.message() == "one"
        told = tail.collect()
        until(lambda: not tail.reader.is_alive(), "the tail to end")
        stack.rest.publish("x", "two")
        assert [other.message(), other.message()] == ["one", "two"]
        assert not told and watched(stack) == 1


def test_no_edge_no_tail(stacks):
    stack = stacks(CONTROL_TIMEOUT="1s")
    stack.edge.terminate()
    assert stack.edge.wait_exit() == 0
    stack.edges.pop(0)
    until(lambda: stack.control.metric("slip_edges_live") == 0, "the edge to be gone")
    with Tail(stack.rest, "x") as tail:
        assert tail.status == 503 and tail.answer().json["type"] == "/problems/not-applied-in-time"

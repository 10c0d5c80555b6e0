"""Every command of the contract, from an answer and from control."""

import base64
import json
import threading
import time

import pytest
from harness.backend import Reply, accept
from harness.wait import until


def identity(ring, client):
    """The connection id of a client, which it asks the backend for."""
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": event["connectionId"]}])
    client.send("who am I?")
    return client.receive()


def members(ring, count, channel):
    """`count` clients in a channel, and their ids."""
    ring.backend.on("OPEN", lambda event, _: accept(
        event["connectionId"],
        {"type": "SUBSCRIBE", "connectionId": event["connectionId"], "channel": channel}))
    clients = [ring.connect() for _ in range(count)]
    return clients, [event["connectionId"] for event in ring.backend.wait_for("OPEN", count)]


def answering(*commands):
    """Answers every TEXT with these commands; "$me" stands for its connection."""
    def answer(event, _):
        return json.loads(json.dumps(commands).replace("$me", event["connectionId"]))

    return answer


def test_text_and_binary_to_another_connection(ring):
    first, second = ring.connect(), ring.connect()
    other = identity(ring, second)
    ring.backend.on("TEXT", answering(
        {"type": "TEXT", "connectionId": other, "data": "für dich\u0000☃"},
        {"type": "BINARY", "connectionId": other, "data": base64.b64encode(b"\0\xff").decode()}))
    first.send("go")
    assert second.receive_many(2) == ["für dich\u0000☃", b"\0\xff"]


def test_publish_reaches_members_once_and_nobody_else(ring):
    clients, ids = members(ring, 5, "room")
    stranger = ring.connect()
    ring.rest.publish("room", "hello")
    ring.rest.events({"type": "PUBLISH_BINARY", "channelId": "room",
                      "data": base64.b64encode(b"bytes").decode()})
    for client in clients:
        assert client.receive_many(2) == ["hello", b"bytes"]
    # Commands to one connection are in order with publishes: what comes next proves that nothing else came.
    for client, connection in zip(clients, ids):
        ring.rest.events({"type": "TEXT", "connectionId": connection, "data": "end"})
        assert client.receive() == "end"
    assert identity(ring, stranger)


def test_subscribe_is_idempotent_and_unsubscribe_ends_it(ring):
    client = ring.connect()
    me = identity(ring, client)
    subscribe = {"type": "SUBSCRIBE", "connectionId": me, "channel": "c"}
    assert ring.rest.events(subscribe, subscribe).status == 200
    ring.rest.publish("c", "once")
    unsubscribe = {"type": "UNSUBSCRIBE", "connectionId": me, "channel": "c"}
    assert ring.rest.events(unsubscribe, unsubscribe).status == 200
    ring.rest.publish("c", "not this")
    ring.rest.events({"type": "TEXT", "connectionId": me, "data": "end"})
    assert client.receive_many(2) == ["once", "end"]


def test_subscribe_then_publish_in_one_request_reaches_the_new_member(ring):
    client = ring.connect()
    me = identity(ring, client)
    answer = ring.rest.events({"type": "SUBSCRIBE", "connectionId": me, "channel": "new"},
                              {"type": "PUBLISH_TEXT", "channelId": "new", "data": "welcome"},
                              {"type": "UNSUBSCRIBE", "connectionId": me, "channel": "new"},
                              {"type": "PUBLISH_TEXT", "channelId": "new", "data": "too late"},
                              {"type": "TEXT", "connectionId": me, "data": "end"})
    assert (answer.status, answer.json) == (200, {"message": "processed successfully"})
    assert client.receive_many(2) == ["welcome", "end"]


def test_close_channel_closes_every_member(ring):
    clients, ids = members(ring, 3, "doomed")
    assert ring.rest.events({"type": "CLOSE_CHANNEL", "channelId": "doomed", "code": 4005,
                             "reason": "party over"}).status == 200
    for client in clients:
        assert client.expect_close() == (4005, "party over")
    closed = ring.backend.wait_for("CLOSE", 3)
    assert {event["connectionId"] for event in closed} == set(ids)
    assert {event["code"] for event in closed} == {4005}


def test_close_without_a_code_is_1000(ring):
    client = ring.connect()
    ring.backend.on("TEXT", answering({"type": "CLOSE", "connectionId": "$me"}))
    client.send("quit")
    assert client.expect_close() == (1000, "")


@pytest.mark.parametrize("metadata", [None, {}, {"name": "Ada", "n": [1, 2.50, True, None]}, "text", 7,
                                      {"deep": {"er": "☃\u0000"}}])
def test_set_metadata_replaces_what_later_events_carry(ring, metadata):
    client = ring.connect()
    ring.backend.on("TEXT", answering({"type": "SET_METADATA", "connectionId": "$me", "metadata": metadata}))
    client.send("one")
    ring.backend.wait_for("TEXT")
    client.send("two")
    ring.backend.wait_for("TEXT", 2)
    first, second = (request for request in ring.backend.requests if request.events[0]["type"] == "TEXT")
    assert first.metadata["ip"] == "127.0.0.1", "OPEN's metadata stays until it is replaced"
    assert second.metadata == metadata


def test_metadata_may_be_set_in_the_answer_to_open(ring):
    ring.backend.on("OPEN", lambda event, _: accept(
        event["connectionId"],
        {"type": "SET_METADATA", "connectionId": event["connectionId"], "metadata": {"user": 1}}))
    client = ring.connect()
    client.send("x")
    ring.backend.wait_for("TEXT")
    client.close()
    ring.backend.wait_for("CLOSE")
    assert [request.metadata for request in ring.backend.requests[1:]] == [{"user": 1}] * 2


def test_metadata_set_from_outside_comes_with_the_next_event(ring):
    client = ring.connect()
    me = identity(ring, client)
    assert ring.rest.events({"type": "SET_METADATA", "connectionId": me, "metadata": {"by": "control"}}).status == 200
    # Facts travel by the edge's stream; once the row shows it, the router knew it before.
    until(lambda: ring.query(f"select metadata->>'by' from {{s}}.connections where connection_id='{me}'")
          == [["control"]], "the metadata in PostgreSQL")
    client.send("next")
    client.receive()
    assert ring.backend.requests[-1].metadata == {"by": "control"}


def test_commands_to_gone_connections_are_no_error(ring):
    client = ring.connect()
    me = identity(ring, client)
    client.close()
    ring.backend.wait_for("CLOSE")
    for gone in (me, "never-was", me[:10] + "x" * 16, "e" * 26):
        answer = ring.rest.events(
            {"type": "TEXT", "connectionId": gone, "data": "x"},
            {"type": "SUBSCRIBE", "connectionId": gone, "channel": "c"},
            {"type": "SET_METADATA", "connectionId": gone, "metadata": 1},
            {"type": "CLOSE", "connectionId": gone})
        assert answer.status == 200, answer
    assert not ring.query("select 1 from {s}.subscriptions where channel = 'c'")


def test_a_frame_during_open_is_answered_after_accept(ring):
    """The library writes ACCEPT first, then events, then SET_METADATA, then CLOSE last."""
    ring.backend.on("OPEN", lambda event, _: accept(
        event["connectionId"],
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "hi and bye"},
        {"type": "SET_METADATA", "connectionId": event["connectionId"], "metadata": {"seen": True}},
        {"type": "CLOSE", "connectionId": event["connectionId"]}))
    client = ring.connect()
    assert client.receive() == "hi and bye"
    assert client.expect_close()[0] == 1000
    ring.backend.wait_for("CLOSE")
    assert ring.backend.requests[-1].metadata == {"seen": True}
    assert ring.backend.requests[-1].key.endswith(":close")


def test_close_comes_alone_and_last(ring):
    ring.backend.on("TEXT", lambda event, _: [])
    client = ring.connect()
    for number in range(20):
        client.send(str(number))
    client.close(1000, "done")
    ring.backend.wait_for("CLOSE")
    last = ring.backend.requests[-1]
    assert [event["type"] for event in last.events] == ["CLOSE"]
    assert len(ring.backend.seen("TEXT")) == 20


def poll(connection, timeout):
    return {"type": "POLL_FOR_CONNECTION", "connectionId": connection, "timeout": timeout}


def test_poll_for_a_connection_that_is_open_is_over_at_once(ring):
    client = ring.connect()
    me = identity(ring, client)
    assert ring.rest.events(poll(me, 5000), {"type": "TEXT", "connectionId": me, "data": "you are there"}).status == 200
    assert client.receive() == "you are there"


def knock(ring):
    """A client whose OPEN the backend holds until the returned event is set, and its id."""
    may_answer = threading.Event()
    ring.backend.on("OPEN", lambda event, _: may_answer.wait(20) and accept(event["connectionId"]))
    client = ring.client()
    client.send_raw(client.request())
    return client, ring.backend.wait_for("OPEN")[0]["connectionId"], may_answer


def test_poll_for_connection_waits_until_it_is_open(ring):
    client, me, may_answer = knock(ring)
    polled = ring.edge.metric("slip_commands_total", type="POLL_FOR_CONNECTION")
    results = []
    thread = threading.Thread(target=lambda: results.append(ring.rest.events(
        poll(me, 10000), {"type": "TEXT", "connectionId": me, "data": "polled"})))
    thread.start()
    until(lambda: ring.edge.metric("slip_commands_total", type="POLL_FOR_CONNECTION") > polled, "the poll")
    # What others ask for does not wait behind it.
    assert ring.rest.publish("c", "x").status == 200
    assert not results, "it did not wait"
    may_answer.set()
    client.finish_open()
    assert client.receive() == "polled"
    thread.join()
    assert results[0].status == 200


def test_poll_waits_at_most_its_timeout(ring):
    client, me, may_answer = knock(ring)
    began = time.monotonic()
    answer = ring.rest.events(poll(me, 300), {"type": "TEXT", "connectionId": me, "data": "too early"})
    assert answer.status == 200 and time.monotonic() - began >= 0.3
    may_answer.set()
    client.finish_open()
    ring.rest.events({"type": "TEXT", "connectionId": me, "data": "end"})
    assert client.receive() == "end"


def test_poll_for_a_connection_that_is_gone_does_not_hold_the_rest_up(ring):
    assert ring.rest.events(poll("no-such", 60000), {"type": "PUBLISH_TEXT", "channelId": "c", "data": "x"}).status == 200


# ---- requests that are not what they should be ----

BAD = [
    b"", b"not json", b"[]", b"{}", b'{"events": {}}', b'{"events": [1]}', b'{"events": [{}]}',
    b'{"events": [{"type": "NO_SUCH"}]}', b'{"events": [{"type": 7}]}',
    b'{"events": [{"type": "ACCEPT", "connectionId": "x"}]}',
    b'{"events": [{"type": "TEXT", "connectionId": "x"}]}',
    b'{"events": [{"type": "TEXT", "data": "x"}]}',
    b'{"events": [{"type": "TEXT", "connectionId": 5, "data": "x"}]}',
    b'{"events": [{"type": "TEXT", "connectionId": "x", "data": 5}]}',
    b'{"events": [{"type": "BINARY", "connectionId": "x", "data": "***"}]}',
    b'{"events": [{"type": "SUBSCRIBE", "connectionId": "x", "channel": ""}]}',
    b'{"events": [{"type": "SUBSCRIBE", "connectionId": "x", "channel": "' + b"c" * 5000 + b'"}]}',
    b'{"events": [{"type": "PUBLISH_TEXT", "channelId": "c", "data": "\xff"}]}',
    b'{"events": [{"type": "PUBLISH_TEXT", "channelId": "c", "data": "\\ud800"}]}',
    b'{"events": [{"type": "SET_METADATA", "connectionId": "x"}]}',
    b'{"events": [{"type": "CLOSE", "connectionId": "x", "code": 1006}]}',
    b'{"events": [{"type": "CLOSE", "connectionId": "x", "code": "1000"}]}',
    b'{"events": [{"type": "CLOSE", "connectionId": "x", "reason": "' + b"r" * 124 + b'"}]}',
    b'{"events": [{"type": "POLL_FOR_CONNECTION", "connectionId": "x", "timeout": "5"}]}',
    b'{"events": [{"type": "POLL_FOR_CONNECTION", "connectionId": "x", "timeout": -1}]}',
    b'{"events": ' + b"[" * 10000 + b"]" * 10000 + b"}",
    b'{"events": []} trailing',
]


@pytest.mark.parametrize("body", BAD, ids=range(len(BAD)))
def test_an_invalid_control_request_is_400_and_nothing_of_it_is_done(ring, body):
    client = ring.connect()
    me = identity(ring, client)
    answer = ring.rest.request("POST", "/any/path", body)
    assert (answer.status, answer.json) == (400, {"message": "invalid commands"})
    # The same with a good command in front.
    if body.startswith(b'{"events": [{'):
        good = json.dumps({"type": "TEXT", "connectionId": me, "data": "must not come"}).encode()
        mixed = b'{"events": [' + good + b", " + body[len(b'{"events": ['):]
        assert ring.rest.request("POST", "/", mixed).status == 400
    ring.rest.events({"type": "TEXT", "connectionId": me, "data": "end"})
    assert client.receive() == "end"


def test_an_invalid_answer_carries_nothing_out_and_is_tried_again(ring):
    client = ring.connect()
    me = identity(ring, client)
    answers = [b'{"events": [{"type": "TEXT", "connectionId": "%s", "data": "must not come"}, {"type": "NO"}]}'
               % me.encode(), b"not json", b'{"events": []}']
    ring.backend.on("TEXT", lambda event, _: Reply(200, answers.pop(0)))
    client.send("go")
    until(lambda: not answers, "three attempts")
    texts = [request for request in ring.backend.requests if request.events[0].get("data") == "go"]
    assert len(texts) == 3 and len({request.key for request in texts}) == 1, texts
    ring.rest.events({"type": "TEXT", "connectionId": me, "data": "end"})
    assert client.receive() == "end"


def test_unknown_fields_are_ignored(ring):
    client = ring.connect()
    me = identity(ring, client)
    answer = ring.rest.request("POST", "/", {
        "events": [{"type": "TEXT", "connectionId": me, "data": "x", "surprise": {"a": [1]}}], "more": 1})
    assert answer.status == 200 and client.receive() == "x"


def test_a_body_over_the_limit_is_413(stacks):
    stack = stacks(CONTROL_BODY_LIMIT="64k")
    answer = stack.rest.request("POST", "/", b"x" * 70000)
    assert answer.status == 413, answer
    assert stack.rest.publish("c", "fine").status == 200

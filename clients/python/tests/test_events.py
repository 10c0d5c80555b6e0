"""Reading the broker's requests."""

import json
import random

import pytest
from slip_sockets import Binary, Close, InvalidRequest, Open, Text, events


def body(*items, connection="c", metadata=None):
    return json.dumps({"connectionId": connection, "metadata": metadata, "events": [
        {"connectionId": connection, **item} for item in items]}).encode()


def test_every_event():
    (item,) = events.parse(body(
        {"type": "OPEN", "headers": {"cookie": "a=b"}, "ip": "::1", "path": "/p", "query": "q=1",
         "subprotocols": ["a", "b"], "unknown": 1},
        {"type": "TEXT", "data": "h\0i"}, {"type": "BINARY", "data": "AP8="},
        {"type": "CLOSE", "code": 4000, "reason": "bye"}, metadata={"a": 1}), "key")
    assert (item.connection_id, item.metadata, item.idempotency_key) == ("c", {"a": 1}, "key")
    assert item.events == (Open("c", {"cookie": "a=b"}, "::1", "/p", "q=1", ("a", "b")),
                           Text("c", "h\0i"), Binary("c", b"\x00\xff"), Close("c", 4000, "bye"))
    assert [event.type for event in item.events] == ["OPEN", "TEXT", "BINARY", "CLOSE"]


def test_the_original_contract_has_fewer_fields():
    metadata = {"headers": {"host": "h"}, "ip": "10.0.0.1"}
    (item,) = events.parse(body({"type": "OPEN"}, {"type": "CLOSE"}, metadata=metadata))
    assert item.events == (Open("c", {"host": "h"}, "10.0.0.1"), Close("c", 1005, ""))


def test_several_connections():
    items = events.parse(json.dumps({"batch": [
        {**json.loads(body({"type": "TEXT", "data": "1"}, connection="a")), "idempotencyKey": "a:1-1"},
        {**json.loads(body({"type": "TEXT", "data": "2"}, connection="b")), "idempotencyKey": "b:1-1"},
    ]}).encode(), "group")
    assert [(item.connection_id, item.idempotency_key, item.events[0].data) for item in items] == [
        ("a", "a:1-1", "1"), ("b", "b:1-1", "2")]


GOOD = json.loads(body({"type": "TEXT", "data": "x"}))
WRONG = {
    "nothing": b"", "no JSON": b"{", "no UTF-8": b'{"connectionId": "\xff"}', "no object": b"[]",
    "deep": b"[" * 100000,
    "no connection": {**GOOD, "connectionId": None}, "an empty connection": {**GOOD, "connectionId": ""},
    "no events": {**GOOD, "events": None}, "events that are none": {**GOOD, "events": [1]},
    "an unknown event": {**GOOD, "events": [{"type": "DANCE", "connectionId": "c"}]},
    "an event without a type": {**GOOD, "events": [{"connectionId": "c"}]},
    "an event of another": {**GOOD, "events": [{"type": "CLOSE", "connectionId": "d"}]},
    "text without data": {**GOOD, "events": [{"type": "TEXT", "connectionId": "c"}]},
    "no base64": {**GOOD, "events": [{"type": "BINARY", "connectionId": "c", "data": "?"}]},
    "a code in words": {**GOOD, "events": [{"type": "CLOSE", "connectionId": "c", "code": "1000"}]},
    "a code that is true": {**GOOD, "events": [{"type": "CLOSE", "connectionId": "c", "code": True}]},
    "headers in a list": {**GOOD, "events": [{"type": "OPEN", "connectionId": "c", "headers": []}]},
    "a header of numbers": {**GOOD, "events": [{"type": "OPEN", "connectionId": "c", "headers": {"a": 1}}]},
    "subprotocols of numbers": {**GOOD, "events": [{"type": "OPEN", "connectionId": "c", "subprotocols": [1]}]},
    "an empty batch": {"batch": []}, "a batch of nothing": {"batch": [None]}, "no batch": {"batch": {}},
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_anything_else_is_refused(wrong):
    with pytest.raises(InvalidRequest) as raised:
        events.parse(wrong if isinstance(wrong, bytes) else json.dumps(wrong).encode())
    assert raised.value.status == 400


def test_damaged_bodies_are_read_or_refused():
    """Whatever is changed in a good body: no other exception comes out."""
    dice = random.Random(6)
    good = body({"type": "OPEN", "headers": {"a": "b"}, "ip": "::1", "subprotocols": ["a"]},
                {"type": "BINARY", "data": "AP8="}, {"type": "CLOSE", "code": 1000, "reason": "é"})
    outcomes = set()
    for _ in range(20000):
        damaged = bytearray(good)
        for _ in range(dice.randint(1, 3)):
            damaged[dice.randrange(len(damaged))] = dice.choice(b'\x00"{}[],:0a\\\xff ')
        try:
            outcomes.add(len(events.parse(bytes(damaged))))
        except InvalidRequest:
            outcomes.add("refused")
    assert outcomes == {1, "refused"}

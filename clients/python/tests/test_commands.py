"""Commands: what is written, and what is refused before anything is sent."""

import json

import pytest
from slip_sockets import Commands, InvalidCommand


def test_each_command_as_the_contract_writes_it():
    commands = Commands()
    commands.accept("c")
    commands.accept("c", "chat.v1", {"Set-Cookie": " a=b\t"})
    commands.accept("c", headers={"Set-Cookie": ["a=1", " b=2"], "X": ()})
    commands.refuse("c")
    commands.refuse("c", 302, "over there", {"Location": "/there"})
    commands.close("c")
    commands.close("c", 4000, "bye")
    commands.send_text("c", "héllo\0🚀")
    commands.send_binary("c", b"\x00\xff")
    commands.subscribe("c", "news/ü")
    commands.unsubscribe("c", "news")
    commands.set_metadata("c", None)
    commands.set_metadata("c", {"a": [1, 2.5, True, None, "ü"]})
    commands.publish_text("news", "")
    commands.publish_binary("news", memoryview(b"ab"))
    commands.close_channel("news")
    commands.close_channel("news", 1001, "over")
    commands.poll_for_connection("c", 1.5)
    assert json.loads(commands.body()) == {"events": commands.events}
    assert commands.events == [
        {"type": "ACCEPT", "connectionId": "c"},
        {"type": "ACCEPT", "connectionId": "c", "subprotocol": "chat.v1", "headers": {"Set-Cookie": "a=b"}},
        {"type": "ACCEPT", "connectionId": "c", "headers": {"Set-Cookie": ["a=1", "b=2"], "X": []}},
        {"type": "CLOSE", "connectionId": "c", "status": 403},
        {"type": "CLOSE", "connectionId": "c", "status": 302, "body": "over there",
         "headers": {"Location": "/there"}},
        {"type": "CLOSE", "connectionId": "c"},
        {"type": "CLOSE", "connectionId": "c", "code": 4000, "reason": "bye"},
        {"type": "TEXT", "connectionId": "c", "data": "héllo\0🚀"},
        {"type": "BINARY", "connectionId": "c", "data": "AP8="},
        {"type": "SUBSCRIBE", "connectionId": "c", "channel": "news/ü"},
        {"type": "UNSUBSCRIBE", "connectionId": "c", "channel": "news"},
        {"type": "SET_METADATA", "connectionId": "c", "metadata": None},
        {"type": "SET_METADATA", "connectionId": "c", "metadata": {"a": [1, 2.5, True, None, "ü"]}},
        {"type": "PUBLISH_TEXT", "channelId": "news", "data": ""},
        {"type": "PUBLISH_BINARY", "channelId": "news", "data": "YWI="},
        {"type": "CLOSE_CHANNEL", "channelId": "news"},
        {"type": "CLOSE_CHANNEL", "channelId": "news", "code": 1001, "reason": "over"},
        {"type": "POLL_FOR_CONNECTION", "connectionId": "c", "timeout": 1500},
    ]
    assert len(commands) == 18 and commands.poll_s == 1.5
    assert Commands().body() == b'{"events":[]}'


def test_what_is_written_does_not_change_later():
    metadata, commands = {"turns": 1}, Commands()
    commands.set_metadata("c", metadata)
    metadata["turns"] = 2
    assert commands.events[0]["metadata"] == {"turns": 1}


def test_limits_are_reached_but_not_passed():
    commands = Commands()
    commands.send_text("i" * 128, "")
    commands.subscribe("c", "é" * 2048)
    commands.close("c", 1000, "é" * 61)
    commands.accept("c", "p" * 256, {f"x-{number}": "" for number in range(64)})
    commands.accept("c", headers={"x": "v" * (4096 - len("x: \r\n"))})
    commands.accept("c", headers={"x": [""] * 64})
    commands.refuse("c", 599, "b" * 65536)
    commands.set_metadata("c", nested(61))
    commands.set_metadata("c", ['"[', "\\[", "[" * 100])
    for code in (1000, 1003, 1007, 1014, 3000, 4999):
        commands.close("c", code)


def nested(levels):
    return [nested(levels - 1)] if levels > 1 else {}


WRONG = {
    "no connection": lambda c: c.send_text("", "x"),
    "a long connection": lambda c: c.send_text("i" * 129, "x"),
    "a number for a connection": lambda c: c.send_text(7, "x"),
    "half a character": lambda c: c.send_text("c", "\ud83d"),
    "half a character in metadata": lambda c: c.set_metadata("c", {"a": "\ud83d"}),
    "bytes for text": lambda c: c.send_text("c", b"x"),
    "text for bytes": lambda c: c.send_binary("c", "x"),
    "no channel": lambda c: c.subscribe("c", ""),
    "a long channel": lambda c: c.publish_text("é" * 2049, "x"),
    "a control character in a channel": lambda c: c.publish_text("a\x85b", "x"),
    "code 999": lambda c: c.close("c", 999),
    "code 1004": lambda c: c.close("c", 1004),
    "code 1005": lambda c: c.close("c", 1005),
    "code 1015": lambda c: c.close("c", 1015),
    "code 5000": lambda c: c.close_channel("c", 5000),
    "code True": lambda c: c.close("c", True),
    "code '1000'": lambda c: c.close("c", "1000"),
    "a long reason": lambda c: c.close("c", 1000, "é" * 62),
    "status 200": lambda c: c.refuse("c", 200),
    "status 600": lambda c: c.refuse("c", 600),
    "a long body": lambda c: c.refuse("c", 403, "b" * 65537),
    "a subprotocol with a space": lambda c: c.accept("c", "a b"),
    "an empty subprotocol": lambda c: c.accept("c", ""),
    "a long subprotocol": lambda c: c.accept("c", "p" * 257),
    "a header with a space": lambda c: c.accept("c", headers={"a b": "c"}),
    "a header of the handshake": lambda c: c.accept("c", headers={"Sec-WebSocket-Accept": "c"}),
    "a header that frames": lambda c: c.refuse("c", headers={"Content-LENGTH": "1"}),
    "a line end in a header": lambda c: c.accept("c", headers={"a": "b\r\nc: d"}),
    "too many headers": lambda c: c.accept("c", headers={f"x-{number}": "" for number in range(65)}),
    "too many headers of a name": lambda c: c.accept("c", headers={"x": [""] * 65}),
    "a line end in a header of several": lambda c: c.accept("c", headers={"a": ["b", "\n"]}),
    "too long headers": lambda c: c.accept("c", headers={"x": "v" * 4096}),
    "metadata that is not JSON": lambda c: c.set_metadata("c", {1, 2}),
    "metadata that is too deep": lambda c: c.set_metadata("c", nested(62)),
    "metadata that is not a number": lambda c: c.set_metadata("c", float("nan")),
    "a poll into the past": lambda c: c.poll_for_connection("c", -1),
    "a poll without end": lambda c: c.poll_for_connection("c", float("inf")),
    "a poll of nothing": lambda c: c.poll_for_connection("c", float("nan")),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_what_can_be_no_command_is_refused(call):
    commands = Commands()
    with pytest.raises(InvalidCommand):
        call(commands)
    assert commands.body() == b'{"events":[]}'


def test_metadata_in_a_circle():
    circle = []
    circle.append(circle)
    with pytest.raises(InvalidCommand):
        Commands().set_metadata("c", circle)

"""RFC 6455, clause by clause, through the whole ring; and what limits do."""

import base64
import struct
import threading

import pytest
from harness.client import CLOSE, PING, PONG, TEXT, Client, Gone
from harness.wait import until


def echo(ring):
    def answer(event, _):
        return [{"type": event["type"], "connectionId": event["connectionId"], "data": event["data"]}]

    ring.backend.on("TEXT", answer)
    ring.backend.on("BINARY", answer)


def close_event(ring):
    return ring.backend.wait_for("CLOSE")[0]


def violation(ring, data, code):
    """The server closes with `code`, the backend is told the same, and nobody else is harmed."""
    echo(ring)
    bystander = ring.connect()
    client = ring.connect()
    client.send_raw(data)
    assert client.expect_close()[0] == code
    assert close_event(ring)["code"] == code
    bystander.send("still here")
    assert bystander.receive() == "still here"


FRAME = Client.frame


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65535, 65536, 300000])
def test_text_of_every_length_form(ring, size):
    echo(ring)
    client = ring.connect()
    text = "ü" * (size // 2) + "x" * (size % 2)
    client.send(text)
    assert client.receive() == text


def test_binary_reaches_the_backend_as_base64_and_comes_back(ring):
    echo(ring)
    client = ring.connect()
    data = bytes(range(256)) * 4
    client.send(data)
    assert client.receive() == data
    assert base64.b64decode(ring.backend.seen("BINARY")[0]["data"]) == data


def test_a_message_in_fragments_is_one_message(ring):
    echo(ring)
    client = ring.connect()
    client.send_raw(FRAME(TEXT, "one ", fin=False) + FRAME(0, "two ", fin=False)
                    + FRAME(PING, "between") + FRAME(0, b"", fin=False) + FRAME(0, "three"))
    frame = client.read_frame()
    assert (frame.opcode, frame.payload) == (PONG, b"between")
    assert client.receive() == "one two three"


def test_a_character_may_be_cut_between_fragments(ring):
    echo(ring)
    client = ring.connect()
    snowman = "☃".encode()
    client.send_raw(FRAME(TEXT, snowman[:1], fin=False) + FRAME(0, snowman[1:2], fin=False)
                    + FRAME(0, snowman[2:]))
    assert client.receive() == "☃"


def test_frames_may_come_byte_by_byte(ring):
    echo(ring)
    client = ring.connect()
    for byte in FRAME(TEXT, "slow", length_form=None):
        client.send_raw(bytes([byte]))
    assert client.receive() == "slow"


def test_pings_are_answered(ring):
    client = ring.connect()
    for payload in (b"", b"x", b"y" * 125):
        client.send_ping(payload)
        frame = client.read_frame()
        assert (frame.opcode, frame.payload) == (PONG, payload)


def test_an_unasked_pong_is_ignored(ring):
    echo(ring)
    client = ring.connect()
    client.send_raw(FRAME(PONG, "nobody asked"))
    client.send("hello")
    assert client.receive() == "hello"


VIOLATIONS = [
    ("unmasked frame (5.1)", FRAME(TEXT, "hi", mask=False), 1002),
    ("RSV1 without an extension (5.2)", FRAME(TEXT, "hi", rsv=4), 1002),
    ("RSV2 (5.2)", FRAME(TEXT, "hi", rsv=2), 1002),
    ("RSV3 (5.2)", FRAME(TEXT, "hi", rsv=1), 1002),
    *[(f"reserved opcode {opcode} (5.2)", FRAME(opcode, "hi"), 1002)
      for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)],
    ("length not minimal, 16 bit (5.2)", FRAME(TEXT, "hi", length_form=16), 1002),
    ("length not minimal, 64 bit (5.2)", FRAME(TEXT, "hi", length_form=64), 1002),
    ("64 bit length with its highest bit (5.2)",
     struct.pack("!BBQ", 0x81, 0xff, 1 << 63) + b"mask", 1002),
    ("control frame over 125 bytes (5.5)", FRAME(PING, "x" * 126), 1002),
    ("control frame in fragments (5.5)", FRAME(PING, "x", fin=False), 1002),
    ("continuation of nothing (5.4)", FRAME(0, "x"), 1002),
    ("new message inside another (5.4)", FRAME(TEXT, "a", fin=False) + FRAME(TEXT, "b"), 1002),
    ("invalid UTF-8 (8.1)", FRAME(TEXT, b"\xff"), 1007),
    ("overlong UTF-8 (8.1)", FRAME(TEXT, b"\xc0\xaf"), 1007),
    ("surrogate in UTF-8 (8.1)", FRAME(TEXT, b"\xed\xa0\x80"), 1007),
    ("beyond U+10FFFF (8.1)", FRAME(TEXT, b"\xf4\x90\x80\x80"), 1007),
    ("cut UTF-8 at the end (8.1)", FRAME(TEXT, b"\xe2\x98"), 1007),
    ("invalid UTF-8 over fragments (8.1)", FRAME(TEXT, b"\xe2", fin=False) + FRAME(0, b"a"), 1007),
    ("close payload of one byte (5.5.1)", FRAME(CLOSE, b"\x03"), 1002),
    *[(f"close code {code} (7.4)", FRAME(CLOSE, struct.pack("!H", code)), 1002)
      for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)],
    ("close reason that is not UTF-8 (5.5.1)", FRAME(CLOSE, b"\x03\xe8\xff"), 1007),
]


@pytest.mark.parametrize("data, code", [row[1:] for row in VIOLATIONS],
                         ids=[row[0].replace(" ", "-") for row in VIOLATIONS])
def test_violations(ring, data, code):
    violation(ring, data, code)


def test_invalid_utf8_fails_before_the_message_is_complete(ring):
    client = ring.connect()
    client.send_raw(FRAME(TEXT, b"\xff", fin=False))
    assert client.expect_close()[0] == 1007


@pytest.mark.parametrize("code, reason", [
    (1000, ""), (1000, "bye"), (1001, "tab closed"), (1011, ""), (3000, "ours"), (4999, "ü" * 61)])
def test_the_clients_close_is_echoed_and_reported(ring, code, reason):
    client = ring.connect()
    assert client.close(code, reason)[0] == code
    event = close_event(ring)
    assert (event["code"], event.get("reason", "")) == (code, reason)


def test_a_close_without_a_code_is_1005(ring):
    client = ring.connect()
    client.send_close()
    assert client.expect_close(answer=False)[0] in (None, 1000)
    assert close_event(ring)["code"] == 1005


@pytest.mark.parametrize("leave", ["drop", "reset"])
def test_a_client_that_vanishes_is_1006(ring, leave):
    client = ring.connect()
    ring.backend.wait_for("OPEN")
    getattr(client, leave)()
    assert close_event(ring)["code"] == 1006


def test_what_follows_a_close_frame_is_ignored(ring):
    client = ring.connect()
    client.send_raw(FRAME(TEXT, "before") + FRAME(CLOSE, struct.pack("!H", 1000)) + FRAME(TEXT, "after"))
    client.expect_close(answer=False)
    close_event(ring)
    assert [event["data"] for event in ring.backend.seen("TEXT")] == ["before"]


def test_the_backends_close_reaches_the_client_with_code_and_reason(ring):
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "last words"},
        {"type": "CLOSE", "connectionId": event["connectionId"], "code": 4321, "reason": "enough"},
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "never seen"}])
    client = ring.connect()
    client.send("go")
    assert client.receive() == "last words"
    assert client.expect_close() == (4321, "enough")
    event = close_event(ring)
    assert (event["code"], event["reason"]) == (4321, "enough")


def test_a_client_that_does_not_answer_a_close_is_cut(stacks):
    stack = stacks(CLOSE_TIMEOUT="300ms")
    stack.backend.on("TEXT", lambda event, _: [
        {"type": "CLOSE", "connectionId": event["connectionId"], "code": 4000, "reason": "x"}])
    client = stack.connect()
    client.send("go")
    assert client.expect_close(answer=False)[0] == 4000
    stack.backend.wait_for("CLOSE")


def test_a_message_over_the_limit_is_1009(stacks):
    stack = stacks(MESSAGE_LIMIT="1000")
    stack.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": str(len(event["data"]))}])
    client = stack.connect(deflate="permessage-deflate")
    client.send("x" * 1000)
    assert client.receive() == "1000"
    for data in (FRAME(TEXT, "x" * 1001),
                 FRAME(TEXT, "x" * 600, fin=False) + FRAME(0, "x" * 600),
                 struct.pack("!BBQ", 0x81, 0xff, 1 << 40) + b"mask",
                 FRAME(TEXT, client.deflate(b"x" * 1_000_000), rsv=4)):
        bad = stack.connect(deflate="permessage-deflate")
        bad.send_raw(data)
        assert bad.expect_close()[0] == 1009
    codes = [event["code"] for event in stack.backend.wait_for("CLOSE", 4)]
    assert codes == [1009] * 4


def test_deflate_that_is_none_is_1007(ring):
    client = ring.connect(deflate="permessage-deflate")
    client.send_raw(FRAME(TEXT, b"\xff\xff\xff\xff", rsv=4))
    assert client.expect_close()[0] == 1007


def test_idle_clients_are_pinged_and_live_on_by_answering(stacks):
    stack = stacks(PING_INTERVAL="200ms", PING_TIMEOUT="1s")
    client = stack.connect()
    for _ in range(3):
        frame = client.read_frame()
        assert frame.opcode == PING
        client.send_raw(FRAME(PONG, frame.payload))
    assert not stack.backend.seen("CLOSE")


def test_a_client_that_does_not_answer_pings_is_dead(stacks):
    stack = stacks(PING_INTERVAL="200ms", PING_TIMEOUT="300ms")
    client = stack.connect()
    assert client.read_frame().opcode == PING
    with pytest.raises(Gone):
        while True:
            client.read_frame()
    assert stack.backend.wait_for("CLOSE")[0]["code"] == 1006


def test_an_idle_client_is_closed_with_4000(stacks):
    stack = stacks(IDLE_TIMEOUT="400ms", PING_INTERVAL="100ms")
    client = stack.connect()
    done = threading.Event()

    def answer_pings():
        try:
            while not done.is_set():
                frame = client.read_frame()
                if frame.opcode == PING:
                    client.send_raw(FRAME(PONG, frame.payload))
                if frame.opcode == CLOSE:
                    client.code = struct.unpack("!H", frame.payload[:2])[0]
                    client.send_raw(FRAME(CLOSE, frame.payload[:2]))
        except (Gone, OSError):
            pass

    thread = threading.Thread(target=answer_pings)
    thread.start()
    assert stack.backend.wait_for("CLOSE")[0]["code"] == 4000
    done.set()
    thread.join()
    assert client.code == 4000


def test_an_old_connection_is_closed_with_4001(stacks):
    stack = stacks(CONNECTION_LIFETIME="500ms")
    client = stack.connect()
    assert client.expect_close()[0] == 4001
    assert stack.backend.wait_for("CLOSE")[0]["code"] == 4001


def test_a_client_that_stops_reading_is_closed_with_1013(stacks):
    stack = stacks(SEND_QUEUE_LIMIT="64k")
    slow, fast = stack.connect(), stack.connect()
    for event in stack.backend.wait_for("OPEN", 2):
        stack.rest.events({"type": "SUBSCRIBE", "connectionId": event["connectionId"], "channel": "news"})
    slow_id = stack.backend.seen("OPEN")[0]["connectionId"]
    message = "n" * 16000
    for _ in range(1000):
        stack.rest.publish("news", message)
        assert fast.receive() == message
        if stack.backend.seen("CLOSE"):
            break
    event = stack.backend.wait_for("CLOSE")[0]
    assert (event["connectionId"], event["code"]) == (slow_id, 1013), event
    slow.drop()


def test_a_client_that_floods_is_not_read_until_the_backend_catches_up(stacks):
    stack = stacks(EVENT_QUEUE_LIMIT="64k", BATCH_EVENTS=4)
    may_answer = threading.Event()
    stack.backend.on("TEXT", lambda event, _: may_answer.wait(30) and [])
    client = stack.connect()
    count, size = 400, 20000
    sender = threading.Thread(target=lambda: [client.send(f"{number:05}" + "x" * size)
                                              for number in range(count)])
    sender.start()
    stack.backend.wait_for("TEXT")
    until(lambda: stack.edge.metric("slip_reads_paused") >= 1,
          lambda: "the edge to stop reading; metrics:\n" + stack.edge.admin("/metrics")[1])
    assert sender.is_alive(), "eight megabytes went into a queue of 64 kB"
    may_answer.set()
    sender.join()
    texts = [event["data"][:5] for event in stack.backend.wait_for("TEXT", count)]
    assert texts == [f"{number:05}" for number in range(count)], "lost or out of order"


def test_events_of_a_busy_connection_are_batched_in_order(ring):
    may_answer = threading.Event()
    ring.backend.on("TEXT", lambda event, _: may_answer.wait(20) and [])
    client = ring.connect()
    for number in range(50):
        client.send(str(number))
    ring.backend.wait_for("TEXT")
    may_answer.set()
    texts = [event["data"] for event in ring.backend.wait_for("TEXT", 50)]
    assert texts == [str(number) for number in range(50)]
    keys = [request.key for request in ring.backend.requests]
    assert len(keys) < 20 and len(set(keys)) == len(keys), keys

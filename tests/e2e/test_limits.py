"""Every limit: what whoever comes to it is told, and the metric that counts it. (Who floods or does
not read is in test_frames.py; bodies and pages of REST in test_openapi.py.)"""

import threading

import pytest
from harness.backend import accept
from harness.client import BINARY, TEXT, Client, Refused
from harness.wait import until


def refused(stack, **options):
    with pytest.raises(Refused) as raised:
        stack.connect(**options)
    return raised.value


def reached(stack, limit):
    return stack.edge.metric("slip_limits_reached_total", limit=limit)


def from_address(address):
    return {"headers": {"X-Forwarded-For": address}}


def hold_handshakes(stack):
    """The backend does not answer OPEN before the returned event is set; one client waits."""
    may_answer = threading.Event()
    stack.backend.on("OPEN", lambda event, _: may_answer.wait(20) and accept(event["connectionId"]))
    waiting = stack.client()
    waiting.send_raw(waiting.request())
    stack.backend.wait_for("OPEN")
    return may_answer


def connect_once(stack):
    stack.connect()
    return threading.Event()


HANDSHAKES = [
    ("MAX_CONNECTIONS", 1, connect_once, 503),
    ("MAX_PENDING", 1, hold_handshakes, 503),
    ("MAX_CONNECTIONS_PER_ADDRESS", 1, connect_once, 429),
    ("HANDSHAKE_RATE", 1, connect_once, 503),
]


@pytest.mark.parametrize("setting, value, reach, status", HANDSHAKES, ids=[row[0] for row in HANDSHAKES])
def test_handshakes(stacks, setting, value, reach, status):
    stack = stacks(**{setting: value})
    release = reach(stack)
    # The bucket of HANDSHAKE_RATE fills again in a second, which a busy machine may take to ask.
    answers = []

    def try_once():
        try:
            stack.connect()
        except Refused as answer:
            answers.append(answer)
        return answers

    if setting == "HANDSHAKE_RATE":
        until(try_once, "a handshake to come too fast")
    else:
        answers = [refused(stack)]
    release.set()
    assert answers[0].status == status and answers[0].headers["retry-after"] == "1", answers[0]
    assert answers[0].body, "nobody is told why"
    assert reached(stack, setting) == 1
    assert stack.edge.metric("slip_handshakes_total", outcome="overloaded") == 1


def test_addresses_are_counted_apart_and_given_back(stacks):
    stack = stacks(MAX_CONNECTIONS_PER_ADDRESS=2, TRUSTED_PROXIES="127.0.0.0/8")
    crowd = [stack.connect(**from_address("198.51.100.7")) for _ in range(2)]
    assert refused(stack, **from_address("198.51.100.7")).status == 429
    stack.connect(**from_address("198.51.100.8"))
    stack.connect(**from_address("2001:db8::1"))
    stack.connect(**from_address("2001:db8::2"))
    assert refused(stack, **from_address("2001:db8::ffff")).status == 429, "one /64 is one host"
    stack.connect(**from_address("2001:db8:0:1::1"))
    crowd[0].close()
    stack.connect(**from_address("198.51.100.7"))
    crowd[1].reset()
    stack.backend.wait_for("CLOSE", 2)
    stack.connect(**from_address("198.51.100.7"))
    assert refused(stack, **from_address("198.51.100.7")).status == 429


def test_an_address_whose_handshakes_are_refused_is_not_locked_out(stacks):
    stack = stacks(MAX_CONNECTIONS_PER_ADDRESS=1)
    stack.backend.on("OPEN", lambda event, _: [{"type": "CLOSE", "connectionId": event["connectionId"]}])
    for _ in range(3):
        assert refused(stack).status == 403


def test_the_address_is_the_one_that_the_proxy_protocol_tells(stacks):
    stack = stacks(MAX_CONNECTIONS_PER_ADDRESS=1, TRUSTED_PROXIES="127.0.0.0/8", PROXY_PROTOCOL="on")

    def knock(address):
        client = stack.client()
        client.send_raw(f"PROXY TCP4 {address} 127.0.0.1 1234 80\r\n".encode() + client.request())
        return client.read_response()[0]

    assert [knock(address) for address in ("198.51.100.7", "198.51.100.8", "198.51.100.7")] == [101, 101, 429]


def test_too_many_subscriptions_close_the_connection(stacks):
    stack = stacks(MAX_SUBSCRIPTIONS=2)
    client, bystander = stack.connect(), stack.connect()
    first, second = (event["connectionId"] for event in stack.backend.wait_for("OPEN", 2))

    def subscribe(connection, *channels):
        answer = stack.rest.events(*({"type": "SUBSCRIBE", "connectionId": connection, "channel": channel}
                                     for channel in channels))
        assert answer.status == 200, answer

    subscribe(first, "one", "two", "two", "one")
    subscribe(second, "three")
    stack.rest.publish("two", "still here")
    assert client.receive() == "still here"
    subscribe(first, "three")
    assert client.expect_close() == (1008, "too many subscriptions")
    close = stack.backend.wait_for("CLOSE")[0]
    assert (close["connectionId"], close["code"], close["reason"]) == (first, 1008, "too many subscriptions")
    assert reached(stack, "MAX_SUBSCRIPTIONS") == 1
    assert stack.edge.metric("slip_closes_total", reason="too_many_subscriptions") == 1
    assert stack.edge.metric("slip_subscriptions") == 1
    stack.rest.publish("three", "for the others")
    assert bystander.receive() == "for the others"


def test_subscriptions_that_were_left_do_not_count(stacks):
    stack = stacks(MAX_SUBSCRIPTIONS=2)
    client = stack.connect()
    connection = stack.backend.wait_for("OPEN")[0]["connectionId"]
    for number in range(10):
        answer = stack.rest.events(
            {"type": "SUBSCRIBE", "connectionId": connection, "channel": f"c{number}"},
            {"type": "SUBSCRIBE", "connectionId": connection, "channel": "always"},
            {"type": "UNSUBSCRIBE", "connectionId": connection, "channel": f"c{number}"})
        assert answer.status == 200, answer
    stack.rest.publish("always", "hello")
    assert client.receive() == "hello"


def test_a_handshake_that_is_too_large(stacks):
    stack = stacks(HANDSHAKE_LIMIT="2k")
    assert refused(stack, headers={"X-Long": "y" * 3000}).status == 431
    assert reached(stack, "HANDSHAKE_LIMIT") == 1
    assert stack.edge.metric("slip_handshakes_total", outcome="malformed") == 1


def test_a_message_that_is_too_large(stacks):
    stack = stacks(MESSAGE_LIMIT="1000")
    client = stack.connect()
    client.send("x" * 1001)
    assert client.expect_close() == (1009, "message too big")
    assert stack.backend.wait_for("CLOSE")[0]["code"] == 1009
    assert reached(stack, "MESSAGE_LIMIT") == 1


def test_queues(stacks):
    stack = stacks(SEND_QUEUE_LIMIT="64k", EVENT_QUEUE_LIMIT="64k", EDGE_EVENT_LIMIT="1M", BATCH_EVENTS=4)
    may_answer = threading.Event()
    stack.backend.on("TEXT", lambda event, _: may_answer.wait(30) and [])
    talkers = [stack.connect() for _ in range(40)]
    threads = [threading.Thread(target=lambda client=client: [client.send("x" * 20000) for _ in range(8)])
               for client in talkers]
    for thread in threads:
        thread.start()
    until(lambda: reached(stack, "EVENT_QUEUE_LIMIT") >= 1 and reached(stack, "EDGE_EVENT_LIMIT") >= 1,
          lambda: "both limits; metrics:\n" + stack.edge.admin("/metrics")[1])
    assert refused(stack).status == 503, "a handshake was admitted above EDGE_EVENT_LIMIT"
    may_answer.set()
    for thread in threads:
        thread.join()
    stack.backend.wait_for("TEXT", 40 * 8)
    slow = stack.backend.seen("OPEN")[0]["connectionId"]
    for _ in range(1000):
        answer = stack.rest.events({"type": "TEXT", "connectionId": slow, "data": "n" * 30000})
        assert answer.status == 200, answer
        if stack.backend.seen("CLOSE"):
            break
    assert stack.backend.wait_for("CLOSE")[0]["code"] == 1013
    assert reached(stack, "SEND_QUEUE_LIMIT") == 1


def test_what_one_read_becomes_is_bounded(stacks):
    """Messages of 100 kB that take some hundred bytes on the wire, all of them in one read."""
    size, count, limit = 100_000, 200, 256 << 10
    stack = stacks(WEBHOOK_TIMEOUT="60s", BATCH_EVENTS=4)
    may_answer = threading.Event()
    stack.backend.on("TEXT", lambda event, _: may_answer.wait(60) and [])
    clients = [stack.connect(deflate="permessage-deflate") for _ in range(4)]
    burst = b"".join(Client.frame(TEXT, Client.deflate(f"{number:05}".ljust(size, "x").encode()), rsv=4)
                     for number in range(count))
    assert len(burst) < 64 << 10, f"{len(burst)} bytes are more than one read"
    for client in clients:
        client.send_raw(burst)
    until(lambda: stack.edge.metric("slip_reads_paused") == len(clients),
          lambda: "the edge to stop reading; metrics:\n" + stack.edge.admin("/metrics")[1])
    queued = stack.edge.metric("slip_events_queued_bytes")
    assert queued <= len(clients) * (limit + size + 64 + (64 << 10)), f"{queued:.0f} bytes are queued"
    may_answer.set()
    numbers = {}
    for event in stack.backend.wait_for("TEXT", len(clients) * count):
        assert len(event["data"]) == size
        numbers.setdefault(event["connectionId"], []).append(int(event["data"][:5]))
    assert list(numbers.values()) == [list(range(count))] * len(clients), "lost or out of order"
    until(lambda: stack.edge.metric("slip_events_queued_bytes") == 0, "all to be acknowledged")


def test_unfinished_messages_of_all(stacks):
    limit, size = 1 << 20, 200_000
    stack = stacks(EDGE_UNFINISHED_LIMIT=limit, MESSAGE_LIMIT=limit // 4)
    bystander = stack.connect()
    stalling = []
    for _ in range(12):
        stalling.append(stack.connect())
        stalling[-1].send_raw(Client.frame(BINARY, b"x" * size, fin=False))
        stack.backend.wait_for("OPEN", 1 + len(stalling))
    assert stalling[0].expect_close() == (1013, "message unfinished for too long")
    bystander.send("a whole one")
    assert stack.backend.wait_for("TEXT")[0]["data"] == "a whole one"
    until(lambda: reached(stack, "EDGE_UNFINISHED_LIMIT") >= 12 - limit // size,
          lambda: "the oldest to be cut; metrics:\n" + stack.edge.admin("/metrics")[1])
    assert 0 < stack.edge.metric("slip_events_unfinished_bytes") <= limit
    stalling[-1].send_raw(Client.frame(0, b"the end"))
    stack.backend.wait_for("BINARY")
    until(lambda: len(stack.backend.seen("CLOSE")) == stack.edge.metric("slip_closes_total", reason="unfinished"),
          "the CLOSE of each that was cut")
    assert {event["code"] for event in stack.backend.seen("CLOSE")} == {1013}
    assert stack.edge.admin("/readyz")[0] == 200


COMMANDS = [
    ("CHANNEL_NAME_LIMIT", "channel", {"type": "SUBSCRIBE", "channel": "c" * 11}),
    ("CHANNEL_NAME_LIMIT, in bytes", "channel", {"type": "SUBSCRIBE", "channel": "ü" * 6}),
    ("characters of a channel", "channel", {"type": "SUBSCRIBE", "channel": "a\u0007b"}),
    ("an empty channel", "channel", {"type": "SUBSCRIBE", "channel": ""}),
    ("METADATA_LIMIT", "metadata", {"type": "SET_METADATA", "metadata": {"key": "m" * 100}}),
    ("PUBLISH_LIMIT", "data", {"type": "TEXT", "data": "d" * 21}),
]
WITHIN = [
    {"type": "SUBSCRIBE", "channel": "c" * 10},
    {"type": "SUBSCRIBE", "channel": "ü" * 5},
    {"type": "SET_METADATA", "metadata": {"key": "m" * 80}},
    {"type": "TEXT", "data": "d" * 20},
]
CONTRACT = {"CHANNEL_NAME_LIMIT": 10, "METADATA_LIMIT": 100, "PUBLISH_LIMIT": 20, "PAGE_LIMIT": 2}


def test_commands_by_rest(stacks):
    stack = stacks(**CONTRACT)
    client = stack.connect()
    connection = stack.backend.wait_for("OPEN")[0]["connectionId"]
    good = stack.rest.events(*({"connectionId": connection, **fields} for fields in WITHIN))
    assert good.status == 200, good
    assert client.receive() == "d" * 20
    for count, (name, _, fields) in enumerate(COMMANDS, 1):
        answer = stack.rest.events({"type": "TEXT", "connectionId": connection, "data": "not sent"},
                                   {"connectionId": connection, **fields})
        assert answer.status == 400, f"{name}: {answer}"
        assert stack.control.metric("slip_rest_requests_total", status="4xx") == count
    page = stack.rest.request("GET", "/v1/channels?limit=3")
    assert page.status == 400 and "limit" in page.text, page
    assert stack.rest.request("GET", "/v1/channels?limit=2").status == 200
    assert client.is_quiet(), "a command in front of the one that was refused was carried out"


def test_commands_in_an_answer(stacks):
    stack = stacks(WEBHOOK_ATTEMPTS=1, **CONTRACT)
    tried = iter(COMMANDS)
    stack.backend.on("TEXT", lambda event, _: [{"connectionId": event["connectionId"], **next(tried)[2]}])
    client = stack.connect()
    for count, (name, field, _) in enumerate(COMMANDS, 1):
        client.send("go")
        rows = until(lambda count=count: (lambda rows: rows if len(rows) == count else None)(
            stack.query("select last_error from {s}.dead_letters order by id")), f"{name} to be refused")
        assert rows[-1][0].startswith(f"events[0].{field} "), f"{name}: {rows[-1]}"
        assert stack.worker.metric("slip_webhook_requests_total", outcome="invalid_answer") == count

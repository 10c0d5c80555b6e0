"""The upgrade is held until the backend has decided; what the client sees then."""

import socket
import threading

import pytest
from harness.backend import Reply, accept
from harness.client import Gone, Refused
from harness.wait import until


def refuse(**fields):
    return lambda event, _: [{"type": "CLOSE", "connectionId": event["connectionId"], **fields}]


def refused(ring, path="/", **options):
    with pytest.raises(Refused) as raised:
        ring.connect(path, **options)
    return raised.value


def test_open_tells_the_backend_who_knocks(ring):
    ring.connect("/rooms/7?name=ada&x=%20", headers={"X-Custom": "één".encode().decode("latin-1"),
                                                     "Cookie": "a=b"}, subprotocols=["chat", "mqtt"])
    event = ring.backend.wait_for("OPEN")[0]
    request = ring.backend.requests[0]
    assert event["path"] == "/rooms/7" and event["query"] == "name=ada&x=%20", event
    assert event["subprotocols"] == ["chat", "mqtt"] and event["ip"] == "127.0.0.1", event
    assert event["headers"]["x-custom"] == "één" and event["headers"]["cookie"] == "a=b", event
    assert request.metadata["headers"] == event["headers"] and request.metadata["ip"] == "127.0.0.1"
    assert request.key == f"{event['connectionId']}:0-0"


def test_headers_of_one_name_are_joined(ring):
    client = ring.client()
    request = client.request().replace(b"\r\n\r\n", b"\r\nX-Many: 1\r\nX-Many: 2\r\n\r\n")
    client.send_raw(request)
    client.finish_open()
    assert ring.backend.wait_for("OPEN")[0]["headers"]["x-many"] == "1, 2"


def test_the_client_waits_while_the_backend_thinks(ring):
    may_answer = threading.Event()
    ring.backend.on("OPEN", lambda event, _: may_answer.wait(20) and accept(event["connectionId"]))
    client = ring.client()
    client.send_raw(client.request())
    ring.backend.wait_for("OPEN")
    assert client.is_quiet(), "the client heard something before the backend had decided"
    may_answer.set()
    client.finish_open()


def test_without_accept_the_client_sees_403(ring):
    ring.backend.on("OPEN", lambda event, _: [])
    assert refused(ring).status == 403


def test_a_refusing_close_is_403_and_no_close_event_follows(ring):
    ring.backend.on("OPEN", refuse())
    assert refused(ring).status == 403
    ring.backend.on("OPEN", lambda event, _: accept(event["connectionId"]))
    ring.connect().close()
    ring.backend.wait_for("CLOSE", connection=ring.backend.seen("OPEN")[1]["connectionId"])
    assert len(ring.backend.seen("CLOSE")) == 1, "a refused connection got a CLOSE"


def test_the_backend_chooses_status_headers_and_body_of_a_refusal(ring):
    ring.backend.on("OPEN", refuse(status=401, headers={"WWW-Authenticate": "Bearer"}, body="log in"))
    answer = refused(ring)
    assert (answer.status, answer.body) == (401, b"log in")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_accept_chooses_subprotocol_and_headers(ring):
    ring.backend.on("OPEN", lambda event, _: accept(
        event["connectionId"], subprotocol="mqtt", headers={"Set-Cookie": "seen=1", "X-Room": "7"}))
    client = ring.connect(subprotocols=["chat", "mqtt"])
    assert client.headers["sec-websocket-protocol"] == "mqtt"
    assert client.headers["set-cookie"] == "seen=1" and client.headers["x-room"] == "7"


def test_a_subprotocol_that_was_not_offered_is_left_out(ring):
    ring.backend.on("OPEN", lambda event, _: accept(event["connectionId"], subprotocol="other"))
    assert "sec-websocket-protocol" not in ring.connect(subprotocols=["chat"]).headers


def test_headers_that_would_break_the_response_make_the_answer_invalid(ring):
    ring.backend.on("OPEN", lambda event, _: accept(
        event["connectionId"], headers={"X-A": "1\r\nSet-Cookie: stolen=1"}))
    assert refused(ring).status == 502


def test_a_failing_backend_is_502(ring):
    ring.backend.on("OPEN", lambda event, _: Reply(500))
    assert refused(ring).status == 502


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"events": 3}', b'{"events": [{"type": "NO"}]}',
                                  b'{"events": [{"type": "ACCEPT"}]}', b"[" * 100000])
def test_an_answer_that_is_not_one_is_502(ring, body):
    ring.backend.on("OPEN", lambda event, _: Reply(200, body))
    assert refused(ring).status == 502


def test_a_backend_that_is_not_there_is_502(stacks):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        stack = stacks(TARGET_URL=f"http://127.0.0.1:{unused.getsockname()[1]}/", ACCEPT_TIMEOUT="2s",
                       RETRY_FIRST="5s")
        assert refused(stack).status == 502


def test_a_slow_backend_is_504_and_a_late_accept_gets_its_close(stacks):
    may_answer = threading.Event()
    stack = stacks(ACCEPT_TIMEOUT="1500ms")
    stack.backend.on("OPEN", lambda event, _: may_answer.wait(20) and accept(event["connectionId"]))
    assert refused(stack).status == 504
    may_answer.set()
    opened = stack.backend.seen("OPEN")[0]["connectionId"]
    close = stack.backend.wait_for("CLOSE")[0]
    assert close["connectionId"] == opened, close


def test_an_overloaded_broker_is_503(stacks):
    may_answer = threading.Event()
    stack = stacks(MAX_PENDING=1)
    stack.backend.on("OPEN", lambda event, _: may_answer.wait(20) and accept(event["connectionId"]))
    first = stack.client()
    first.send_raw(first.request())
    stack.backend.wait_for("OPEN")
    answer = refused(stack)
    may_answer.set()
    assert answer.status == 503 and "retry-after" in answer.headers
    first.finish_open()


def test_too_many_connections_are_503(stacks):
    stack = stacks(MAX_CONNECTIONS=2)
    stack.connect()
    stack.connect()
    assert refused(stack).status == 503
    stack.clients[0].close()
    stack.backend.wait_for("CLOSE")
    until(lambda: stack.edge.metric("slip_events_queued") == 0, "the edge to forget the first one")
    stack.connect()


def test_thousands_can_be_pending(stacks):
    may_answer = threading.Event()
    count = 2000
    stack = stacks(ACCEPT_TIMEOUT="90s", WEBHOOK_TIMEOUT="90s")
    stack.backend.on("OPEN", lambda event, _: may_answer.wait(80) and accept(event["connectionId"]))
    clients = [stack.client() for _ in range(count)]
    for client in clients:
        client.send_raw(client.request())
    until(lambda: stack.edge.metric("slip_connections_pending") == count,
          lambda: f"{count} pending, they are {stack.edge.metric('slip_connections_pending')}")
    may_answer.set()
    for client in clients:
        client.finish_open()
    assert stack.edge.metric("slip_connections") == count


@pytest.mark.parametrize("says", ["", "is anybody there?"])
@pytest.mark.parametrize("leave", ["drop", "reset"])
def test_a_client_that_gives_up_while_pending_leaves_nothing_and_gets_its_close(ring, leave, says):
    may_answer = threading.Event()
    ring.backend.on("OPEN", lambda event, _: may_answer.wait(20) and accept(
        event["connectionId"],
        {"type": "SUBSCRIBE", "connectionId": event["connectionId"], "channel": "ghosts"}))
    client = ring.client()
    client.send_raw(client.request())
    opened = ring.backend.wait_for("OPEN")[0]["connectionId"]
    if says:
        client.send_raw(client.frame(1, says))
    getattr(client, leave)()
    until(lambda: ring.edge.metric("slip_connections_pending") == 0, "the edge to notice that the client left")
    may_answer.set()
    close = ring.backend.wait_for("CLOSE")[0]
    assert close["connectionId"] == opened and close["code"] == 1006, close
    until(lambda: not ring.query(f"select 1 from {{s}}.connections where connection_id = '{opened}'"),
          "its row to go")
    assert not ring.query("select 1 from {s}.subscriptions where channel = 'ghosts'")


def test_a_client_that_gives_up_and_is_refused_gets_no_close(ring):
    may_answer = threading.Event()
    ring.backend.on("OPEN", lambda event, _: may_answer.wait(20) and refuse()(event, _))
    client = ring.client()
    client.send_raw(client.request())
    gone = ring.backend.wait_for("OPEN")[0]["connectionId"]
    client.reset()
    until(lambda: ring.edge.metric("slip_connections_pending") == 0, "the edge to notice that the client left")
    may_answer.set()
    until(lambda: not ring.query(f"select 1 from {{s}}.connections where connection_id = '{gone}'"),
          "its row to go")
    assert not ring.backend.seen("CLOSE")


def test_frames_right_behind_the_handshake_are_not_lost(ring):
    may_answer = threading.Event()
    ring.backend.on("OPEN", lambda event, _: may_answer.wait(20) and accept(event["connectionId"]))
    client = ring.client()
    big = "x" * 100000
    client.send_raw(client.request() + client.frame(1, "one") + client.frame(1, "two"))
    ring.backend.wait_for("OPEN")
    client.send_raw(client.frame(1, big))
    may_answer.set()
    client.finish_open()
    assert [event["data"] for event in ring.backend.wait_for("TEXT", 3)] == ["one", "two", big]


def test_a_handshake_may_come_byte_by_byte(ring):
    client = ring.client()
    for byte in client.request():
        client.send_raw(bytes([byte]))
    client.finish_open()


def test_deflate_is_negotiated_when_asked_for(ring):
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": event["data"]}])
    client = ring.connect(deflate="permessage-deflate; client_max_window_bits")
    assert client.headers["sec-websocket-extensions"].startswith("permessage-deflate")
    text = "round and round " * 500
    for _ in range(3):
        client.send_raw(client.frame(1, client.deflate(text.encode()), rsv=4))
        frame = client.read_frame()
        assert frame.rsv1 and len(frame.payload) < len(text) / 4, "the answer is not compressed"
        assert client.inflate(frame.payload).decode() == text


def test_deflate_is_not_forced_on_anybody(ring):
    assert "sec-websocket-extensions" not in ring.connect().headers
    assert "sec-websocket-extensions" not in ring.connect(deflate="x-webkit-deflate-frame").headers


# ---- clients that cannot shake hands ----

def answer_to(ring, data):
    client = ring.client()
    client.send_raw(data)
    status, headers, _ = client.read_response()
    client.expect_end()
    return status, headers


GOOD = ("GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


@pytest.mark.parametrize("status, data", [
    (426, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (405, GOOD.replace("GET", "POST")),
    (405, "DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"),
    (400, GOOD.replace("Host: a\r\n", "")),
    (400, GOOD.replace("Host: a\r\n", "Host: a\r\nHost: b\r\n")),
    (400, GOOD.replace("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "")),
    (400, GOOD.replace("dGhlIHNhbXBsZSBub25jZQ==", "c2hvcnQ=")),
    (400, GOOD.replace("dGhlIHNhbXBsZSBub25jZQ==", "not base64 at all!!!")),
    (426, GOOD.replace("Version: 13", "Version: 8")),
    (400, GOOD.replace("Host: a", "Host : a")),
    (400, GOOD.replace("Host: a", "Host: a\r\n folded")),
    (400, GOOD.replace("Host: a", "Host: a\r\nContent-Length: 5")),
    (400, GOOD.replace("Host: a", "Host: a\r\nTransfer-Encoding: chunked")),
    (400, GOOD.replace("Host: a", "Host: a\r\nX: \x00")),
    (505, GOOD.replace("HTTP/1.1", "HTTP/3.0")),
    (400, "nonsense\r\n\r\n"),
    (400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
])
def test_a_bad_handshake_gets_a_clear_answer(ring, status, data):
    got, headers = answer_to(ring, data.encode("latin-1"))
    assert got == status, headers
    if status == 426:
        assert headers["sec-websocket-version"] == "13" or "upgrade" in headers
    if status == 405:
        assert "GET" in headers["allow"]
    assert not ring.backend.seen()


def test_a_flood_of_headers_is_431(ring):
    flood = "".join(f"X-{number}: {'y' * 100}\r\n" for number in range(400))
    assert answer_to(ring, GOOD.replace("Host: a\r\n", "Host: a\r\n" + flood).encode())[0] == 431


def test_a_target_that_is_too_long_is_refused(ring):
    assert answer_to(ring, GOOD.replace("GET /", "GET /" + "a" * 20000).encode())[0] in (414, 431)


def test_a_slow_handshake_is_408(stacks):
    stack = stacks(HANDSHAKE_TIMEOUT="300ms")
    client = stack.client()
    client.send_raw(b"GET / HTTP/1.1\r\nHost: a\r\n")
    assert client.read_response()[0] == 408
    client.expect_end()


def test_a_client_that_says_nothing_is_let_go(stacks):
    stack = stacks(HANDSHAKE_TIMEOUT="300ms")
    client = stack.client()
    try:
        assert client.read_response()[0] == 408
        client.expect_end()
    except Gone:
        pass


def test_a_handshake_that_trickles_in_is_408(stacks):
    """The time is one for the whole, not for each byte."""
    stack = stacks(HANDSHAKE_TIMEOUT="500ms")
    client = stack.client()
    client.send_raw(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    assert any(client.send_raw(b"x") or not client.is_quiet(0.05) for _ in range(400)), "it may trickle for ever"
    assert client.read_response()[0] == 408


# ---- who the client is ----

def test_pages_of_other_origins_are_403(stacks):
    stack = stacks(ALLOWED_ORIGINS="https://app.example, https://*.app.example:8443")
    for origin in ("https://app.example", "https://a.app.example:8443"):
        stack.connect(headers={"Origin": origin})
    stack.connect()  # no page
    for origin in ("https://evil.example", "http://app.example", "https://a.app.example", "null"):
        refusal = refused(stack, headers={"Origin": origin})
        assert (refusal.status, refusal.body) == (403, b"Pages of this origin may not connect."), origin
    twice = stack.client()
    twice.send_raw(twice.request().replace(b"\r\n\r\n", b"\r\nOrigin: https://app.example\r\nOrigin: https://x.example\r\n\r\n"))
    assert twice.read_response()[0] == 403
    assert stack.edge.metric("slip_handshakes_total", outcome="forbidden") == 5
    assert len(stack.backend.seen("OPEN")) == 3, "the backend was asked about a page that may not connect"


def test_forwarded_addresses_are_not_believed_from_strangers(ring):
    ring.connect(headers={"X-Forwarded-For": "198.51.100.7"})
    assert ring.backend.wait_for("OPEN")[0]["ip"] == "127.0.0.1"


def test_forwarded_addresses_are_believed_from_trusted_proxies(stacks):
    stack = stacks(TRUSTED_PROXIES="127.0.0.0/8,10.0.0.0/8")
    stack.connect(headers={"X-Forwarded-For": "6.6.6.6, 198.51.100.7, 10.1.2.3"})
    assert stack.backend.wait_for("OPEN")[0]["ip"] == "198.51.100.7"


def test_the_proxy_protocol_tells_the_address(stacks):
    stack = stacks(TRUSTED_PROXIES="127.0.0.0/8", PROXY_PROTOCOL="on")
    first = stack.client()
    first.send_raw(b"PROXY TCP4 198.51.100.8 127.0.0.1 1234 80\r\n" + first.request())
    first.finish_open()
    second = stack.client()
    second.send_raw(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c" + bytes([198, 51, 100, 9, 127, 0, 0, 1])
                    + b"\x04\xd2\x00\x50" + second.request())
    second.finish_open()
    addresses = [event["ip"] for event in stack.backend.wait_for("OPEN", 2)]
    assert addresses == ["198.51.100.8", "198.51.100.9"]


def test_the_proxy_protocol_is_not_believed_from_strangers(stacks):
    stack = stacks(TRUSTED_PROXIES="198.51.100.0/24", PROXY_PROTOCOL="on")
    liar = stack.client()
    liar.send_raw(b"PROXY TCP4 198.51.100.8 127.0.0.1 1234 80\r\n" + liar.request())
    assert liar.read_response()[0] == 400
    stack.connect()
    assert [event["ip"] for event in stack.backend.wait_for("OPEN")] == ["127.0.0.1"]


def test_the_proxy_protocol_that_is_none_ends_the_connection(stacks):
    stack = stacks(TRUSTED_PROXIES="127.0.0.0/8", PROXY_PROTOCOL="on")
    client = stack.client()
    client.send_raw(b"PROXY NONSENSE 1 2 3\r\n" + client.request())
    client.expect_end()
    assert not stack.backend.seen()

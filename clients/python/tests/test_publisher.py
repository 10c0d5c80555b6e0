"""The publisher, against a server that answers what the test says."""

import contextlib
import email.utils
import json
import os
import re
import socket
import ssl
import subprocess
import threading
import time

import jwt
import pytest
from slip_sockets import (BadRequest, BrokerError, Commands, Conflict, Denied, InvalidCommand, Missed, NoSuchConnection,
                          NotApplied, NotFound, Overloaded, Publisher, TimedOut, Unavailable,
                          UnexpectedAnswer, Unreachable, transport)

SECRET = "a secret of the tests that is long enough to sign with"


def problem(status, name, **headers):
    text = json.dumps({"type": f"/problems/{name}", "title": "Title", "status": status, "detail": "detail"})
    return status, {"Content-Type": "application/problem+json", **headers}, text.encode()


@pytest.fixture(name="publisher")
def publisher_fixture(server):
    """Its pauses are written down, not waited for."""
    with Publisher(server.url, SECRET, timeout=20) as made:
        made.pauses = []
        made._sleep = made.pauses.append  # pylint: disable=protected-access
        yield made


OK = (200, {}, b'{"message": "applied"}')
AWAY = problem(503, "not-ready")


def test_a_request_as_control_wants_it(server, publisher):
    publisher.send([{"type": "PUBLISH_TEXT", "channelId": "news", "data": "é"}], idempotency_key="mine")
    ((method, path, headers, body),) = server.seen
    assert (method, path, headers["Idempotency-Key"]) == ("POST", "/", "mine")
    assert headers["Content-Type"] == "application/websocket-events"
    assert json.loads(body) == {"events": [{"type": "PUBLISH_TEXT", "channelId": "news", "data": "é"}]}
    claims = jwt.decode(headers["Authorization"].split()[1], SECRET, algorithms=["HS256"],
                        audience="ControlEvent", issuer="slip-sockets")
    assert claims["exp"] - time.time() <= 61


def test_every_single_command(server, publisher):
    server.answers = [OK]
    publisher.publish_text("a/b ü", "t")
    publisher.publish_binary("c", b"\0")
    publisher.send_text("id", "t")
    publisher.send_binary("id", b"\0")
    publisher.close("id")
    publisher.close("id", 4000, "bye")
    publisher.close_channel("c", 1001)
    publisher.subscribe("id", "c")
    publisher.unsubscribe("id", "..")
    publisher.set_metadata("id", None)
    publisher.set_metadata("id", {"a": "ü"})
    text, binary = {"data": "t"}, {"data": "AA==", "binary": True}
    assert [(method, path, json.loads(body) if body else "nothing") for method, path, _, body in server.seen] == [
        ("POST", "/v1/channels/a%2Fb%20%C3%BC/messages", text), ("POST", "/v1/channels/c/messages", binary),
        ("POST", "/v1/connections/id/messages", text), ("POST", "/v1/connections/id/messages", binary),
        ("POST", "/v1/connections/id/close", {}),
        ("POST", "/v1/connections/id/close", {"code": 4000, "reason": "bye"}),
        ("POST", "/v1/channels/c/close", {"code": 1001}),
        ("PUT", "/v1/connections/id/subscriptions/c", "nothing"),
        ("DELETE", "/v1/connections/id/subscriptions/..", "nothing"),
        ("PUT", "/v1/connections/id/metadata", None), ("PUT", "/v1/connections/id/metadata", {"a": "ü"})]
    keys = [headers["Idempotency-Key"] for _, _, headers, _ in server.seen]
    assert len(set(keys)) == len(keys), "each request has a key of its own"
    assert server.connections == 1, "the connection is kept"


def test_there_is_a_method_for_every_operation_of_openapi_json(server, publisher):
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../control/openapi.json"),
              encoding="utf-8") as file:
        paths = json.load(file)["paths"]
    operations = {(method.upper(), path) for path, each in paths.items()
                  for method in each.keys() & {"get", "put", "post", "delete"}}
    for call in (
            lambda: publisher.send([]), publisher.status, publisher.processes, lambda: publisher.connection("c"),
            lambda: publisher.send_text("c", ""), lambda: publisher.close("c"), lambda: publisher.set_metadata("c", 1),
            lambda: publisher.subscribe("c", "x"), lambda: publisher.unsubscribe("c", "x"),
            lambda: publisher.channel("x"), lambda: publisher.publish_text("x", ""),
            lambda: publisher.close_channel("x"), lambda: publisher.dead_letter(1),
            lambda: publisher.replay_dead_letter(1), lambda: publisher.discard_dead_letter(1),
            lambda: list(publisher.connections()), lambda: list(publisher.channels()),
            lambda: list(publisher.members("x")), lambda: list(publisher.dead_letters()),
            lambda: list(publisher.edges()), lambda: list(publisher.follow("x"))):
        with contextlib.suppress(BrokerError):  # {} is no good answer to most of them
            call()
    asked = {(method, path) for method, path in operations
             if any(method == seen and re.fullmatch(re.sub(r"{\w+}", "[^/]+", path), where.partition("?")[0])
                    for seen, where, *_ in server.seen)}
    assert operations - asked == {("GET", "/v1/openapi.json")}


@pytest.mark.parametrize("answer, kind, kind_of_problem", [
    (problem(400, "invalid-body"), BadRequest, "/problems/invalid-body"),
    ((400, {}, b'{"message": "invalid commands"}'), BadRequest, ""),
    ((403, {}, b"Invalid token"), Denied, ""),
    (problem(404, "not-found"), NotFound, "/problems/not-found"),
    (problem(404, "no-such-connection"), NoSuchConnection, "/problems/no-such-connection"),
    (problem(409, "already-replayed"), Conflict, "/problems/already-replayed"),
    (problem(413, "body-too-large"), BadRequest, "/problems/body-too-large"),
    (problem(500, "internal"), Unavailable, "/problems/internal"),
    ((204, {"X": "no body"}, b""), None, ""),
    ((302, {"Location": "/"}, b""), UnexpectedAnswer, ""),
    ((200, {}, b"<html>"), UnexpectedAnswer, ""),
    ((404, {}, b'"text"'), NotFound, ""),
    ((404, {}, b"\xff"), NotFound, ""),
])
def test_errors_have_types_and_are_not_repeated(server, publisher, answer, kind, kind_of_problem):
    server.answers = [answer]
    if kind is None:
        publisher.publish_text("c", "x")
        return
    with pytest.raises(kind) as raised:
        publisher.publish_text("c", "x")
    error = raised.value
    assert type(error) is kind and error.type == kind_of_problem and error.status == answer[0]
    assert error.attempts == 1 and len(server.seen) == 1
    if kind_of_problem:
        assert str(error) == "Title: detail"


@pytest.mark.parametrize("answer, kind", [
    (AWAY, Unavailable), (problem(503, "overloaded"), Overloaded), (problem(503, "not-applied-in-time"), NotApplied),
    ((429, {}, b""), Overloaded), ((502, {}, b""), Unavailable), ((504, {}, b""), Unavailable)])
def test_what_may_pass_is_tried_again(server, publisher, answer, kind):
    server.answers = [answer, answer, OK]
    publisher.publish_text("c", "x")
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in server.seen}) == 1
    assert len({body for *_, body in server.seen}) == 1
    first, second = publisher.pauses
    assert 0.05 <= first <= 0.1 and 0.1 <= second <= 0.2
    server.answers = [answer]
    with pytest.raises(kind) as raised:
        publisher.publish_text("c", "x")
    assert raised.value.attempts == 4 and len(server.seen) == 7


def test_retry_after_is_respected(server, publisher):
    date = email.utils.formatdate(time.time() + 8, usegmt=True)
    server.answers = [problem(503, "overloaded", **{"Retry-After": "3"}),
                      problem(503, "overloaded", **{"Retry-After": date}),
                      problem(503, "overloaded", **{"Retry-After": "soon"}), OK]
    publisher.publish_text("c", "x")
    seconds, until_date, nonsense = publisher.pauses
    assert seconds == 3 and 5 < until_date <= 8 and nonsense <= 0.4


def test_a_long_retry_after_is_not_waited_for(server, publisher):
    server.answers = [problem(503, "overloaded", **{"Retry-After": "11"})]
    with pytest.raises(Overloaded) as raised:
        publisher.publish_text("c", "x")
    assert (raised.value.retry_after, raised.value.attempts, publisher.pauses) == (11, 1, [])


def test_nobody_there():
    publisher = Publisher("http://127.0.0.1:1", SECRET, attempts=2)
    with pytest.raises(Unreachable) as raised:
        publisher.status()
    assert raised.value.attempts == 2 and raised.value.status is None


def test_no_such_name():
    with pytest.raises(Unreachable):
        Publisher("http://no-such-host.invalid", SECRET, attempts=1).status()


def silent(_):
    threading.Event().wait(5)


def trickling(handler):
    """Never silent for long, never done."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    try:
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.02)
    except OSError:
        pass


@pytest.mark.parametrize("behaviour", [silent, trickling])
def test_an_attempt_has_a_time_limit(server, behaviour):
    server.answers = [behaviour]
    publisher = Publisher(server.url, SECRET, timeout=0.2, attempts=1)
    with pytest.raises(TimedOut) as raised:
        publisher.status()
    assert isinstance(raised.value, TimeoutError) and raised.value.attempts == 1


def test_a_poll_is_waited_for(server):
    def late(handler):
        time.sleep(0.4)
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server.answers = [late]
    commands = Commands()
    commands.poll_for_connection("c", 10)
    Publisher(server.url, SECRET, timeout=0.2, attempts=1).send(commands)


def break_off(handler):
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    handler.close_connection = True


def hang_up(handler):
    handler.close_connection = True


def babble(handler):
    handler.wfile.write(b"SSH-2.0-OpenSSH\r\n\r\n")
    handler.close_connection = True


@pytest.mark.parametrize("behaviour, kind", [(break_off, Unreachable), (hang_up, Unreachable),
                                             (babble, UnexpectedAnswer)])
def test_broken_answers(server, behaviour, kind):
    server.answers = [behaviour]
    with pytest.raises(kind):
        Publisher(server.url, SECRET, attempts=1).status()


def test_broken_answers_may_pass(server, publisher):
    server.answers = [break_off, hang_up, OK]
    publisher.publish_text("c", "x")


def test_a_kept_connection_that_was_closed_meanwhile_costs_no_attempt(server):
    server.answers = [OK, hang_up, OK]
    publisher = Publisher(server.url, SECRET, attempts=1)
    publisher.publish_text("c", "1")
    publisher.publish_text("c", "2")
    assert server.connections == 2 and len(server.seen) == 3


def test_an_answer_that_ends_the_connection(server):
    server.answers = [(200, {"Connection": "close"}, b'{"a": "' + b"x" * 500000 + b'"}')]
    publisher = Publisher(server.url, SECRET, attempts=1)
    for _ in range(2):
        assert len(publisher.call("GET", "/v1/openapi.json")["a"]) == 500000
    assert server.connections == 2


def test_an_answer_without_end(server, monkeypatch):
    monkeypatch.setattr(transport, "ANSWER_BYTES_MAX", 100000)
    server.answers = [(200, {}, b" " * 100001)]
    with pytest.raises(UnexpectedAnswer, match="too long"):
        Publisher(server.url, SECRET, attempts=1).status()


def test_threads_have_connections_of_their_own(server):
    together = threading.Barrier(4, timeout=10)

    def meet(handler):
        together.wait()
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    server.answers = [meet]
    publisher = Publisher(server.url, SECRET, attempts=1)
    threads = [threading.Thread(target=publisher.publish_text, args=("c", "x")) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.seen) == 4


def test_a_child_process_does_not_share_the_connection(server):
    server.answers = [OK]
    publisher = Publisher(server.url, SECRET, attempts=1)
    publisher.publish_text("c", "parent")
    child = os.fork()
    if child == 0:
        try:
            publisher.publish_text("c", "child")
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    publisher.publish_text("c", "parent")
    assert server.connections == 2


def page(items, cursor):
    return 200, {}, json.dumps({"items": items, "next": cursor}).encode()


def test_listings_fetch_pages_when_they_are_needed(server, publisher):
    first = [{"channel": "a", "members": 1, "unknown": 1}, {"channel": "b", "members": 2}]
    server.answers = [page(first, "a b&c"), page([{"channel": "c", "members": 3}], None)]
    channels = iter(publisher.channels(prefix="ü", limit=2))
    assert next(channels).channel == "a" and next(channels).members == 2
    assert len(server.seen) == 1
    assert [channel.channel for channel in channels] == ["c"]
    assert [path for _, path, *_ in server.seen] == [
        "/v1/channels?prefix=%C3%BC&limit=2", "/v1/channels?prefix=%C3%BC&limit=2&cursor=a+b%26c"]


@pytest.mark.parametrize("body", [b"[]", b'{"items": 1}', b'{"items": [{}], "next": null}', b'{"items": [1]}'])
def test_pages_that_are_none(server, publisher, body):
    server.answers = [(200, {}, body)]
    with pytest.raises(UnexpectedAnswer):
        list(publisher.channels())


def test_a_dead_letter_whose_discarding_was_answered_too_late_is_discarded(server, publisher):
    gone = problem(404, "no-such-dead-letter")
    server.answers = [hang_up, gone]
    publisher.discard_dead_letter(7)
    with pytest.raises(NotFound):
        publisher.discard_dead_letter(7)
    assert [(method, path) for method, path, *_ in server.seen] == [("DELETE", "/v1/dead-letters/7")] * 3


@pytest.mark.parametrize("body", [b'{"items": [{"role": "edge"}]}', b'{"items": [{"role": "edge", "name": "x", "version": '
                                  b'null, "clock": null, "metrics": null, "links": 7}]}'])
def test_processes_that_are_none(server, publisher, body):
    server.answers = [(200, {}, body)]
    with pytest.raises(UnexpectedAnswer, match="no Process"):
        publisher.processes()


def message(data, **more):
    document = {"channel": "x", "publishedAt": "2026-01-02T03:04:05.678Z", "data": data, **more}
    return f"event: message\ndata: {json.dumps(document, ensure_ascii=False)}\n\n".encode()


def streaming(*parts, step=1 << 20):
    """Answers with these parts, a few bytes at a time, in chunks (RFC 9112 §7.1); an Event is waited for."""
    def answer(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        for part in parts:
            if isinstance(part, threading.Event):
                part.wait(20)
                continue
            for at in range(0, len(part), step):
                few = part[at:at + step]
                handler.wfile.write(b"%x\r\n%b\r\n" % (len(few), few))
        handler.wfile.write(b"0\r\n\r\n")

    return answer


def test_following_in_parts_of_lines(server, publisher):
    server.answers = [streaming(b": watching\n\n" + message("grüße\n\ndata: x") + b":\n\nevent: missed\ndata: {}\n\n"
                                + message("AP8=", binary=True), step=1)]
    following = publisher.follow("a b/ü")
    assert not server.seen, "nothing is asked before somebody listens"
    text, missed, binary = next(following), next(following), next(following)
    assert (text.channel, text.data, text.published_at.microsecond) == ("x", "grüße\n\ndata: x", 678000)
    assert missed == Missed() and binary.data == b"\0\xff"
    with pytest.raises(Unreachable, match="ended the answer"):
        next(following)
    ((_, path, headers, _),) = server.seen
    assert path == "/v1/channels/a%20b%2F%C3%BC/messages" and headers["Authorization"].startswith("Bearer ")


def test_following_ends_after_silence_but_not_because_of_the_reader(server, publisher):
    more, never = threading.Event(), threading.Event()
    server.answers = [streaming(message("one"), more, message("two"), never)]
    following = publisher.follow("x", silence=0.3)
    assert next(following).data == "one"
    more.set()
    time.sleep(0.5)
    assert next(following).data == "two"
    with pytest.raises(TimedOut):
        next(following)
    never.set()


def test_following_is_refused_or_nonsense(server, publisher):
    server.answers = [problem(503, "overloaded", **{"Retry-After": "2"})]
    with pytest.raises(Overloaded) as raised:
        next(publisher.follow("x"))
    assert raised.value.retry_after == 2 and len(server.seen) == 1
    for nonsense in (b"data: nonsense\n\n", b"data: []\n\n", message(7, binary=True), message("?", binary=True)):
        server.answers = [streaming(nonsense)]
        with pytest.raises(UnexpectedAnswer):
            next(publisher.follow("x"))
    server.answers = [babble]
    with pytest.raises(UnexpectedAnswer):
        next(publisher.follow("x"))


def test_who_stops_following_hangs_up(server, publisher):
    left = threading.Event()

    def endless(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n" + message("one"))
        handler.connection.settimeout(20)
        if handler.connection.recv(1) == b"":
            left.set()

    server.answers = [endless]
    for _ in publisher.follow("x"):
        break
    assert left.wait(20)


def test_settings_are_checked():
    for settings in ({}, {"jwt_secret": "a", "token": "b"}, {"jwt_secret": ""}, {"jwt_secret": "a", "timeout": 0},
                     {"jwt_secret": "a", "attempts": 0}, {"jwt_secret": "a", "retry_limit": -1}):
        with pytest.raises(ValueError):
            Publisher("http://127.0.0.1", **settings)
    for address in ("", "127.0.0.1:8081", "ftp://host", "http://"):
        with pytest.raises(ValueError):
            Publisher(address, "a")
    with pytest.raises(ValueError):
        Publisher("http://127.0.0.1", token="t").parse_request(None, b"")


def test_arguments_are_checked_before_anything_is_sent(server, publisher):
    for wrong in (lambda: publisher.publish_text("c", b"x"), lambda: publisher.publish_text("c", "\ud83d"),
                  lambda: publisher.publish_text("\ud83d", "x"), lambda: publisher.close("c", 1005),
                  lambda: publisher.set_metadata("c", float("inf")), lambda: publisher.send([{"a": {1}}]),
                  lambda: publisher.publish_text("", "x"), lambda: publisher.send_text("", "x"),
                  lambda: publisher.subscribe("id", ""),
                  lambda: publisher.publish_text("c", "x", idempotency_key=""),
                  lambda: publisher.publish_text("c", "x", idempotency_key="a\n"),
                  lambda: publisher.publish_text("c", "x", idempotency_key="x" * 256)):
        with pytest.raises(InvalidCommand):
            wrong()
    assert not server.seen


def test_a_token_of_yours(server):
    Publisher(server.url + "/behind/a/proxy/", token="mine").publish_text("c", "x")
    ((_, path, headers, _),) = server.seen
    assert headers["Authorization"] == "Bearer mine" and path == "/behind/a/proxy/v1/channels/c/messages"


def test_https(server, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-keyout", key, "-out", certificate, "-days", "1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost"], check=True, stderr=subprocess.DEVNULL)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server.server.socket = tls.wrap_socket(server.server.socket, server_side=True)
    server.answers = [OK]
    url = f"https://localhost:{server.server.server_port}"
    trusting = Publisher(url, SECRET, attempts=1, tls=ssl.create_default_context(cafile=str(certificate)))
    for _ in range(2):
        trusting.publish_text("c", "x")
    assert server.connections == 1
    with pytest.raises(Unreachable) as raised:
        Publisher(url, SECRET, attempts=1).status()
    assert "certificate" in str(raised.value)


def test_a_silent_server_that_does_not_even_accept():
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with pytest.raises((TimedOut, Unreachable)):
            Publisher(f"http://127.0.0.1:{full.getsockname()[1]}", SECRET, timeout=0.2, attempts=1).status()

"""Answering requests, by each kind of server."""

import asyncio
import http.client
import io
import json
import socket
import threading
import wsgiref.validate

import pytest
from slip_sockets import Binary, Close, Open, Publisher, Text, Webhook, tokens

SECRET = "a secret of the tests that is long enough to sign with"
BEARER = "Bearer " + tokens.sign(SECRET, tokens.EVENT, 3600)
OPEN = {"connectionId": "c", "metadata": {"headers": {}, "ip": "::1"},
        "events": [{"type": "OPEN", "connectionId": "c", "query": "name=Ada"}]}
BODY = json.dumps(OPEN).encode()


def handle(connection):
    for event in connection.events:
        if isinstance(event, Open):
            connection.accept()
            connection.set_metadata({"query": event.query})
            assert connection.metadata == {"query": event.query}
        elif isinstance(event, Text):
            if event.data == "fail":
                raise KeyError("the handler's own fault")
            connection.send_text(event.data)
            connection.commands.send_text("another", event.data)
        elif isinstance(event, Binary):
            connection.send_binary(event.data)
            connection.publish_binary("all", event.data)
        elif isinstance(event, Close):
            connection.publish_text("all", f"{event.code} {event.reason}")


ACCEPTED = [{"type": "ACCEPT", "connectionId": "c"},
            {"type": "SET_METADATA", "connectionId": "c", "metadata": {"query": "name=Ada"}}]


async def handle_async(connection):
    await asyncio.sleep(0)
    handle(connection)


def about(connection, *events):
    return {"connectionId": connection, "metadata": None, "idempotencyKey": f"{connection}:1-1",
            "events": [{"connectionId": connection, **event} for event in events]}


def by_answer(webhook, authorization=BEARER, body=BODY, key=None):
    answer = webhook.answer(authorization, body, key)
    return answer.status, dict(answer.headers), answer.body


def by_wsgi(webhook, authorization=BEARER, body=BODY, method="POST", length=None):
    environ = {"REQUEST_METHOD": method, "SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "",
               "SERVER_NAME": "h", "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1",
               "CONTENT_LENGTH": str(len(body)) if length is None else length,
               "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
               "wsgi.errors": io.StringIO(), "wsgi.multithread": True, "wsgi.multiprocess": False,
               "wsgi.run_once": False}
    if authorization:
        environ["HTTP_AUTHORIZATION"] = authorization
    started = []
    result = wsgiref.validate.validator(webhook.wsgi)(
        environ, lambda status, headers, _=None: started.append((status, headers)) or (lambda data: None))
    text = b"".join(result)
    result.close()
    ((status, headers),) = started
    headers = dict(headers)
    assert headers.pop("Content-Length") == str(len(text))
    return int(status.split()[0]), headers, text


def by_asgi(webhook, authorization=BEARER, body=BODY, method="POST", parts=3):
    size = -(-len(body) // parts) or 1
    pieces = [body[start:start + size] for start in range(0, len(body), size)] or [b""]
    incoming = [{"type": "http.request", "body": piece, "more_body": index + 1 < len(pieces)}
                for index, piece in enumerate(pieces)]
    sent = []

    async def receive():
        return incoming.pop(0)

    async def send(message):
        sent.append(message)

    headers = [(b"authorization", authorization.encode())] if authorization else []
    scope = {"type": "http", "method": method, "path": "/", "headers": headers}
    asyncio.run(webhook.asgi(scope, receive, send))
    start, end = sent
    headers = {name.decode().title(): value.decode() for name, value in start["headers"]}
    assert headers.pop("Content-Length") == str(len(end["body"]))
    return start["status"], headers, end["body"]


def by_server(webhook, authorization=BEARER, body=BODY, method="POST", headers=None):
    server = webhook.server(port=0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    try:
        for _ in range(2):  # the connection is kept
            fields = {"Authorization": authorization} if authorization else {}
            connection.request(method, "/any/path", body, {**fields, **(headers or {})})
            answer = connection.getresponse()
            text = answer.read()
    finally:
        connection.close()
        server.shutdown()
        server.server_close()
    return answer.status, {"Content-Type": answer.headers["Content-Type"]}, text


@pytest.fixture(name="ask", params=[by_answer, by_wsgi, by_asgi, by_server], ids=lambda way: way.__name__)
def ask_fixture(request):
    return request.param


def test_events_are_answered(ask):
    status, headers, body = ask(Webhook(SECRET, handle))
    assert (status, json.loads(body)) == (200, {"events": ACCEPTED})
    assert headers["Content-Type"] == "application/websocket-events"


def test_strangers_are_refused(ask):
    for authorization in (None, "Bearer no", BEARER[:-3], "Bearer " + tokens.sign(SECRET, tokens.CONTROL)):
        status, _, body = ask(Webhook(SECRET, handle), authorization=authorization)
        assert (status, body) == (403, b"Invalid token")


def test_nonsense_is_refused(ask):
    for body in (b"{}", b"no", b"", b"\xff"):
        assert ask(Webhook(SECRET, handle), body=body)[0] == 400


def test_a_handler_that_fails_is_asked_again(ask):
    body = json.dumps(about("c", {"type": "TEXT", "data": "before"}, {"type": "TEXT", "data": "fail"})).encode()
    status, _, body = ask(Webhook(SECRET, handle), body=body)
    assert (status, body) == (500, b"Internal error")


def test_so_is_one_that_makes_no_command(ask):
    assert ask(Webhook(SECRET, lambda connection: connection.close(7)))[0] == 500


def test_several_connections_in_a_request(ask):
    body = json.dumps({"batch": [about("a", {"type": "TEXT", "data": "1"}),
                                 about("b", {"type": "BINARY", "data": "AA=="},
                                       {"type": "CLOSE", "code": 4000, "reason": "x"})]}).encode()
    seen = []
    webhook = Webhook(SECRET, lambda connection: seen.append(connection.idempotency_key) or handle(connection))
    status, _, body = ask(webhook, body=body)
    assert status == 200 and json.loads(body)["events"] == [
        {"type": "TEXT", "connectionId": "a", "data": "1"},
        {"type": "TEXT", "connectionId": "another", "data": "1"},
        {"type": "BINARY", "connectionId": "b", "data": "AA=="},
        {"type": "PUBLISH_BINARY", "channelId": "all", "data": "AA=="},
        {"type": "PUBLISH_TEXT", "channelId": "all", "data": "4000 x"}]
    assert seen[:2] == ["a:1-1", "b:1-1"]


@pytest.mark.parametrize("way", [by_wsgi, by_asgi, by_server], ids=lambda way: way.__name__)
def test_only_posts_of_a_bounded_length(way):
    webhook = Webhook(SECRET, handle, body_limit=len(BODY))
    assert way(webhook)[0] == 200
    assert way(webhook, method="PUT")[0] in (405, 501)
    if way is by_server:
        connection_closes_after = {"Content-Length": str(len(BODY) + 1)}
        server = webhook.server(port=0)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        for headers, status in ((connection_closes_after, 413), ({"Transfer-Encoding": "chunked"}, 411),
                                ({"Content-Length": "-1"}, 411), ({"Content-Length": "²"}, 411)):
            connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
            connection.putrequest("POST", "/")
            for name, value in headers.items():
                connection.putheader(name, value.encode("latin-1"))
            connection.endheaders()
            answer = connection.getresponse()
            assert answer.status == status and answer.headers["Connection"] == "close"
            connection.close()
        server.shutdown()
        server.server_close()
    else:
        assert way(webhook, body=BODY + b" ")[0] == 413
    if way is by_wsgi:
        assert way(webhook, length="")[0] == 411


def test_a_client_that_asks_before_it_sends():
    """As libcurl does before a large body (RFC 9110 §10.1.1)."""
    server = Webhook(SECRET, handle).server(port=0)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with socket.create_connection(server.server_address, 20) as client:
        client.sendall(f"POST / HTTP/1.1\r\nHost: h\r\nAuthorization: {BEARER}\r\nExpect: 100-continue\r\n"
                       f"Content-Length: {len(BODY)}\r\n\r\n".encode())
        assert client.recv(1000).startswith(b"HTTP/1.1 100 ")
        client.sendall(BODY)
        assert client.recv(10000).startswith(b"HTTP/1.1 200 ")
    server.shutdown()
    server.server_close()


def test_a_handler_that_is_awaited():
    status, _, body = by_asgi(Webhook(SECRET, handle_async))
    assert (status, json.loads(body)["events"]) == (200, ACCEPTED)
    assert by_asgi(Webhook(SECRET, handle_async), authorization=None)[0] == 403
    fail = json.dumps(about("c", {"type": "TEXT", "data": "fail"})).encode()
    assert by_asgi(Webhook(SECRET, handle_async), body=fail)[0] == 500


def test_but_not_where_nothing_can_be_awaited():
    assert by_answer(Webhook(SECRET, handle_async))[0] == 500


def test_asgi_servers_start_and_stop():
    incoming = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent = []

    async def receive():
        return incoming.pop(0)

    async def send(message):
        sent.append(message["type"])

    asyncio.run(Webhook(SECRET, handle).asgi({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


def test_a_request_by_hand():
    request = Publisher("http://127.0.0.1", SECRET).parse_request(BEARER, BODY, "c:0-0")
    (connection,) = request.connections
    assert (request.idempotency_key, connection.idempotency_key) == ("c:0-0", "c:0-0")
    connection.refuse(401, "who are you?", {"WWW-Authenticate": "Basic"})
    connection.subscribe("x")
    connection.unsubscribe("x")
    connection.publish_text("x", "y")
    connection.close()
    response = request.response()
    assert response.status == 200 and [command["type"] for command in json.loads(response.body)["events"]] == [
        "CLOSE", "SUBSCRIBE", "UNSUBSCRIBE", "PUBLISH_TEXT", "CLOSE"]

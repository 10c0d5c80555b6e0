"""The broker's requests to a backend, and the answers to them.

    POST body ─▶ parse_request() ─▶ Request ─▶ a Connection each ─▶ your code
    200 body  ◀─ Request.response() ◀── its methods append commands ◀──┘

A Webhook does all of it for a function of yours, behind http.server, WSGI or ASGI.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Awaitable, Callable, Iterable, Mapping, Optional, Tuple, Union

from . import events, tokens
from .commands import Bytes, Commands, Headers
from .errors import InvalidRequest, RequestRefused

MEDIA_TYPE = "application/websocket-events"
BODY_BYTES_MAX = 64 << 20
IDLE_S = 150  # longer than the broker keeps a connection that it does not use

log = logging.getLogger("slip_sockets")


class Connection:
    """One connection in a request: what happened to it, and what is to happen. The methods append
    commands to the answer of the whole request, in the order of the calls; `commands` is for
    those about other connections."""

    def __init__(self, item: events.Item, commands: Commands) -> None:
        self.id = item.connection_id
        self.metadata = item.metadata  # what was last set; at OPEN its headers and ip
        self.events = item.events
        self.idempotency_key = item.idempotency_key
        self.commands = commands

    def accept(self, subprotocol: Optional[str] = None, headers: Optional[Headers] = None) -> None:
        """The answer to Open that lets the client in: see Commands.accept()."""
        self.commands.accept(self.id, subprotocol, headers)

    def refuse(self, status: int = 403, body: str = "", headers: Optional[Headers] = None) -> None:
        """The answer to Open that turns the client away with an HTTP status."""
        self.commands.refuse(self.id, status, body, headers)

    def close(self, code: Optional[int] = None, reason: str = "") -> None:
        self.commands.close(self.id, code, reason)

    def send_text(self, data: str) -> None:
        self.commands.send_text(self.id, data)

    def send_binary(self, data: Bytes) -> None:
        self.commands.send_binary(self.id, data)

    def subscribe(self, channel: str) -> None:
        self.commands.subscribe(self.id, channel)

    def unsubscribe(self, channel: str) -> None:
        self.commands.unsubscribe(self.id, channel)

    def set_metadata(self, metadata: Any) -> None:
        """Replaces the metadata, here and with every event to come."""
        self.commands.set_metadata(self.id, metadata)
        self.metadata = metadata

    def publish_text(self, channel: str, data: str) -> None:
        self.commands.publish_text(channel, data)

    def publish_binary(self, channel: str, data: Bytes) -> None:
        self.commands.publish_binary(channel, data)


@dataclass(frozen=True)
class Response:
    """What to answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def _plain(status: int, text: str, **headers: str) -> Response:
    return Response(status, {"Content-Type": "text/plain; charset=utf-8", **headers}, text.encode())


@dataclass(frozen=True)
class Request:
    """A request of the broker: about one connection, or several (WEBHOOK_BATCH_CONNECTIONS)."""

    connections: Tuple[Connection, ...]
    idempotency_key: str
    commands: Commands = field(default_factory=Commands)

    def response(self) -> Response:
        return Response(200, {"Content-Type": MEDIA_TYPE}, self.commands.body())


def parse_request(jwt_secret: tokens.Secrets, authorization: Optional[str], body: bytes,
                  idempotency_key: Optional[str] = None) -> Request:
    """Checks and reads a request, given two of its headers. Raises RequestRefused, whose `status`
    is the answer."""
    tokens.verify(authorization, jwt_secret)
    commands, key = Commands(), idempotency_key or ""
    connections = tuple(Connection(item, commands) for item in events.parse(body, key))
    return Request(connections, key, commands)


Handler = Callable[[Connection], Union[None, Awaitable[None]]]
Environ = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


class Webhook:
    """Answers the broker's requests with what `handler` makes of each connection.

    When the handler raises, the answer is 500 and nothing is carried out; the broker asks again.
    Only ASGI can await a handler.
    """

    def __init__(self, jwt_secret: tokens.Secrets, handler: Handler, *,
                 body_limit: int = BODY_BYTES_MAX) -> None:
        self._secrets = tokens.secrets_of(jwt_secret)
        self._handler = handler
        self.body_limit = body_limit

    def _parse(self, authorization: Optional[str], body: bytes, key: Optional[str]) -> Request:
        return parse_request(self._secrets, authorization, body, key)

    def answer(self, authorization: Optional[str], body: bytes,
               idempotency_key: Optional[str] = None) -> Response:
        """The answer to a request, for a server that is none of those below."""
        try:
            request = self._parse(authorization, body, idempotency_key)
            for connection in request.connections:
                result = self._handler(connection)
                if inspect.isawaitable(result):
                    _discard(result)
                    raise TypeError("only ASGI can await a handler")
            return request.response()
        except RequestRefused as error:
            return _refusal(error)
        except Exception:  # pylint: disable=broad-except
            return _failure()

    async def answer_async(self, authorization: Optional[str], body: bytes,
                           idempotency_key: Optional[str] = None) -> Response:
        """The same for a handler that is a coroutine function; another runs in a thread."""
        if not inspect.iscoroutinefunction(self._handler):
            return await asyncio.to_thread(self.answer, authorization, body, idempotency_key)
        try:
            request = self._parse(authorization, body, idempotency_key)
            for connection in request.connections:
                await self._handler(connection)
            return request.response()
        except RequestRefused as error:
            return _refusal(error)
        except Exception:  # pylint: disable=broad-except
            return _failure()

    def _length(self, method: str, text: Optional[str]) -> Union[int, Response]:
        """The length of a body that is to be read, or why it is not."""
        if method != "POST":
            return _plain(405, "Method not allowed", Allow="POST")
        if text is None or not (text.isascii() and text.isdigit()):
            return _plain(411, "Content-Length is needed")
        return _plain(413, "Body too large") if int(text) > self.body_limit else int(text)

    # ---- http.server ----

    def respond(self, http: BaseHTTPRequestHandler) -> None:
        """Serves one request: the do_POST of a handler of yours."""
        length = self._length(http.command, http.headers.get("Content-Length"))
        if isinstance(length, Response):
            http.close_connection = True  # the body is not read
            response = length
        else:
            response = self.answer(http.headers.get("Authorization"), http.rfile.read(length),
                                   http.headers.get("Idempotency-Key"))
        write_response(http, response)

    def server(self, host: str = "127.0.0.1", port: int = 3000) -> ThreadingHTTPServer:
        """A server for this webhook alone, at every path: call its serve_forever()."""
        webhook = self

        class Handler(RequestHandler):
            def do_POST(self) -> None:  # pylint: disable=invalid-name
                webhook.respond(self)

        return Server((host, port), Handler)

    # ---- WSGI (PEP 3333) ----

    def wsgi(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """A WSGI application: `application = webhook.wsgi`."""
        length = self._length(environ["REQUEST_METHOD"], environ.get("CONTENT_LENGTH") or None)
        if isinstance(length, Response):
            response = length
        else:
            response = self.answer(environ.get("HTTP_AUTHORIZATION"), environ["wsgi.input"].read(length),
                                   environ.get("HTTP_IDEMPOTENCY_KEY"))
        phrase, _ = BaseHTTPRequestHandler.responses[response.status]
        headers = {**response.headers, "Content-Length": str(len(response.body))}
        start_response(f"{response.status} {phrase}", list(headers.items()))
        return [response.body]

    # ---- ASGI 3 ----

    async def asgi(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """An ASGI application: `application = webhook.asgi`."""
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
            body = await self._receive_body(receive) if scope["method"] == "POST" else b""
            if scope["method"] != "POST":
                response = _plain(405, "Method not allowed", Allow="POST")
            elif body is None:
                response = _plain(413, "Body too large")
            else:
                response = await self.answer_async(headers.get(b"authorization"), body,
                                                   headers.get(b"idempotency-key"))
            lines = {**response.headers, "Content-Length": str(len(response.body))}
            await send({"type": "http.response.start", "status": response.status,
                        "headers": [(name.lower().encode(), value.encode()) for name, value in lines.items()]})
            await send({"type": "http.response.body", "body": response.body})

    async def _receive_body(self, receive: Receive) -> Optional[bytes]:
        """The whole body; None when it is too long."""
        parts, length, more = [], 0, True
        while more and length <= self.body_limit:
            message = await receive()
            if message["type"] == "http.disconnect":
                break
            parts.append(message.get("body", b""))
            length += len(parts[-1])
            more = message.get("more_body", False)
        return b"".join(parts) if length <= self.body_limit else None


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


def _discard(result: object) -> None:
    if inspect.iscoroutine(result):
        result.close()


def _refusal(error: RequestRefused) -> Response:
    log.warning("a request is refused: %s", error)
    detail = str(error) if isinstance(error, InvalidRequest) else "Invalid token"
    return _plain(error.status, detail)


def _failure() -> Response:
    log.exception("a handler failed: the broker will ask again")
    return _plain(500, "Internal error")


class Server(ThreadingHTTPServer):
    """http.server as a backend needs it: a thread for each connection that the broker keeps."""

    daemon_threads = True
    request_queue_size = 1024


class RequestHandler(BaseHTTPRequestHandler):
    """Connections are kept, and an answer is one write."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_S
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_expect_100(self) -> bool:
        """The client waits for it: it must not stay in our buffer."""
        result = super().handle_expect_100()
        self.wfile.flush()
        return result

    def log_message(self, format: str, *args: Any) -> None:  # pylint: disable=redefined-builtin
        log.debug("%s " + format, self.address_string(), *args)


def write_response(http: BaseHTTPRequestHandler, response: Response) -> None:
    http.send_response(response.status)
    for name, value in response.headers.items():
        http.send_header(name, value)
    http.send_header("Content-Length", str(len(response.body)))
    if http.close_connection:
        http.send_header("Connection", "close")
    http.end_headers()
    if http.command != "HEAD":
        http.wfile.write(response.body)
    http.wfile.flush()

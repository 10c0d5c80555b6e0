"""A backend, written from the contract alone: it checks every token, records every request, and
answers as the test says."""

import collections
import http.server
import json
import threading

import jwt

from .wait import until

Request = collections.namedtuple("Request", "body headers claims key events connection metadata")


class Reply(Exception):
    """Raise (or return) it from a handler to answer something else than events."""

    def __init__(self, status=200, body=b"", headers=None):
        super().__init__(status)
        self.status = status
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.headers = headers or {}


def accept(connection, *more, **fields):
    """The usual answer to OPEN, and more commands behind it."""
    return [{"type": "ACCEPT", "connectionId": connection, **fields}, *more]


class Backend:
    """`on(type)` sets what a kind of event is answered with: a function of (event, request) that
    returns a list of commands, or a Reply. By default OPEN is accepted and the rest is left."""

    def __init__(self, secret, host="127.0.0.1"):
        self.secret = secret
        self.lock = threading.Lock()
        self.requests = []
        self.problems = []
        self.handlers = {}
        self.whole = None
        backend = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def do_POST(self):  # pylint: disable=invalid-name
                backend.serve(self)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 1024

            def handle_error(self, request, client_address):
                pass  # a broker that hangs up is a test's business

        self.server = Server((host, 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()

    def reset(self):
        with self.lock:
            self.requests.clear()
            self.problems.clear()
            self.handlers.clear()
            self.whole = None

    def on(self, kind, handler):
        self.handlers[kind] = handler

    def on_request(self, handler):
        """Answers whole requests, whatever their events: handler(request)."""
        self.whole = handler

    # ---- serving ----

    def serve(self, http_request):
        body = http_request.rfile.read(int(http_request.headers.get("Content-Length", 0)))
        try:
            request = self.check(http_request.headers, body)
            with self.lock:
                self.requests.append(request)
            reply = self.answer(request)
        except Reply as raised:
            reply = raised
        except Exception as error:  # pylint: disable=broad-except
            self.problems.append(repr(error))
            reply = Reply(500)
        http_request.send_response(reply.status)
        for name, value in reply.headers.items():
            http_request.send_header(name, value)
        http_request.send_header("Content-Length", str(len(reply.body)))
        http_request.end_headers()
        http_request.wfile.write(reply.body)

    def check(self, headers, body):
        scheme, _, token = headers["Authorization"].partition(" ")
        assert scheme == "Bearer", headers["Authorization"]
        claims = jwt.decode(token, self.secret, algorithms=["HS256"], audience="WebSocketEvent",
                            issuer="slip-sockets", options={"require": ["exp", "iat", "iss", "aud"]})
        assert headers["Content-Type"] == "application/websocket-events", headers["Content-Type"]
        document = json.loads(body)
        first = document["batch"][0] if "batch" in document else document
        return Request(document, dict(headers.items()), claims, headers["Idempotency-Key"],
                       first["events"], first["connectionId"], first["metadata"])

    def answer(self, request):
        if self.whole:
            result = self.whole(request)
        else:
            result = []
            for item in request.body.get("batch", [request.body]):
                for event in item["events"]:
                    handler = self.handlers.get(event["type"])
                    if handler:
                        said = handler(event, request)
                        if isinstance(said, Reply):
                            return said
                        result += said
                    elif event["type"] == "OPEN":
                        result += accept(event["connectionId"])
        return result if isinstance(result, Reply) else Reply(200, {"events": result})

    # ---- looking ----

    def seen(self, kind=None, connection=None):
        """The events so far, in the order of arrival."""
        with self.lock:
            items = [item for request in self.requests
                     for item in request.body.get("batch", [request.body])]
        return [event for item in items for event in item["events"]
                if kind in (None, event["type"]) and connection in (None, event["connectionId"])]

    def wait_for(self, kind, count=1, connection=None):
        """At least `count` events of a kind, all of them so far."""
        def enough():
            found = self.seen(kind, connection)
            return found if len(found) >= count else None

        return until(enough, lambda: f"{count} {kind} at the backend; it saw {self.seen()[-20:]}"
                                     f" and {self.problems}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

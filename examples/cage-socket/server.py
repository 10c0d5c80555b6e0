"""Cage Socket behind slip-sockets, on nothing but Python: one process serves the page, answers the
broker's webhooks, and asks the broker who is there.

    GET  /             the page           POST /   the broker's events
    GET  /connections  all faces, as the broker's REST API knows them

Environment: PORT (default 3000; 0 = any free one), HOST (default 127.0.0.1), JWT_SECRET or
JWT_SECRET_FILE (as the broker has it), WEBSOCKET_URL (where the page connects), CONTROL_API (the
broker's REST API, default http://127.0.0.1:8081).
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import urllib.parse
from typing import Any, Mapping

HERE = os.path.dirname(os.path.abspath(__file__))
try:
    import slip_sockets
except ImportError:  # not installed: the one of this repository
    sys.path.insert(0, os.path.join(HERE, "..", "..", "clients", "python"))
    import slip_sockets

import cage  # noqa: E402  pylint: disable=wrong-import-position
from slip_sockets import (BrokerError, Publisher, RequestHandler, Response,  # noqa: E402  pylint: disable=wrong-import-position
                          Server, Webhook, write_response)

PAGES = {"/": ("index.html", "text/html; charset=utf-8"),
         "/style.css": ("style.css", "text/css; charset=utf-8"),
         "/cage.js": ("cage.js", "text/javascript; charset=utf-8"),
         "/icon.svg": ("icon.svg", "image/svg+xml")}
LOOPBACK = ("127.0.0.1", "localhost", "0.0.0.0", "::1", "::")
HOST_NAME = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:\d+)?")


def read(name: str) -> bytes:
    with open(os.path.join(HERE, "public", name), "rb") as file:
        return file.read()


class App:
    def __init__(self, jwt_secret: str, websocket_url: str, control_api: str) -> None:
        self.webhook = Webhook(jwt_secret, cage.handle)
        self.publisher = Publisher(control_api, jwt_secret, timeout=5, attempts=2)
        self.websocket_url = websocket_url
        self.pages = {path: (kind, read(name)) for path, (name, kind) in PAGES.items()}

    def websocket_for(self, host: str) -> str:
        """Where a page that came from this host connects: the broker listens there too, unless it
        has a name of its own."""
        url, match = urllib.parse.urlsplit(self.websocket_url), HOST_NAME.fullmatch(host)
        if url.hostname not in LOOPBACK or not match:
            return self.websocket_url
        return url._replace(netloc=f"{match[1]}:{url.port}" if url.port else match[1]).geturl()

    def headers(self, kind: str, host: str) -> Mapping[str, str]:
        """Nothing may run, load or connect but what is ours."""
        url = urllib.parse.urlsplit(self.websocket_for(host))
        policy = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                  f"connect-src 'self' {url.scheme}://{url.netloc}; base-uri 'none'; form-action 'none'; "
                  "frame-ancestors 'none'")
        return {"Content-Type": kind, "Cache-Control": "no-cache", "Content-Security-Policy": policy,
                "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}

    def get(self, path: str, host: str) -> Response:
        if path in self.pages:
            kind, body = self.pages[path]
            return Response(200, self.headers(kind, host), body)
        if path == "/healthz":
            return Response(200, self.headers("text/plain", host), b"ok")
        if path == "/config.json":
            return self.json(200, {"websocketUrl": self.websocket_for(host)}, host)
        if path == "/connections":
            return self.connections(host)
        return Response(404, self.headers("text/plain", host), b"Not found")

    def connections(self, host: str) -> Response:
        try:
            return self.json(200, cage.faces(self.publisher.connections(channel=cage.CHANNEL, state="open")), host)
        except BrokerError as error:
            print(f"cage-socket: {error}", file=sys.stderr, flush=True)
            return self.json(503, {"message": "the broker does not answer"}, host)

    def json(self, status: int, document: Any, host: str) -> Response:
        return Response(status, self.headers("application/json", host), json.dumps(document).encode())


def make_server(app: App, host: str, port: int) -> Server:
    class Handler(RequestHandler):
        def do_GET(self) -> None:  # pylint: disable=invalid-name
            write_response(self, app.get(urllib.parse.urlsplit(self.path).path, self.headers.get("Host", "")))

        do_HEAD = do_GET

        def do_POST(self) -> None:  # pylint: disable=invalid-name
            app.webhook.respond(self)

    return Server((host, port), Handler)


def read_secret(environment: Mapping[str, str]) -> str:
    """As the broker reads it; a file's last newline is dropped."""
    secret = environment.get("JWT_SECRET")
    if not secret and environment.get("JWT_SECRET_FILE"):
        with open(environment["JWT_SECRET_FILE"], encoding="utf-8") as file:
            secret = file.read().removesuffix("\n")
    if not secret:
        raise ValueError("JWT_SECRET or JWT_SECRET_FILE is needed")
    return secret


def main() -> None:
    environment = os.environ
    try:
        app = App(read_secret(environment), environment.get("WEBSOCKET_URL") or "ws://127.0.0.1:8080",
                  environment.get("CONTROL_API") or "http://127.0.0.1:8081")
        host, port = environment.get("HOST") or "127.0.0.1", int(environment.get("PORT") or 3000)
    except (OSError, ValueError) as error:
        print(f"cage-socket: {error}", file=sys.stderr)
        sys.exit(2)
    try:
        server = make_server(app, host, port)
    except OSError as error:
        print(f"cage-socket: {error}", file=sys.stderr)
        sys.exit(1)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(0))
    print(f"cage-socket: listening on http://{host}:{server.server_port}/", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

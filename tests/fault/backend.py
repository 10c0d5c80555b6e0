"""The backend under load: an HTTP server that answers at once, notes all it is asked, and breaks in
the ways it is told to.

What it answers follows from the request alone, so a redelivered request gets the same commands:
OPEN is accepted and joins the channels in its query; every message is echoed to its connection;
every tenth is published to the connection's first channel. A command that is applied twice is
therefore seen by a client.
"""

import asyncio
import base64
import json
import random
import time
import zlib
from urllib.parse import parse_qs

PUBLISH_EVERY = 10


class Item:
    """What one request said of one connection."""

    __slots__ = ("at", "connection", "key", "digest", "events", "client", "status", "answered_at", "attempt")

    def __init__(self, at, connection, key, digest, events, client):
        self.at = at
        self.connection = connection
        self.key = key
        self.digest = digest      # of the body: a repetition must be the same
        self.events = events      # ("OPEN",), ("TEXT", number), ("CLOSE", code, reason)
        self.client = client      # its name, from the headers of its handshake
        self.status = None        # what was answered; None: nothing
        self.answered_at = None
        self.attempt = 0

    def row(self):
        return {name: getattr(self, name) for name in self.__slots__}


def name_of(metadata):
    return ((metadata or {}).get("headers") or {}).get("x-client", "?")


def commands_for(item, document):
    commands = []
    for event in document["events"]:
        connection = event["connectionId"]
        if event["type"] == "OPEN":
            query = parse_qs(event.get("query") or "")
            commands.append({"type": "ACCEPT", "connectionId": connection})
            for channel in query.get("channel", []):
                commands.append({"type": "SUBSCRIBE", "connectionId": connection, "channel": channel})
            commands.append({"type": "TEXT", "connectionId": connection, "data": f"joined {connection}"})
        elif event["type"] == "TEXT":
            number, _, rest = event["data"].partition(" ")
            channel = rest.partition(" ")[0]
            commands.append({"type": "TEXT", "connectionId": connection, "data": f"echo {number}"})
            if channel != "-" and int(number) % PUBLISH_EVERY == 0:
                commands.append({"type": "PUBLISH_TEXT", "channelId": channel,
                                 "data": f"answer {item.connection}/{number}"})
    return commands


class Connection(asyncio.Protocol):
    """One keep-alive connection of a worker."""

    def __init__(self, backend):
        self.backend = backend
        self.buffer = b""
        self.transport = None
        self.busy = False

    def connection_made(self, transport):
        self.transport = transport
        self.backend.transports.add(transport)

    def connection_lost(self, _):
        self.backend.transports.discard(self.transport)
        self.transport = None

    def data_received(self, data):
        self.buffer = self.buffer + data if self.buffer else data
        while True:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            headers = {}
            for line in self.buffer[:end].split(b"\r\n")[1:]:
                name, _, value = line.partition(b":")
                headers[name.strip().lower()] = value.strip()
            length = int(headers.get(b"content-length", 0))
            if headers.get(b"expect", b"").lower() == b"100-continue" and len(self.buffer) == end + 4:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4:end + 4 + length]
            self.buffer = self.buffer[end + 4 + length:]
            self.backend.serve(self, headers, body)

    def answer(self, items, status, body, headers=""):
        now = time.monotonic()
        for item in items:
            item.status = status if self.transport else None
            item.answered_at = now
        if self.transport:
            self.transport.write(
                f"HTTP/1.1 {status} x\r\nContent-Type: application/json\r\n{headers}"
                f"Content-Length: {len(body)}\r\n\r\n".encode() + body)


class Backend:
    """`set_mode(mode, share, …)`: that share of the connections is answered so, the rest as usual."""

    def __init__(self, port, seed):
        self.port = port
        self.random = random.Random(seed)
        self.items = []
        self.attempts = {}
        self.problems = []
        self.transports = set()
        self.server = None
        self.mode, self.share, self.options = "ok", 1.0, {}
        self.hanging = []
        self.token = b""

    async def start(self):
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Connection(self), "127.0.0.1", self.port,
                                               backlog=4096, reuse_address=True)

    async def stop(self):
        """Nobody listens, everybody is hung up on."""
        if self.server:
            self.server.close()
            self.server = None
        for transport in list(self.transports):
            transport.abort()

    def set_mode(self, mode, share=1.0, **options):
        self.mode, self.share, self.options = mode, share, options
        for resume in self.hanging:
            resume()
        self.hanging.clear()

    # ---- what was seen ----

    def count(self):
        return len(self.items)

    def harvest(self):
        return [item.row() for item in self.items], self.problems

    def forget(self):
        self.items.clear()
        self.attempts.clear()

    def issued_at(self):
        """`iat` of the last token."""
        claims = self.token.split(b".")[1]
        return json.loads(base64.urlsafe_b64decode(claims + b"=="))["iat"]

    # ---- serving ----

    def serve(self, connection, headers, body):
        now = time.monotonic()
        self.token = headers[b"authorization"]
        try:
            document = json.loads(body)
            groups = document.get("batch", [document])
            items = [self.note(now, group, headers, len(groups) > 1 or "batch" in document)
                     for group in groups]
        except (KeyError, ValueError, TypeError) as error:
            self.problems.append(f"{error!r} in {body[:300]!r}")
            connection.answer([], 400, b"")
            return
        mode = self.mode
        if mode != "ok" and self.share < 1.0:
            chosen = any((zlib.crc32(item.client.encode()) & 0xffff) / 0xffff < self.share for item in items)
            if not chosen:
                mode = "ok"
        getattr(self, "answer_" + mode)(connection, items, groups)

    def note(self, now, group, headers, grouped):
        key = group["idempotencyKey"] if grouped else headers[b"idempotency-key"].decode()
        events = []
        for event in group["events"]:
            assert event["connectionId"] == group["connectionId"]
            if event["type"] == "TEXT":
                events.append(("TEXT", int(event["data"].partition(" ")[0])))
            elif event["type"] == "CLOSE":
                events.append(("CLOSE", event["code"], event["reason"]))
            else:
                events.append((event["type"],))
        digest = zlib.crc32(json.dumps([group["events"], group["metadata"]]).encode())
        item = Item(now, group["connectionId"], key, digest, events, name_of(group["metadata"]))
        item.attempt = self.attempts[key] = self.attempts.get(key, 0) + 1
        self.items.append(item)
        return item

    def answer_ok(self, connection, items, groups):
        commands = []
        for item, group in zip(items, groups):
            commands += commands_for(item, group)
        connection.answer(items, 200, json.dumps({"events": commands}).encode())

    def answer_status(self, connection, items, _):
        headers = f"Retry-After: {self.options['retry_after']}\r\n" if "retry_after" in self.options else ""
        connection.answer(items, self.options["status"], b"broken on purpose", headers)

    def answer_hang(self, connection, items, groups):
        """No answer until the mode is changed: and then as if nothing had been."""
        self.hanging.append(lambda: self.answer_ok(connection, items, groups))

    def answer_slow(self, connection, items, groups):
        delay = self.random.uniform(0, 2 * self.options["about"])
        asyncio.get_running_loop().call_later(delay, self.answer_ok, connection, items, groups)

    def answer_cut(self, connection, items, _):
        """Closes in the middle of the answer."""
        if connection.transport:
            connection.transport.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                       b"Content-Length: 5000\r\n\r\n{\"events\": [")
            connection.transport.close()
        for item in items:
            item.answered_at = time.monotonic()

    def answer_garbage(self, connection, items, _):
        connection.answer(items, 200, b'{"events": [{"type": "NONSENSE"}]}')
        for item in items:
            item.status = None

    def answer_mixed(self, connection, items, groups):
        """Each request breaks in one of the ways, or not."""
        way = self.random.choice(["ok", "ok", "ok", "cut", "garbage", "slow", "status"])
        self.options.setdefault("about", 0.2)
        self.options.setdefault("status", 500)
        getattr(self, "answer_" + way)(connection, items, groups)

"""The load: hundreds of WebSocket clients in one process, and publishers beside them.

Each client numbers what it sends and notes what it gets. A client whose connection ends although
nobody asked for that comes back as another one, with a name of its own, as real ones do.
"""

import asyncio
import base64
import hashlib
import itertools
import json
import random
import socket
import struct
import time

import jwt

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TICK = 0.02
WRITE_LIMIT = 64 * 1024  # a client waits while the kernel does not take more


class Client(asyncio.Protocol):  # pylint: disable=too-many-instance-attributes
    """state: connecting, handshake, open, closing (we began), ended."""

    numbers = itertools.count()

    def __init__(self, load, edge, channels, padding):
        self.load = load
        self.name = f"c{next(self.numbers)}"
        self.edge = edge
        self.channels = channels
        self.padding = padding
        self.state = "connecting"
        self.transport = None
        self.buffer = b""
        self.key = base64.b64encode(self.name.encode().ljust(16, b"x"))
        self.connection = None          # id, as the backend told
        self.sent_at = []               # when message n was written
        self.echoes = []                # numbers, in the order of arrival
        self.slowest_echo = 0.0
        self.publishes = []             # (kind, what) in the order of arrival
        self.opened_at = self.joined_at = self.closing_at = self.ended_at = None
        self.end = None                 # ("close", code, reason) | ("lost",) | ("refused", status)
        self.how = None                 # how we ended it: close, reset, drop
        self.quiet = False              # sends nothing by itself
        self.stays = True               # comes back when it is thrown out
        self.plan = None                # burst: what to do when all is echoed
        self.paused = False

    # ---- the socket ----

    def connection_made(self, transport):
        self.transport = transport
        self.state = "handshake"
        query = "&".join(f"channel={channel}" for channel in self.channels)
        transport.write(
            f"GET /load?{query} HTTP/1.1\r\nHost: load\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nX-Client: {self.name}\r\nSec-WebSocket-Key: ".encode()
            + self.key + b"\r\n\r\n")

    def data_received(self, data):
        self.buffer = self.buffer + data if self.buffer else data
        if self.state == "handshake" and not self._take_handshake():
            return
        self._take_frames()

    def connection_lost(self, _):
        self.transport = None
        if self.state != "ended":
            self._ended(("lost",))

    def _ended(self, end):
        if self.end is None:
            self.end = end
        self.state = "ended"
        self.ended_at = time.monotonic()
        self.load.left(self)

    def _take_handshake(self):
        end = self.buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = self.buffer[:end]
        status = int(head[9:12])
        if status != 101:
            self.end = ("refused", status)
            self.transport.abort()
            self._ended(self.end)
            return False
        if base64.b64encode(hashlib.sha1(self.key + GUID).digest()) not in head:
            self.load.problems.append(f"{self.name}: wrong Sec-WebSocket-Accept in {head!r}")
        self.buffer = self.buffer[end + 4:]
        self.state = "open"
        self.opened_at = time.monotonic()
        self.load.opened(self)
        return True

    def _take_frames(self):
        data, at, size = self.buffer, 0, len(self.buffer)
        while size - at >= 2:
            opcode, length, start = data[at] & 15, data[at + 1] & 127, at + 2
            if length == 126:
                if size < start + 2:
                    break
                length, start = struct.unpack_from("!H", data, start)[0], start + 2
            elif length == 127:
                if size < start + 8:
                    break
                length, start = struct.unpack_from("!Q", data, start)[0], start + 8
            if size < start + length:
                break
            at = start + length
            self._take_frame(opcode, data[start:at])
        self.buffer = data[at:]

    def _take_frame(self, opcode, payload):
        if opcode == 1:
            self._take_message(payload.decode())
        elif opcode == 8:
            code = struct.unpack("!H", payload[:2])[0] if payload else None
            self.end = ("close", code, payload[2:].decode())
            if self.state == "open" and self.transport:
                self.transport.write(frame(8, payload[:2]))
            if self.transport:
                self.transport.close()
        elif opcode == 9 and self.transport:
            self.transport.write(frame(10, payload))

    def _take_message(self, text):
        kind, _, what = text.partition(" ")
        if kind == "echo":
            number = int(what)
            self.echoes.append(number)
            if number < len(self.sent_at):
                self.slowest_echo = max(self.slowest_echo, time.monotonic() - self.sent_at[number])
            if self.plan and len(self.echoes) == len(self.sent_at):
                plan, self.plan = self.plan, None
                plan()
        elif kind == "joined":
            if self.connection is not None:
                self.load.problems.append(f"{self.name}: OPEN's commands applied twice")
            self.connection = what
            self.joined_at = time.monotonic()
            self.load.joined(self)
        elif kind != "fill":
            self.publishes.append((kind, what))

    # ---- what it does ----

    def send(self):
        number = len(self.sent_at)
        self.sent_at.append(time.monotonic())
        channel = self.channels[0] if self.channels else "-"
        self.transport.write(frame(1, f"{number} {channel} {self.padding}".encode()))

    def can_send(self):
        return (self.state == "open" and self.transport is not None and self.end is None
                and self.transport.get_write_buffer_size() < WRITE_LIMIT)

    def leave(self, how):
        """close: properly; reset: RST; drop: FIN without a word."""
        if self.state != "open" or self.end:
            return
        self.how, self.stays = how, False
        self.closing_at = time.monotonic()
        self.state = "closing"
        if how == "close":
            self.transport.write(frame(8, struct.pack("!H", 1000)))
            return
        self.end = (how,)
        if how == "reset":
            self.transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()

    def row(self):
        return {"name": self.name, "edge": self.edge, "connection": self.connection,
                "channels": self.channels, "state": self.state, "sent_at": self.sent_at,
                "echoes": self.echoes, "publishes": self.publishes, "opened_at": self.opened_at,
                "joined_at": self.joined_at, "closing_at": self.closing_at, "ended_at": self.ended_at,
                "end": self.end, "how": self.how, "slowest_echo": self.slowest_echo,
                "paused": self.paused}


def frame(opcode, payload):
    """A masked frame; the mask is zero, which is as good as any and costs nothing."""
    length = len(payload)
    if length < 126:
        return struct.pack("!BBI", 0x80 | opcode, 0x80 | length, 0) + payload
    if length < 65536:
        return struct.pack("!BBHI", 0x80 | opcode, 0xfe, length, 0) + payload
    return struct.pack("!BBQI", 0x80 | opcode, 0xff, length, 0) + payload


class Load:  # pylint: disable=too-many-instance-attributes
    """Clients and publishers. Edges are ports; a client stays with its edge."""

    def __init__(self, edge_ports, rest_ports, secret, seed):
        self.edge_ports = edge_ports
        self.rest_ports = rest_ports
        self.secret = secret
        self.random = random.Random(seed)
        self.clients = []
        self.live = {}                  # open ones, in the order of opening
        self.problems = []
        self.refusals = {}
        self.rate = 0.0
        self.churn = 0.0
        self.returning = True
        self.tasks = set()
        self.publishes = []
        self.publishing = False
        self.sending = False
        self.padding = ""
        self.flooding = False

    # ---- connections ----

    def _task(self, coroutine):
        task = asyncio.get_running_loop().create_task(coroutine)
        self.tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task):
        self.tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.problems.append(f"the load itself: {task.exception()!r}")

    async def _connect(self, client, patient=True):
        """Until somebody listens: a refused TCP connection is no attempt."""
        loop = asyncio.get_running_loop()
        self.clients.append(client)
        while True:
            try:
                await loop.create_connection(lambda: client, "127.0.0.1", self.edge_ports[client.edge])
                return
            except OSError as error:
                if not patient or not self.returning:
                    client.state, client.end = "ended", ("unreachable", str(error))
                    return
                await asyncio.sleep(0.1)

    def _add(self, edge, channels):
        client = Client(self, edge, channels, self.padding)
        self._task(self._connect(client))
        return client

    def opened(self, client):
        self.live[client.name] = client

    def joined(self, client):
        if client.plan and not client.sent_at:
            plan, client.plan = client.plan, None
            plan()

    def left(self, client):
        self.live.pop(client.name, None)
        if client.end and client.end[0] == "refused":
            self.refusals[client.end[1]] = self.refusals.get(client.end[1], 0) + 1
        if client.stays and self.returning:
            asyncio.get_running_loop().call_later(0.1, self.come_back, client)

    def come_back(self, client):
        """The one that comes for it, if any."""
        return self._add(client.edge, client.channels) if self.returning else None

    def ramp(self, count, channels, padding=0):
        """`count` clients, spread over the edges and over `channels` channels."""
        self.padding = "x" * padding
        for number in range(count):
            self._add(number % len(self.edge_ports), [f"room-{number % channels}", "everybody"])

    def start(self, rate, churn=0.0, publishers=0, publish_rate=0.0):
        """`rate` messages a second and client; `churn` clients a second come and go."""
        self.rate, self.churn = rate, churn
        if not self.sending:
            self.sending = True
            self._task(self._send_all())
        if churn:
            self._task(self._come_and_go())
        if publishers and not self.publishing:
            self.publishing = True
            channels = ["everybody"] + [f"room-{number}" for number in range(publishers - 1)]
            for number, channel in enumerate(channels):
                rate = publish_rate / 4 if channel == "everybody" else publish_rate
                self._task(self._publish(number, channel, rate))

    async def _send_all(self):
        last, credit, at = time.monotonic(), 0.0, 0
        while self.sending:
            await asyncio.sleep(TICK)
            now = time.monotonic()
            clients = [client for client in self.live.values() if not client.quiet]
            credit = min(credit + self.rate * len(clients) * (now - last), len(clients) * 1.0)
            last = now
            for _ in range(min(int(credit), len(clients))):
                credit -= 1
                at = (at + 1) % len(clients)
                if clients[at].can_send():
                    clients[at].send()

    async def _come_and_go(self):
        """Short lives: a few messages, then each of the ways to go."""
        while self.sending:
            await asyncio.sleep(self.random.expovariate(self.churn))
            client = self._add(self.random.randrange(len(self.edge_ports)), [f"room-{self.random.randrange(4)}"])
            client.stays, client.quiet = False, True
            self._task(self._short_life(client, self.random.choice(["close", "close", "reset", "drop"])))

    async def _short_life(self, client, how):
        for _ in range(500):
            if client.state in ("open", "ended"):
                break
            await asyncio.sleep(0.02)
        for _ in range(self.random.randrange(4)):
            if client.can_send():
                client.send()
            await asyncio.sleep(self.random.uniform(0, 0.1))
        client.leave(how)

    # ---- publishing ----

    async def _publish(self, number, channel, rate):
        """One after the other in a channel; each until it is answered 200."""
        order = itertools.count()
        session = Session(self, number)
        while self.publishing:
            await asyncio.sleep(self.random.expovariate(rate))
            if not self.publishing:
                break
            what = f"{channel}/{next(order)}"
            record = {"what": what, "channel": channel, "started": time.monotonic(),
                      "acked": None, "attempts": 0, "answers": []}
            self.publishes.append(record)
            while record["acked"] is None:
                status = await session.publish(what, channel)
                record["attempts"] += 1
                if status != 200 and len(record["answers"]) < 20:
                    record["answers"].append(status)
                if status == 200:
                    record["acked"] = time.monotonic()
                elif status in (0, 503):
                    await asyncio.sleep(0.05)
                else:
                    self.problems.append(f"a publish was answered {status}")
                    break
        session.drop()

    # ---- the end ----

    def stop_publishing(self):
        self.publishing = False

    def stop_sending(self):
        self.sending = False

    def unfinished_publishes(self):
        return sum(1 for record in self.publishes if record["acked"] is None)

    def status(self):
        clients = list(self.live.values())
        return {
            "open": len(clients),
            "joined": sum(1 for client in clients if client.joined_at),
            "by_edge": [sum(1 for client in clients if client.edge == edge and client.joined_at)
                        for edge in range(len(self.edge_ports))],
            "waiting": sum(len(client.sent_at) - len(client.echoes) for client in clients if not client.paused),
            "sent": sum(len(client.sent_at) for client in self.clients),
            "connecting": sum(1 for client in self.clients if client.state in ("connecting", "handshake")),
            "unfinished": self.unfinished_publishes(),
            "tasks": len(self.tasks),
        }

    def not_echoed(self, limit=5):
        return [(client.name, client.connection, client.edge, len(client.sent_at), client.echoes[-3:])
                for client in self.live.values() if len(client.sent_at) > len(client.echoes)][:limit]

    def refused(self):
        """{status: how often}"""
        return self.refusals

    def connections(self):
        """Ids of those that are open, with their channels and edge."""
        return [(client.connection, client.channels, client.edge) for client in self.live.values()
                if client.state == "open" and client.connection]

    def leave_all(self, how="close"):
        self.returning = False
        for client in list(self.live.values()):
            client.leave(how)

    def stop_returning(self):
        """Who is thrown out or refused stays away."""
        self.returning = False

    def give_up_waiting(self):
        """What was not echoed by now never will be."""
        for client in self.live.values():
            client.paused = client.paused or len(client.sent_at) > len(client.echoes)

    def harvest(self):
        return ([client.row() for client in self.clients], self.publishes, self.problems, self.refusals)

    def forget(self):
        """Begins a new round: nobody is connected, nothing is known."""
        assert not self.live
        self.clients.clear()
        self.publishes.clear()
        self.problems.clear()
        self.refusals.clear()
        self.returning = True

    # ---- odd clients ----

    def pick(self, edge=None):
        chosen = [client for client in self.live.values()
                  if client.joined_at and client.stays and not client.paused and edge in (None, client.edge)]
        return self.random.choice(chosen)

    def stop_reading(self, edge=None):
        """A client that stops reading; returns its name."""
        client = self.pick(edge)
        client.paused = client.quiet = True
        client.stays = False
        client.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.transport.pause_reading()
        return client.name

    def read_again(self, name):
        client = next(client for client in self.clients if client.name == name)
        if client.transport:
            client.transport.resume_reading()

    def connection_of(self, name):
        return next(client.connection for client in self.clients if client.name == name)

    def flood(self, messages, padding):
        """A client that sends as fast as it is let, in the background; returns its name."""
        client = self.pick()
        client.padding, client.quiet = "f" * padding, True
        self._task(self._flood(client, messages))
        return client.name

    def is_flooding(self):
        return self.flooding

    async def _flood(self, client, messages):
        self.flooding = True
        for _ in range(messages):
            while not client.can_send() and client.state == "open":
                await asyncio.sleep(0.005)
            if client.state != "open":
                break
            client.send()
            await asyncio.sleep(0)
        client.padding = ""
        self.flooding = False

    def end_of(self, name):
        client = next(client for client in self.clients if client.name == name)
        return client.state, client.end

    # ---- everyone at once ----

    def burst(self, count, messages):
        """`count` clients connect in the same moment, send, and end in each of the ways: some at
        once behind their messages, some when these were echoed."""
        ways = ["close", "close-at-once", "reset", "reset-at-once", "drop"]
        for number in range(count):
            client = Client(self, number % len(self.edge_ports), [], "")
            client.quiet, client.stays = True, False
            way = ways[number % len(ways)]

            def act(client=client, way=way):
                for _ in range(messages):
                    client.send()
                how, _, at_once = way.partition("-")
                if at_once:
                    client.leave(how)
                else:
                    client.plan = lambda: client.leave(how)

            client.plan = act
            self._task(self._connect(client, patient=False))

    def burst_left(self):
        return sum(1 for client in self.clients if client.state != "ended")


class Session:
    """HTTP to control, on a connection kept open; another control after each failure."""

    numbers = itertools.count()

    def __init__(self, load, number):
        self.load = load
        self.at = number
        self.reader = self.writer = None
        now = int(time.time())
        self.token = jwt.encode({"iss": "slip-sockets", "aud": "ControlEvent", "iat": now - 86400,
                                 "exp": now + 86400}, load.secret, "HS256")
        self.prefix = f"{next(self.numbers)}-{id(load)}-{time.monotonic_ns()}"

    def drop(self):
        if self.writer:
            self.writer.transport.abort()
        self.reader = self.writer = None

    async def publish(self, what, channel):
        """The status; 0 when there was none."""
        body = json.dumps({"events": [{"type": "PUBLISH_TEXT", "channelId": channel,
                                       "data": f"rest {what}"}]}).encode()
        try:
            status = await asyncio.wait_for(self._exchange(body, f"{self.prefix}-{what}"), 7)
        except (OSError, asyncio.TimeoutError, asyncio.IncompleteReadError, ValueError):
            status = 0
        if status != 200:
            self.drop()
            self.at += 1
        return status

    async def _exchange(self, body, key):
        if not self.writer:
            port = self.load.rest_ports[self.at % len(self.load.rest_ports)]
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        self.writer.write(
            f"POST / HTTP/1.1\r\nHost: control\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/websocket-events\r\nIdempotency-Key: {key}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        await self.reader.readexactly(length)
        if b"connection: close" in head.lower():
            self.drop()
        return int(head[9:12])

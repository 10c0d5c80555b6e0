"""A ZeroMQ peer made of a bare socket: it completes HELLO as any edge or worker does, and then says
what it is told, sense or nonsense. Written from docs/protocol.md alone."""

import collections
import os
import socket
import struct
import time

PATIENCE = 20
VERSION = 1
HELLO, WELCOME, RESYNC, RESEND, BYE = 1, 2, 4, 5, 6
ADOPT, BATCH, OPENED, SUBSCRIBED, UNSUBSCRIBED, METADATA, PAGE, LEAVING = range(10, 18)
ADOPTED, EXPIRED, ACK, PULL = range(20, 24)
READY, JOB, DONE, ROLL = range(30, 34)
COMMANDS, COMMANDED, COMMAND = 40, 41, 50
JOIN, LEAVE, ANNOUNCED, RECEIPT, POLLED = range(60, 65)

Packet = collections.namedtuple("Packet", "sender receiver number sent received messages")


# ---- msgpack, as much of it as the messages use ----

def pack(value):
    """Unsigned integers, bytes (a str is its UTF-8), and lists."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, int):
        return struct.pack("!B", value) if value < 128 else b"\xcf" + struct.pack("!Q", value)
    if isinstance(value, bytes):
        return b"\xc6" + struct.pack("!I", len(value)) + value
    return b"\xdd" + struct.pack("!I", len(value)) + b"".join(map(pack, value))


def unpack(data, at=0):
    """(value, where the next one begins)"""
    first = data[at]
    if first < 0x80:
        return first, at + 1
    if 0xcc <= first <= 0xcf:
        size = 1 << (first - 0xcc)
        return int.from_bytes(data[at + 1:at + 1 + size], "big"), at + 1 + size
    if 0xc4 <= first <= 0xc6:
        size = 1 << (first - 0xc4)
        start = at + 1 + size
        length = int.from_bytes(data[at + 1:start], "big")
        return data[start:start + length], start + length
    if 0x90 <= first <= 0x9f:
        count, at = first & 15, at + 1
    elif first in (0xdc, 0xdd):
        size = 2 if first == 0xdc else 4
        count, at = int.from_bytes(data[at + 1:at + 1 + size], "big"), at + 1 + size
    else:
        raise ValueError(f"msgpack type {first:#x}")
    values = []
    for _ in range(count):
        value, at = unpack(data, at)
        values.append(value)
    return values, at


# ---- the peer ----

class Peer:
    """A DEALER; use it as a context, or close() it: it does not say BYE by itself."""

    def __init__(self, port, role, name, stack):
        self.role, self.name, self.stack = role, name, stack
        self.session = int.from_bytes(os.urandom(8), "big") | 1
        self.other = self.number = self.received = 0
        self.buffer = b""
        self.heard = collections.deque()
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self.socket.sendall(b"\xff" + b"\0" * 8 + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0")
                            + b"\0" * 32)
        self._read(64)
        self._command(b"\x05READY" + self._property(b"Socket-Type", b"DEALER")
                      + self._property(b"Identity", os.urandom(8).hex().encode()))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    # ---- ZMTP ----

    @staticmethod
    def _property(name, value):
        return bytes([len(name)]) + name + struct.pack("!I", len(value)) + value

    def _command(self, body):
        self.socket.sendall(b"\x04" + bytes([len(body)]) + body)

    def _read(self, count):
        while len(self.buffer) < count:
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("the process has hung up")
            self.buffer += data
        taken, self.buffer = self.buffer[:count], self.buffer[count:]
        return taken

    def _frame(self):
        """The next message frame; commands (READY, PING) are dealt with."""
        while True:
            flags, = self._read(1)
            length, = struct.unpack("!Q", self._read(8)) if flags & 2 else self._read(1)
            body = self._read(length)
            if not flags & 4:
                return body
            if body.startswith(b"\x04PING"):
                self._command(b"\x04PONG" + body[7:])

    def send_raw(self, packet):
        self.socket.sendall(b"\x02" + struct.pack("!Q", len(packet)) + packet)

    # ---- packets ----

    def send(self, *messages, number=0, sent=None, received=None, session=None, other=None):
        """A packet with any header; each message is [id, field…]."""
        header = [VERSION, self.session if session is None else session,
                  self.other if other is None else other, number,
                  max(self.number, number) if sent is None else sent,
                  self.received if received is None else received]
        self.send_raw(pack(header) + b"".join(map(pack, messages)))

    def say(self, *messages):
        """The next packet of the stream."""
        self.number += 1
        self.send(*messages, number=self.number)

    def hello(self, role=None, name=None, stack=None):
        self.send([HELLO, role or self.role, stack or self.stack, name or self.name, "test", 1],
                  other=0, sent=0, received=0)

    def greet(self):
        """HELLO, and WELCOME is awaited."""
        self.hello()
        packet = self.receive()
        assert packet.messages[0][0] == WELCOME, packet
        self.other = packet.sender
        return self

    def receive(self):
        frame = self._frame()
        header, at = unpack(frame)
        messages = []
        while at < len(frame):
            message, at = unpack(frame, at)
            messages.append(message)
        packet = Packet(*header[1:], messages)
        if packet.number == self.received + 1:
            self.received += 1
        return packet

    def wait_for(self, kind):
        """The next message of this kind; what came before it is passed over."""
        deadline = time.monotonic() + PATIENCE
        passed = []
        while True:
            while self.heard:
                message = self.heard.popleft()
                if message[0] == kind:
                    return message
                passed.append(message)
            assert time.monotonic() < deadline, f"no message {kind} came; these did: {passed}"
            self.heard.extend(self.receive().messages)
            self.send()  # received so far

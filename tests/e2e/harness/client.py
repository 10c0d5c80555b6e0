"""A WebSocket client on a bare socket (RFC 6455), friendly or hostile: it sends exactly what it is
told, and checks what it gets."""

import base64
import collections
import hashlib
import os
import socket
import struct
import zlib

PATIENCE = 20
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

Frame = collections.namedtuple("Frame", "opcode payload fin rsv1")


class Refused(AssertionError):
    """The server answered the handshake with something else than 101."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status} {headers} {body!r}")
        self.status, self.headers, self.body = status, headers, body


class Gone(Exception):
    """The connection ended where a frame was expected."""


class Client:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""
        self.headers = {}
        self.key = base64.b64encode(os.urandom(16)).decode()

    # ---- handshake ----

    def request(self, path="/", *, headers=None, without=(), subprotocols=None, deflate=None):
        """The bytes of a handshake; `headers` replaces or adds, `without` leaves out."""
        fields = {"Host": "test", "Upgrade": "websocket", "Connection": "Upgrade",
                  "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": self.key}
        if subprotocols:
            fields["Sec-WebSocket-Protocol"] = ", ".join(subprotocols)
        if deflate:
            fields["Sec-WebSocket-Extensions"] = deflate
        fields.update(headers or {})
        lines = [f"GET {path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in fields.items() if name not in without]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")

    def open(self, path="/", **options):
        """Sends the handshake and waits for 101; raises Refused."""
        self.send_raw(self.request(path, **options))
        self.finish_open()

    def finish_open(self):
        status, headers, body = self.read_response()
        if status != 101:
            raise Refused(status, headers, body)
        digest = hashlib.sha1((self.key + GUID).encode()).digest()
        assert headers["sec-websocket-accept"] == base64.b64encode(digest).decode(), headers
        assert headers["upgrade"].lower() == "websocket" and "upgrade" in headers["connection"].lower()
        self.headers = headers
        return self

    def read_response(self):
        """(status, headers, body) of an HTTP response; a 101 has no body."""
        while b"\r\n\r\n" not in self.received:
            self._more()
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split(" ")[1])
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        body = b""
        if status != 101:
            length = int(headers.get("content-length", 0))
            while len(self.received) < length:
                self._more()
            body, self.received = self.received[:length], self.received[length:]
        return status, headers, body

    # ---- sending ----

    def send_raw(self, data):
        self.socket.sendall(data)

    @staticmethod
    def frame(opcode, payload=b"", *, fin=True, rsv=0, mask=True, length_form=None):
        """The bytes of a frame. `rsv`: the three bits as a number; `length_form`: 16 or 64 forces
        a longer length field than needed."""
        if isinstance(payload, str):
            payload = payload.encode()
        length = len(payload)
        first = (0x80 if fin else 0) | rsv << 4 | opcode
        flag = 0x80 if mask else 0
        if length_form == 64 or (length_form is None and length > 0xffff):
            head = struct.pack("!BBQ", first, flag | 127, length)
        elif length_form == 16 or length > 125:
            head = struct.pack("!BBH", first, flag | 126, length)
        else:
            head = struct.pack("!BB", first, flag | length)
        if not mask:
            return head + payload
        key = os.urandom(4)
        pad = key * (length // 4 + 1)
        masked = int.from_bytes(payload, "big") ^ int.from_bytes(pad[:length], "big")
        return head + key + masked.to_bytes(length, "big")

    def send(self, data):
        """A text (str) or binary (bytes) message in one frame."""
        self.send_raw(self.frame(TEXT if isinstance(data, str) else BINARY, data))

    def send_ping(self, payload=b""):
        self.send_raw(self.frame(PING, payload))

    def send_close(self, code=None, reason=""):
        self.send_raw(self.frame(CLOSE, struct.pack("!H", code) + reason.encode() if code else b""))

    # ---- receiving ----

    def _more(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            raise Gone(f"the server hung up; left over: {self.received[:200]!r}")
        self.received += data

    def read_frame(self):
        """The next frame, whatever it is."""
        while True:
            frame = self._take_frame()
            if frame:
                return frame
            self._more()

    def _take_frame(self):
        data = self.received
        if len(data) < 2:
            return None
        length, at = data[1] & 0x7f, 2
        assert not data[1] & 0x80, "the server masked a frame (RFC 6455 §5.1)"
        if length == 126:
            if len(data) < 4:
                return None
            length, at = struct.unpack("!H", data[2:4])[0], 4
        elif length == 127:
            if len(data) < 10:
                return None
            length, at = struct.unpack("!Q", data[2:10])[0], 10
        if len(data) < at + length:
            return None
        self.received = data[at + length:]
        return Frame(data[0] & 0x0f, data[at:at + length], bool(data[0] & 0x80), bool(data[0] & 0x40))

    def receive(self):
        """The next message: str or bytes. Pings are answered on the way."""
        while True:
            frame = self.read_frame()
            if frame.opcode == PING:
                self.send_raw(self.frame(PONG, frame.payload))
                continue
            if frame.opcode == PONG:
                continue
            assert frame.opcode in (TEXT, BINARY) and frame.fin, f"expected a message, got {frame}"
            payload = self.inflate(frame.payload) if frame.rsv1 else frame.payload
            return payload.decode() if frame.opcode == TEXT else payload

    def receive_many(self, count):
        return [self.receive() for _ in range(count)]

    @staticmethod
    def inflate(data):
        return zlib.decompressobj(-15).decompress(data + b"\x00\x00\xff\xff")

    @staticmethod
    def deflate(data):
        packer = zlib.compressobj(wbits=-15)
        return (packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]

    def expect_close(self, answer=True):
        """(code, reason) of the server's close frame, messages before it skipped; then the end of
        the stream. Code is None when there was none in the frame."""
        while True:
            frame = self.read_frame()
            if frame.opcode == CLOSE:
                break
        code = struct.unpack("!H", frame.payload[:2])[0] if frame.payload else None
        if answer:
            try:
                self.send_raw(self.frame(CLOSE, frame.payload[:2]))
            except OSError:
                pass
        self.expect_end()
        return code, frame.payload[2:].decode()

    def expect_end(self):
        """The server closes the TCP connection."""
        try:
            while True:
                self._more()
        except Gone:
            return

    def is_quiet(self, seconds=0.2):
        """Nothing has come and nothing comes for a moment. (Only to look for what must not be.)"""
        self.socket.settimeout(seconds)
        try:
            self._more()
        except TimeoutError:
            return not self.received
        except Gone:
            return False
        finally:
            self.socket.settimeout(PATIENCE)
        return False

    # ---- leaving ----

    def close(self, code=1000, reason=""):
        """The proper way: close frame, its echo, end of stream."""
        self.send_close(code, reason)
        result = self.expect_close(answer=False)
        self.drop()
        return result

    def drop(self):
        """Closes the socket without a word (FIN)."""
        self.socket.close()

    def reset(self):
        """Closes the socket with a RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

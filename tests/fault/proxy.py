"""A TCP proxy between two programs, that can be cut, stalled, half broken and slowed down.

A line is named; it listens on an address of its own (127.x.y.z) at the ports of its target, so that
ports told in band (control's PUB socket) pass through it too.

    pass        as if it were not there
    cut         connections are reset, new ones are refused by reset
    stall       connections stay; not a byte passes; what waits passes when healed (a black hole:
                the kernels on both sides would send it again)
    half        the listening side's connections are held and silent; the target's are reset. They
                are reset too when healed
    delay       every byte comes `seconds` later
"""

import asyncio
import socket
import struct


def reset(transport):
    if transport and not transport.is_closing():
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    if transport:
        transport.abort()


class Side(asyncio.Protocol):
    """One socket of a pair; what it reads is written to the other."""

    def __init__(self, line, other=None):
        self.line = line
        self.other = other
        self.transport = None
        self.waiting = []  # delayed
        self.held = []     # came while nothing could pass
        self.due = 0.0

    def connection_made(self, transport):
        self.transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.line.sides.add(self)
        if self.other:
            self.other.release()

    def data_received(self, data):
        if self.line.mode == "delay" or self.waiting:
            loop = asyncio.get_running_loop()
            self.due = max(self.due, loop.time() + self.line.seconds)
            self.waiting.append(data)
            loop.call_at(self.due, self._late)
        else:
            self._forward(data)

    def _late(self):
        if self.waiting:
            self._forward(self.waiting.pop(0))

    def _forward(self, data):
        if self.line.mode == "half":
            return
        self.held.append(data)
        self.release()

    def release(self):
        """Passes what may pass; a paused transport still delivers what it had read."""
        if not self.transport or not self.other or not self.other.transport:
            return
        if self.line.mode == "stall":
            self.transport.pause_reading()
            return
        for data in self.held:
            self.other.transport.write(data)
        self.held.clear()
        self.transport.resume_reading()

    def pause_writing(self):
        if self.other and self.other.transport:
            self.other.transport.pause_reading()

    def resume_writing(self):
        if self.other:
            self.other.release()

    def connection_lost(self, _):
        self.line.sides.discard(self)
        self.transport = None
        other, self.other = self.other, None
        if other and other.transport and self.line.mode != "half":
            other.other = None
            other.transport.close()


class Upper(Side):
    """The side that connected to us."""

    def __init__(self, line, port):
        super().__init__(line)
        self.port = port

    def connection_made(self, transport):
        super().connection_made(transport)
        if self.line.mode == "cut":
            reset(transport)
            return
        task = asyncio.get_running_loop().create_task(self._connect())
        self.line.tasks.add(task)
        task.add_done_callback(self.line.tasks.discard)

    async def _connect(self):
        try:
            while self.line.mode in ("stall", "half"):
                await asyncio.sleep(0.02)
                if not self.transport:
                    return
            other = self.other = Side(self.line, self)
            await asyncio.get_running_loop().create_connection(lambda: other, "127.0.0.1", self.port)
            self.release()
            if not self.transport and other.transport:
                other.transport.close()
        except OSError:
            reset(self.transport)


class Line:
    def __init__(self):
        self.mode, self.seconds = "pass", 0.0
        self.sides, self.tasks, self.servers = set(), set(), []

    def set_mode(self, mode, seconds):
        before, self.mode = self.mode, mode
        self.seconds = seconds
        for side in list(self.sides):
            if mode == "cut" or (before == "half" and mode != "half"):
                reset(side.transport)
            elif mode == "half" and not isinstance(side, Upper):
                reset(side.transport)
            else:
                side.release()


class Proxy:
    def __init__(self):
        self.lines = {}

    async def open(self, name, address, ports):
        line = self.lines[name] = Line()
        loop = asyncio.get_running_loop()
        for port in ports:
            line.servers.append(await loop.create_server(
                lambda port=port: Upper(line, port), address, port, backlog=128))

    def set(self, names, mode, seconds=0.0):
        for name in names:
            self.lines[name].set_mode(mode, seconds)

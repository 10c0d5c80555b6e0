"""Garbage on every port harms nobody."""

import os
import random
import re
import socket
import struct

import pytest
from harness.wait import until

# A ZeroMQ greeting (ZMTP 3.0, NULL mechanism) and a READY command, as any ZeroMQ peer sends them.
GREETING = b"\xff" + b"\0" * 8 + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" + b"\0" * 31


def ready(kind, identity=b"stranger"):
    def prop(name, value):
        return bytes([len(name)]) + name + struct.pack("!I", len(value)) + value

    body = b"\x05READY" + prop(b"Socket-Type", kind) + prop(b"Identity", identity)
    return b"\x04" + bytes([len(body)]) + body


def message(data):
    return (b"\x00" + bytes([len(data)]) if len(data) < 256 else b"\x02" + struct.pack("!Q", len(data))) + data


def works(ring):
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "still fine"}])
    client = ring.connect()
    client.send("are you well?")
    assert client.receive() == "still fine"
    for process in ring.processes():
        assert process.is_running(), f"{process.name} died:\n{process.log_tail()}"


def zmq_ports(ring):
    publish = re.search(r"publish=tcp://[^:]+:(\d+)", ring.control.log())
    assert publish, "control did not log its publish port:\n" + ring.control.log()
    return {"router": ring.router_ports[0], "control": ring.control_ports[0], "publish": int(publish[1])}


def garbage(seed):
    """Packets that are almost right, from nothing to a message from a newer version."""
    dice = random.Random(seed)
    hello = bytes.fromhex("95 01 a4 65646765 a1 78 aa 41424344454647484949 a1 31".replace(" ", ""))
    header = lambda version: bytes([0x96, version]) + b"\xcf" + os.urandom(8) + b"\0\0\0\0"  # noqa: E731
    yield b""
    yield b"\0"
    yield os.urandom(500)
    yield b"\xdd\xff\xff\xff\xff"
    yield b"\x91" * 5000
    yield header(1)
    yield header(99) + hello
    yield header(1) + hello[:-2]
    yield header(1) + b"\x92\xcd\x27\x0f\x01"
    yield header(1) + hello
    for number in range(200):
        data = bytearray(header(1) + hello)
        for _ in range(dice.randrange(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        yield bytes(data) + os.urandom(number % 7)


@pytest.mark.parametrize("port", ["router", "control", "publish"])
def test_bytes_that_are_not_zeromq(ring, port):
    for data in (b"", b"GET / HTTP/1.1\r\n\r\n", os.urandom(10000), b"\xff" * 64, GREETING[:20], GREETING):
        with socket.create_connection(("127.0.0.1", zmq_ports(ring)[port])) as peer:
            try:
                peer.sendall(data)
            except OSError:
                pass
    works(ring)


@pytest.mark.parametrize("port, kind", [("router", b"DEALER"), ("control", b"DEALER"), ("publish", b"SUB")])
def test_messages_that_are_not_ours(ring, port, kind):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    with socket.create_connection(("127.0.0.1", zmq_ports(ring)[port]), 10) as peer:
        peer.sendall(GREETING + ready(kind))
        peer.recv(1)
        for data in garbage(seed):
            try:
                peer.sendall(message(data))
            except OSError:
                break
        works(ring)
    works(ring)


def test_a_process_of_another_stack_is_refused(stacks):
    stack = stacks()
    other = stack.add_edge(STACK_NAME="somebody-else", EDGE_LISTEN="127.0.0.1:0")
    until(lambda: "stack" in other.log() and "refuse" in other.log().lower(),
          lambda: "the edge to be refused:\n" + other.log_tail())
    assert not other.is_ready()
    stack.connect()

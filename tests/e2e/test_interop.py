"""A WebSocket implementation by other hands as the client: libwebsockets, through the whole ring."""

import os
import subprocess

import pytest
from harness.backend import accept
from harness.process import BUILD

CLIENT = os.path.join(BUILD, "tests", "interop", "lws_client")
MESSAGES = {"plain": 18, "deflate": 16}  # of its script


def play(ring, deflate, ending):
    result = subprocess.run([CLIENT, str(ring.edge_port), deflate, ending], timeout=120, check=False,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True)
    assert result.returncode == 0, result.stdout
    assert result.stdout == f"{MESSAGES[deflate]} messages, 4 pings\n"


@pytest.fixture(name="echo")
def fixture_echo(ring):
    def answer(event, _):
        connection, data = event["connectionId"], event["data"]
        if data == "close me":
            return [{"type": "CLOSE", "connectionId": connection, "code": 4002, "reason": "as you asked"}]
        return [{"type": event["type"], "connectionId": connection, "data": data}]

    ring.backend.on("OPEN", lambda event, _: accept(event["connectionId"], subprotocol="echo.interop"))
    ring.backend.on("TEXT", answer)
    ring.backend.on("BINARY", answer)
    return ring


@pytest.mark.parametrize("deflate", ["plain", "deflate"])
def test_libwebsockets_talks_and_leaves(echo, deflate):
    play(echo, deflate, "leave")
    (opened,) = echo.backend.seen("OPEN")
    assert (opened["path"], opened["query"]) == ("/interop", "by=libwebsockets"), opened
    assert opened["subprotocols"] == ["mqtt", "echo.interop"]
    (closed,) = echo.backend.wait_for("CLOSE")
    assert (closed["code"], closed["reason"]) == (4001, "all seen")
    assert len(echo.backend.seen("TEXT")) == len(echo.backend.seen("BINARY")) == MESSAGES[deflate] // 2


@pytest.mark.parametrize("deflate", ["plain", "deflate"])
def test_libwebsockets_is_closed(echo, deflate):
    play(echo, deflate, "be-closed")
    (closed,) = echo.backend.wait_for("CLOSE")
    assert (closed["code"], closed["reason"]) == (4002, "as you asked")

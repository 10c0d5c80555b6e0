"""docs/quickstart.md: its backends in JavaScript, Python and C, with and without a library, and its curl."""

import json
import time
import urllib.error
import urllib.request

import jwt
import pytest

from conftest import SECRET

PAGE = "quickstart.md"


@pytest.mark.parametrize("backend", ["backend.mjs", "backend.py", "backend.c", "plain.py"])
def test_a_backend_shouts_and_takes_part_in_the_news(guide, backend):
    guide.start(backend)
    ada, bob = guide.ring.connect(), guide.ring.connect()
    ada.send("hello")
    assert ada.receive() == "HELLO"
    ada.send("grüße " * 20000)
    assert ada.receive().startswith("GR")
    bob.close()
    assert ada.receive() == "somebody left"


def status_of(guide, authorization):
    body = {"connectionId": "x", "metadata": None, "events": [{"type": "TEXT", "connectionId": "x", "data": "hello"}]}
    request = urllib.request.Request(guide.url, json.dumps(body).encode(),
                                     {} if authorization is None else {"Authorization": authorization})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("backend", ["backend.mjs", "backend.py", "backend.c", "plain.py"])
def test_a_backend_hears_nobody_but_the_broker(guide, backend):
    guide.start(backend)
    good = {"iss": "slip-sockets", "aud": "WebSocketEvent", "exp": int(time.time()) + 60}

    def token(secret=SECRET, algorithm="HS256", **claims):
        return "Bearer " + jwt.encode({**good, **claims}, secret, algorithm)

    assert status_of(guide, token()) == 200
    long_ago = int(time.time()) - 600
    for bad in (None, "", "Bearer", "Bearer a.b", "Bearer a.b.c.d", "Bearer é.é.é", token(secret="of somebody else"),
                token(secret=None, algorithm="none"), token(algorithm="HS512"), token(iss="x"), token(aud="ControlEvent"),
                token(exp=long_ago), token() + "xxxx", token(exp="never")):
        assert status_of(guide, bad) == 403, bad


def test_anybody_with_a_token_publishes(guide):
    guide.start("backend.mjs")
    client = guide.ring.connect()
    answer = guide.run("bash", guide.path("publish.sh"))
    assert '"applied"' in answer, answer
    assert client.receive() == "hello, everybody"


def test_every_program_of_the_page_was_run(shared_guide):
    assert shared_guide.used == shared_guide.programs

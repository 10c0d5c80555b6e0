"""Who may command: tokens for control, and those that the broker sends."""

import base64
import json
import os
import socket
import time

import jwt
import pytest
from harness.wait import until

PUBLISH = {"type": "PUBLISH_TEXT", "channelId": "c", "data": "x"}


def status(ring, token):
    answer = ring.rest.events(PUBLISH, token=token)
    if answer.status == 403:
        assert answer.text == "Invalid token", answer
    return answer.status


def test_a_good_token_is_let_in(ring):
    assert status(ring, ring.rest.token()) == 200
    assert status(ring, ring.rest.token(aud=["other", "ControlEvent"])) == 200


@pytest.mark.parametrize("claims", [
    {"exp": int(time.time()) - 3600}, {"exp": None}, {"exp": "tomorrow"}, {"aud": None},
    {"aud": "WebSocketEvent"}, {"aud": ["a", "b"]}, {"iss": None}, {"iss": "somebody"},
    {"nbf": int(time.time()) + 3600}], ids=str)
def test_a_token_with_wrong_claims_is_403(ring, claims):
    now = int(time.time())
    payload = {"iss": "slip-sockets", "aud": "ControlEvent", "iat": now, "exp": now + 60, **claims}
    payload = {key: value for key, value in payload.items() if value is not None}
    # Signed by hand: the library would not make all of them.
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
             for part in ({"alg": "HS256", "typ": "JWT"}, payload)]
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        b".".join(parts), ring.rest.secret.encode())
    token = b".".join([*parts, base64.urlsafe_b64encode(signature).rstrip(b"=")]).decode()
    assert status(ring, token) == 403


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_403(ring, algorithm):
    assert status(ring, ring.rest.token(algorithm=algorithm)) == 403


def test_no_algorithm_is_403(ring):
    assert status(ring, ring.rest.token(secret="", algorithm="none")) == 403


def test_a_wrong_secret_is_403(ring):
    assert status(ring, ring.rest.token(secret="another secret")) == 403


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c", "." * 100, "é", pytest.param("A" * 100000, id="long")])
def test_what_is_no_token_is_403(ring, token):
    if token == "é":
        token = token.encode().decode("latin-1")
    assert ring.rest.events(PUBLISH, token=token).status in ((403,) if token is None or len(token) < 1000
                                                             else (403, 431))


def test_a_changed_payload_is_403(ring):
    head, payload, signature = ring.rest.token().split(".")
    other = ring.rest.token(exp=int(time.time()) + 9999).split(".")[1]
    assert payload != other and status(ring, f"{head}.{other}.{signature}") == 403


def test_basic_authorization_is_403(ring):
    answer = ring.rest.request("POST", "/", {"events": []}, token=None, headers={"Authorization": "Basic YTpi"})
    assert answer.status == 403


def test_a_little_leeway_for_other_clocks(ring):
    now = int(time.time())
    assert status(ring, ring.rest.token(exp=now - 2)) == 200
    assert status(ring, ring.rest.token(nbf=now + 2)) == 200


def test_webhook_tokens_live_a_minute(ring):
    ring.connect()
    ring.backend.wait_for("OPEN")
    claims = ring.backend.requests[0].claims
    assert claims["iss"] == "slip-sockets" and claims["aud"] == "WebSocketEvent"
    assert claims["exp"] - claims["iat"] == 60


def test_several_secrets_for_rotation_and_secrets_from_files(stacks, tmp_path):
    """The first signs, all verify; the file's last newline is no part of the secret."""
    file = tmp_path / "secret"
    file.write_text("the new one,the old one\n")
    stack = stacks(JWT_SECRET="", JWT_SECRET_FILE=str(file))
    stack.backend.secret = "the new one"
    stack.connect()
    stack.backend.wait_for("OPEN")
    for secret, expected in (("the new one", 200), ("the old one", 200), ("a third one", 403)):
        assert status(stack, stack.rest.token(secret=secret)) == expected


def resident_bytes(process):
    with open(f"/proc/{process.process.pid}/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_nothing_is_kept_of_the_bodies_of_strangers(stacks):
    stack = stacks()
    host, port = stack.rest.host.split(":")
    before = resident_bytes(stack.control)
    body = b"a" * (4 << 20)
    head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    strangers = [socket.create_connection((host, int(port))) for _ in range(40)]
    for stranger in strangers:
        stranger.settimeout(30)
        stranger.sendall(head + body[:-1])
    assert stack.control.metric("slip_rest_in_flight_bytes") == 0
    grown = resident_bytes(stack.control) - before
    assert grown < 40 << 20, f"control has grown by {grown >> 20} MB"
    for stranger in strangers:
        stranger.sendall(body[-1:])
        assert stranger.recv(1000).startswith(b"HTTP/1.1 403 ")
        stranger.close()


def test_bodies_on_their_way_count(stacks):
    stack = stacks(CONTROL_INFLIGHT_LIMIT="1M", CONTROL_BODY_LIMIT="1M", PUBLISH_LIMIT="512k")
    host, port = stack.rest.host.split(":")
    head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {stack.rest.token()}\r\nContent-Length: 1000000\r\n\r\n"
    with socket.create_connection((host, int(port))) as slow:
        slow.sendall(head.encode())
        until(lambda: stack.control.metric("slip_rest_in_flight_bytes") == 1000000, "the body to be counted")
        answer = stack.rest.events({**PUBLISH, "data": "x" * 100000})
        assert answer.status == 503 and answer.headers["Retry-After"] == "1", answer
        assert stack.rest.events(PUBLISH).status == 200
    until(lambda: stack.rest.events({**PUBLISH, "data": "x" * 100000}).status == 200, "room again")


def test_who_is_refused_is_told_why(ring):
    answer = ring.rest.events(PUBLISH, token=ring.rest.token(exp=int(time.time()) - 3600))
    assert (answer.status, answer.text) == (403, "Invalid token")
    assert 'error_description="the token has expired' in answer.headers["WWW-Authenticate"]
    answer = ring.rest.request("GET", "/v1/status", token=ring.rest.token(aud="WebSocketEvent"))
    assert answer.status == 403 and answer.json["detail"] == "the token is for another audience"
    assert answer.headers["WWW-Authenticate"].endswith('error_description="the token is for another audience"')

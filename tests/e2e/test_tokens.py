"""Who may command: tokens for control, and those that the broker sends."""

import base64
import json
import time

import jwt
import pytest

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

"""Tokens, against an independent JWT library."""

import base64
import hashlib
import hmac
import itertools
import json
import time

import jwt
import pytest
from slip_sockets import InvalidToken, tokens

SECRET = "a secret of the tests that is long enough to sign with"
NOW = time.time()


def bearer(*, secret=SECRET, algorithm="HS256", **claims):
    good = {"iss": "slip-sockets", "aud": "WebSocketEvent", "iat": int(NOW), "exp": int(NOW) + 60}
    claims = {name: value for name, value in {**good, **claims}.items() if value is not None}
    return "Bearer " + jwt.encode(claims, secret, algorithm)


def test_ours_are_good_for_others():
    token = tokens.sign(SECRET, tokens.CONTROL, 60)
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], audience="ControlEvent", issuer="slip-sockets",
                        options={"require": ["exp", "iat", "iss", "aud"]})
    assert 0 < claims["exp"] - time.time() <= 61
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}


@pytest.mark.parametrize("authorization, secrets", [
    (bearer(), SECRET),
    (bearer().replace("Bearer", "bearer"), SECRET),
    (bearer(aud=["other", "WebSocketEvent"]), SECRET),
    (bearer(secret="older"), "newer, older"),
    (bearer(exp=int(NOW) - 2), [SECRET]),
    (bearer(nbf=int(NOW) + 2), [SECRET]),
], ids=range(6))
def test_the_broker_is_known(authorization, secrets):
    assert tokens.verify(authorization, secrets, now=NOW)["iss"] == "slip-sockets"


@pytest.mark.parametrize("authorization", [
    None, "", "Bearer", "Bearer ", "Bearer a.b", "Bearer a.b.c", "Bearer a.b.c.d", "Bearer é.é.é",
    "Bearer YQ.YQ.YQ", "Bearer W10.W10.YQ", bearer().replace("Bearer", "Basic"),
    bearer(secret="another"), bearer(algorithm="HS512"), bearer(secret=None, algorithm="none"),
    bearer()[:-4], bearer() + "A", bearer().rpartition(".")[0] + ".",
    bearer(iss="me"), bearer(iss=None), bearer(aud="ControlEvent"), bearer(aud=None), bearer(aud=[]),
    bearer(exp=int(NOW) - 60), bearer(exp=None), bearer(nbf=int(NOW) + 60),
], ids=itertools.count())
def test_and_nobody_else(authorization):
    with pytest.raises(InvalidToken) as raised:
        tokens.verify(authorization, SECRET, now=NOW)
    assert raised.value.status == 403 and SECRET not in str(raised.value)


def signed(header, claims):
    """Signed by HS256, whatever the header says: no library would write these."""
    text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
                    for part in (header, claims))
    signature = hmac.new(SECRET.encode(), text.encode(), hashlib.sha256).digest()
    return f"Bearer {text}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


CLAIMS = {"iss": "slip-sockets", "aud": "WebSocketEvent", "exp": int(NOW) + 60}


def test_a_token_does_not_choose_how_it_is_checked():
    assert tokens.verify(signed({"alg": "HS256"}, CLAIMS), SECRET, now=NOW) == CLAIMS
    for header in ({"alg": "none"}, {"alg": "HS512"}, {"alg": "hs256"}, {}, []):
        with pytest.raises(InvalidToken):
            tokens.verify(signed(header, CLAIMS), SECRET, now=NOW)


@pytest.mark.parametrize("claim", ["exp", "nbf"])
@pytest.mark.parametrize("value", ["soon", True, None, [], float("nan"), float("inf")])
def test_times_are_numbers(claim, value):
    with pytest.raises(InvalidToken):
        tokens.verify(signed({"alg": "HS256"}, {**CLAIMS, claim: value}), SECRET, now=NOW)


@pytest.mark.parametrize("secret", ["", " ", "a,", ",a", [], ["a", ""]])
def test_empty_secrets_are_none(secret):
    with pytest.raises(ValueError):
        tokens.secrets_of(secret)


def test_a_token_needs_a_secret_and_a_lifetime():
    for secret, lifetime in (("", 60), (SECRET, 0), (SECRET, -1), (SECRET, float("nan"))):
        with pytest.raises(ValueError):
            tokens.sign(secret, tokens.CONTROL, lifetime)

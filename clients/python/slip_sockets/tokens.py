"""Tokens: JWT (RFC 7519) signed by HMAC with SHA-256 (HS256), and nothing else."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import math
import time
from typing import Any, Optional, Sequence, Union

from .errors import InvalidToken

ISSUER = "slip-sockets"
CONTROL = "ControlEvent"  # audience of what a publisher shows the broker
EVENT = "WebSocketEvent"  # audience of what the broker shows a backend
LEEWAY_S = 5

Secrets = Union[str, Sequence[str]]


def secrets_of(text: Secrets) -> list[str]:
    """The first signs, all verify. A text is read as the broker reads JWT_SECRET: while a secret is
    being replaced there are two, separated by a comma."""
    parts = [part.strip() for part in text.split(",")] if isinstance(text, str) else list(text)
    if not parts or not all(parts):
        raise ValueError("a secret is empty")
    return parts


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)


def _object(text: str) -> dict[str, Any]:
    value = json.loads(_decode(text).decode())
    if not isinstance(value, dict):
        raise ValueError("no object")
    return value


def _signature(text: str, secret: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()


def sign(secret: str, audience: str, lifetime_s: float = 60, now: Optional[float] = None) -> str:
    """A token for an audience, good from now on for a while."""
    if not secret or not lifetime_s > 0:
        raise ValueError("a token needs a secret and a lifetime")
    now = time.time() if now is None else now
    claims = {"iss": ISSUER, "aud": audience, "iat": int(now), "exp": math.ceil(now + lifetime_s)}
    parts = [_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, claims)]
    text = ".".join(parts)
    return f"{text}.{_encode(_signature(text, secret))}"


def verify(authorization: Optional[str], secrets: Secrets, audience: str = EVENT,
           now: Optional[float] = None) -> dict[str, Any]:
    """The claims of the token in an Authorization header; raises InvalidToken."""
    scheme, _, token = (authorization or "").strip().partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) != 3:
        raise InvalidToken("there is no bearer token")
    try:
        # The algorithm first: a token must not choose how it is checked.
        if _object(parts[0]).get("alg") != "HS256":
            raise InvalidToken("the token is not signed by HS256")
        given, text = _decode(parts[2]), f"{parts[0]}.{parts[1]}"
        if not any(hmac.compare_digest(given, _signature(text, secret)) for secret in secrets_of(secrets)):
            raise InvalidToken("the token is not signed with our secret")
        claims = _object(parts[1])
    except (ValueError, RecursionError, binascii.Error):
        raise InvalidToken("the token is malformed") from None
    _check(claims, audience, time.time() if now is None else now)
    return claims


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def _check(claims: dict[str, Any], audience: str, now: float) -> None:
    audiences = claims.get("aud")
    if claims.get("iss") != ISSUER:
        raise InvalidToken("the token has another issuer")
    if audience not in (audiences if isinstance(audiences, list) else [audiences]):
        raise InvalidToken("the token is for another audience")
    if not _is_number(claims.get("exp")) or claims["exp"] <= now - LEEWAY_S:
        raise InvalidToken("the token has expired")
    if "nbf" in claims and (not _is_number(claims["nbf"]) or claims["nbf"] > now + LEEWAY_S):
        raise InvalidToken("the token is not good yet")

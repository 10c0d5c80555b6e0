"""What can go wrong, each with a type of its own.

    SlipError
    ├─ InvalidCommand          an argument can be no part of a command; nothing was sent
    ├─ RequestRefused          a request to the backend that is to be answered with its `status`
    │  ├─ InvalidToken         403
    │  └─ InvalidRequest       400
    └─ BrokerError             the broker did not do what a publisher asked for
       ├─ BadRequest           it is not what it should be; nothing was carried out
       ├─ Denied               the token is missing or not good
       ├─ NotFound             no such resource
       │  └─ NoSuchConnection  there certainly is none
       ├─ Conflict             its state does not allow it
       ├─ NotApplied           not by every edge in time: it may have been, in part or whole
       ├─ Overloaded           not carried out; later it will be
       ├─ Unavailable          the broker, or what it needs, is away
       ├─ Unreachable          no HTTP answer: no name, no connection, or it broke
       ├─ TimedOut             no HTTP answer in time
       └─ UnexpectedAnswer     an answer that is none of the contract's
"""

from __future__ import annotations

import json
from typing import Any, Optional


class SlipError(Exception):
    """Whatever this library raises on purpose."""


class InvalidCommand(SlipError, ValueError):
    """An argument can be no part of a command."""


class RequestRefused(SlipError):
    """A request that is not the broker's, or not what it should be."""

    status = 400


class InvalidToken(RequestRefused):
    """The token of a request is missing or not good."""

    status = 403


class InvalidRequest(RequestRefused):
    """The body of a request holds no events."""


class BrokerError(SlipError):
    """The broker did not do what a publisher asked for. `str()` is one sentence for people."""

    def __init__(self, message: str, *, status: Optional[int] = None, type: str = "",
                 retry_after: Optional[float] = None) -> None:
        super().__init__(message)
        self.status = status  # HTTP's; None when there was no answer
        self.type = type  # of the problem (RFC 9457): "/problems/not-ready"; or empty
        self.retry_after = retry_after  # seconds that the broker asked for
        self.attempts = 1  # requests made

    @property
    def may_pass(self) -> bool:
        """Whether the same request may succeed later."""
        return self.status in (429, 502, 503, 504)


class BadRequest(BrokerError):
    """What was sent is not what it should be. Nothing was carried out."""


class Denied(BrokerError):
    """The token is missing or not good."""


class NotFound(BrokerError):
    """There is no such resource."""


class NoSuchConnection(NotFound):
    """There certainly is no such connection."""


class Conflict(BrokerError):
    """The resource is in a state that does not allow it."""


class NotApplied(BrokerError):
    """Not every edge has said in time that it has applied it: it may have been, in part or whole.
    Repeat it with the same idempotency key, and nothing happens twice."""


class Overloaded(BrokerError):
    """Nothing was carried out; later it will be."""


class Unavailable(BrokerError):
    """The broker, or what it needs, is away."""


class Unreachable(BrokerError):
    """There was no HTTP answer: no name, no connection, or it broke."""

    may_pass = True


class TimedOut(BrokerError, TimeoutError):
    """There was no HTTP answer in time."""

    may_pass = True


class UnexpectedAnswer(BrokerError):
    """An answer that is none of the contract's."""


_BY_TYPE = {
    "/problems/no-such-connection": NoSuchConnection,
    "/problems/not-applied-in-time": NotApplied,
    "/problems/overloaded": Overloaded,
}
_BY_STATUS = {401: Denied, 403: Denied, 404: NotFound, 409: Conflict, 429: Overloaded}


def _kind(status: int, problem: str) -> type[BrokerError]:
    if problem in _BY_TYPE:
        return _BY_TYPE[problem]
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if 400 <= status < 500:
        return BadRequest
    return Unavailable if status >= 500 else UnexpectedAnswer


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def error_of(status: int, body: bytes, retry_after: Optional[float] = None, detail: str = "") -> BrokerError:
    """The error that an answer without success says: a problem (RFC 9457), the contract's own
    refusal ({"message": …}, to which a header says the `detail`), or plain text."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        document = {}
    title, detail = _text(document, "title") or _text(document, "message"), _text(document, "detail") or detail
    message = f"{title}: {detail}" if title and detail else title or f"the broker answered {status}"
    problem = _text(document, "type")
    return _kind(status, problem)(message, status=status, type=problem, retry_after=retry_after)

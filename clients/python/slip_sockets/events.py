"""Events: what has happened to a connection, as the broker's requests say it."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from typing import Any, Callable, Mapping, Tuple, Union

from .errors import InvalidRequest

NO_CODE = 1005  # the client gave none


@dataclass(frozen=True)
class Open:
    """A client wants in: accept it, or refuse it."""

    connection_id: str
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    ip: str = ""
    path: str = ""  # without the query
    query: str = ""  # without the "?"
    subprotocols: Tuple[str, ...] = ()  # what the client offers, in its order
    type = "OPEN"


@dataclass(frozen=True)
class Text:
    connection_id: str
    data: str
    type = "TEXT"


@dataclass(frozen=True)
class Binary:
    connection_id: str
    data: bytes
    type = "BINARY"


@dataclass(frozen=True)
class Close:
    """It has ended, however that happened; nothing comes after it."""

    connection_id: str
    code: int = NO_CODE  # 1005: the client gave none; 1006: it vanished
    reason: str = ""
    type = "CLOSE"


Event = Union[Open, Text, Binary, Close]


@dataclass(frozen=True)
class Item:
    """One connection in a request."""

    connection_id: str
    metadata: Any
    events: Tuple[Event, ...]
    idempotency_key: str


def _member(document: Mapping[str, Any], name: str, kind: type, *default: Any) -> Any:
    value = document.get(name, *default)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise InvalidRequest(f"{name} is missing, or not what it should be")
    return value


def _texts(values: Any, name: str) -> Any:
    if not all(isinstance(value, str) for value in values):
        raise InvalidRequest(f"{name} holds what is no text")
    return values


def _open(document: Mapping[str, Any], connection: str, metadata: Any) -> Event:
    # The original contract has these two in the metadata only.
    first = metadata if isinstance(metadata, dict) else {}
    headers = _member(document, "headers", dict, first.get("headers", {}))
    _texts(headers.values(), "headers")
    return Open(connection, headers, _member(document, "ip", str, first.get("ip", "")),
                _member(document, "path", str, ""), _member(document, "query", str, ""),
                tuple(_texts(_member(document, "subprotocols", list, []), "subprotocols")))


def _text(document: Mapping[str, Any], connection: str, _: Any) -> Event:
    return Text(connection, _member(document, "data", str))


def _binary(document: Mapping[str, Any], connection: str, _: Any) -> Event:
    try:
        return Binary(connection, base64.b64decode(_member(document, "data", str), validate=True))
    except ValueError:
        raise InvalidRequest("data is not base64") from None


def _close(document: Mapping[str, Any], connection: str, _: Any) -> Event:
    return Close(connection, _member(document, "code", int, NO_CODE), _member(document, "reason", str, ""))


_READERS: Mapping[str, Callable[[Mapping[str, Any], str, Any], Event]] = {
    "OPEN": _open, "TEXT": _text, "BINARY": _binary, "CLOSE": _close}


def _event(document: Any, connection: str, metadata: Any) -> Event:
    if not isinstance(document, dict):
        raise InvalidRequest("an event is no object")
    if _member(document, "connectionId", str) != connection:
        raise InvalidRequest("an event is of another connection")
    reader = _READERS.get(_member(document, "type", str))
    if reader is None:
        raise InvalidRequest(f"there is no event {document['type']}")
    return reader(document, connection, metadata)


def _item(document: Any, key: str) -> Item:
    if not isinstance(document, dict):
        raise InvalidRequest("a connection is no object")
    connection, metadata = _member(document, "connectionId", str), document.get("metadata")
    if not connection:
        raise InvalidRequest("connectionId is empty")
    events = tuple(_event(event, connection, metadata) for event in _member(document, "events", list))
    return Item(connection, metadata, events, _member(document, "idempotencyKey", str, key))


def parse(body: bytes, idempotency_key: str = "") -> list[Item]:
    """The connections that a request's body is about, at least one; raises InvalidRequest. The key
    is the request's header: that of its only connection."""
    try:
        document = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise InvalidRequest("the body is not JSON") from None
    if not isinstance(document, dict):
        raise InvalidRequest("the body is no object")
    if "batch" not in document:
        return [_item(document, idempotency_key)]
    items = [_item(item, "") for item in _member(document, "batch", list)]
    if not items:
        raise InvalidRequest("batch is empty")
    return items

"""Commands: what the broker is to do, in the order to be carried out.

Each method of Commands appends one, or raises InvalidCommand and appends nothing. What is fixed by
the contract is checked here; bounds that operators choose are checked by the broker.
"""

from __future__ import annotations

import base64
import json
import re
from typing import Any, Iterable, Mapping, Optional, Sequence, Union

from .errors import InvalidCommand

CONNECTION_ID_BYTES_MAX = 128
CHANNEL_BYTES_MAX = 4096
REASON_BYTES_MAX = 123
SUBPROTOCOL_BYTES_MAX = 256
REFUSAL_BODY_BYTES_MAX = 65536
HEADERS_MAX = 64
HEADERS_BYTES_MAX = 4096
POLL_S_MAX = 86400
METADATA_LEVELS_MAX = 61  # the broker reads 64 levels; a command stands in three of them

Bytes = Union[bytes, bytearray, memoryview]
Headers = Mapping[str, Union[str, Sequence[str]]]  # a list: the field comes several times

_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_NO_HEADER_CHARACTER = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_RESERVED_HEADER = re.compile(
    r"connection|upgrade|content-length|transfer-encoding|keep-alive|proxy-authenticate|te|trailer|"
    r"proxy-connection|date|proxy-authorization|host|sec-websocket-.*", re.IGNORECASE)


def to_json(value: object) -> str:
    """The JSON that the broker reads: UTF-8, and no NaN."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text.encode()
    return text


def _text(name: str, value: str, most: Optional[int] = None) -> str:
    if not isinstance(value, str):
        raise InvalidCommand(f"{name} is no text")
    try:
        length = len(value.encode())
    except UnicodeEncodeError:
        raise InvalidCommand(f"{name} holds half a character") from None
    if most is not None and length > most:
        raise InvalidCommand(f"{name} is longer than {most} bytes")
    return value


def _connection(value: str) -> str:
    if not value:
        raise InvalidCommand("connectionId is empty")
    return _text("connectionId", value, CONNECTION_ID_BYTES_MAX)


def _channel(value: str) -> str:
    if not value:
        raise InvalidCommand("channel is empty")
    if _CONTROL_CHARACTER.search(_text("channel", value, CHANNEL_BYTES_MAX)):
        raise InvalidCommand("channel holds a control character")
    return value


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def close_fields(code: Optional[int], reason: str) -> dict[str, Any]:
    """RFC 6455 §7.4: codes that may be sent."""
    fields: dict[str, Any] = {}
    if code is not None:
        is_good = _is_int(code) and (1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999)
        if not is_good:
            raise InvalidCommand(f"{code} is no close code that may be sent")
        fields["code"] = code
    if reason:
        fields["reason"] = _text("reason", reason, REASON_BYTES_MAX)
    return fields


def _header_value(name: str, value: Any) -> str:
    trimmed = _text("header value", value).strip(" \t")
    if _NO_HEADER_CHARACTER.search(trimmed):
        raise InvalidCommand(f"the value of {name} holds a control character")
    return trimmed


def _headers(headers: Optional[Headers]) -> dict[str, Any]:
    trimmed: dict[str, Union[str, list[str]]] = {}
    lines: list[str] = []
    for name, given in (headers or {}).items():
        if not _TOKEN.fullmatch(_text("header name", name)) or _RESERVED_HEADER.fullmatch(name):
            raise InvalidCommand(f"{name!r} is no header that a backend may set")
        several = isinstance(given, (list, tuple))
        values = [_header_value(name, value) for value in (given if several else (given,))]
        trimmed[name] = values if several else values[0]
        lines += [f"{name}: {value}\r\n" for value in values]
    if len(lines) > HEADERS_MAX or sum(len(line.encode()) for line in lines) > HEADERS_BYTES_MAX:
        raise InvalidCommand("headers are too many or too long")
    return {"headers": trimmed} if trimmed else {}


def _levels(text: str) -> int:
    """Of arrays and objects in a JSON text."""
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.findall(text):
        if token in ("[", "{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token in ("]", "}"):
            depth -= 1
    return deepest


def text_data(data: str) -> str:
    return _text("data", data)


def binary_data(data: Bytes) -> str:
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise InvalidCommand("data is not bytes")
    return base64.b64encode(data).decode()


class Commands:
    """The answer to a request, or what a publisher sends."""

    def __init__(self) -> None:
        self._written: list[str] = []
        self.poll_s = 0.0  # longest time that the polls among them may take

    def __len__(self) -> int:
        return len(self._written)

    @property
    def events(self) -> list[dict[str, Any]]:
        """The commands as the contract writes them."""
        return [json.loads(text) for text in self._written]

    def body(self) -> bytes:
        return ('{"events":[' + ",".join(self._written) + "]}").encode()

    def append(self, command: Mapping[str, Any]) -> None:
        """A command as the contract writes it; the broker checks it."""
        try:
            self._written.append(to_json(dict(command)))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidCommand(f"the command is not JSON: {error}") from None
        if command.get("type") == "POLL_FOR_CONNECTION":
            timeout = command.get("timeout", POLL_S_MAX * 1000)
            self.poll_s += timeout / 1000 if _is_int(timeout) else 0

    def extend(self, commands: Iterable[Mapping[str, Any]]) -> None:
        for command in commands:
            self.append(command)

    def _add(self, type: str, **fields: Any) -> None:
        self.append({"type": type, **fields})

    def accept(self, connection: str, subprotocol: Optional[str] = None,
               headers: Optional[Headers] = None) -> None:
        """In the answer to OPEN: lets the client in, with one of the subprotocols that it offers and
        headers for the HTTP answer. Its other commands take effect on the open socket."""
        fields = _headers(headers)
        if subprotocol is not None:
            if not _TOKEN.fullmatch(_text("subprotocol", subprotocol, SUBPROTOCOL_BYTES_MAX)):
                raise InvalidCommand("subprotocol is not a token")
            fields["subprotocol"] = subprotocol
        self._add("ACCEPT", connectionId=_connection(connection), **fields)

    def refuse(self, connection: str, status: int = 403, body: str = "",
               headers: Optional[Headers] = None) -> None:
        """In the answer to OPEN: turns the client away with an HTTP status."""
        fields = _headers(headers)
        if not _is_int(status) or not 300 <= status <= 599:
            raise InvalidCommand(f"{status} is no status that refuses")
        if body:
            fields["body"] = _text("body", body, REFUSAL_BODY_BYTES_MAX)
        self._add("CLOSE", connectionId=_connection(connection), status=status, **fields)

    def close(self, connection: str, code: Optional[int] = None, reason: str = "") -> None:
        """Closes an open connection; the code is 1000 when none is given."""
        self._add("CLOSE", connectionId=_connection(connection), **close_fields(code, reason))

    def send_text(self, connection: str, data: str) -> None:
        self._add("TEXT", connectionId=_connection(connection), data=text_data(data))

    def send_binary(self, connection: str, data: Bytes) -> None:
        self._add("BINARY", connectionId=_connection(connection), data=binary_data(data))

    def subscribe(self, connection: str, channel: str) -> None:
        """Makes it a member; a member stays one."""
        self._add("SUBSCRIBE", connectionId=_connection(connection), channel=_channel(channel))

    def unsubscribe(self, connection: str, channel: str) -> None:
        self._add("UNSUBSCRIBE", connectionId=_connection(connection), channel=_channel(channel))

    def set_metadata(self, connection: str, metadata: Any) -> None:
        """Replaces the metadata that comes with every event: anything that is JSON."""
        self._add("SET_METADATA", connectionId=_connection(connection), metadata=metadata)
        if _levels(self._written[-1]) - 1 > METADATA_LEVELS_MAX:
            self._written.pop()
            raise InvalidCommand(f"the metadata is nested more than {METADATA_LEVELS_MAX} levels deep")

    def publish_text(self, channel: str, data: str) -> None:
        """To every member of the channel."""
        self._add("PUBLISH_TEXT", channelId=_channel(channel), data=text_data(data))

    def publish_binary(self, channel: str, data: Bytes) -> None:
        self._add("PUBLISH_BINARY", channelId=_channel(channel), data=binary_data(data))

    def close_channel(self, channel: str, code: Optional[int] = None, reason: str = "") -> None:
        """Closes every member of the channel."""
        self._add("CLOSE_CHANNEL", channelId=_channel(channel), **close_fields(code, reason))

    def poll_for_connection(self, connection: str, timeout: float) -> None:
        """For a publisher: holds the commands behind it back until that connection is open, for so
        many seconds at most."""
        if not 0 <= timeout <= POLL_S_MAX:
            raise InvalidCommand(f"timeout is not 0 … {POLL_S_MAX} seconds")
        self._add("POLL_FOR_CONNECTION", connectionId=_connection(connection), timeout=round(timeout * 1000))

"""What control's REST API tells (docs/rest.md), as data classes. Members that are unknown here are
ignored."""

from __future__ import annotations

import base64
import dataclasses
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Callable, Generic, Iterator, Mapping, Optional, Tuple, Type, TypeVar, Union

from .errors import UnexpectedAnswer

T = TypeVar("T")


@dataclass(frozen=True)
class ConnectionInfo:
    connection_id: str
    state: str  # "opening" until the backend accepts, "open", "closing" until it has taken CLOSE
    edge: str
    ip: Optional[str]
    path: Optional[str]
    created_at: datetime
    opened_at: Optional[datetime]
    metadata: Any
    channels: Tuple[str, ...]


@dataclass(frozen=True)
class ChannelInfo:
    channel: str
    members: int


@dataclass(frozen=True)
class Member:
    connection_id: str
    since: datetime


@dataclass(frozen=True)
class DeadLetter:
    """A batch of events that the backend refused, or did not take."""

    id: int
    state: str  # "waiting", "replayed"
    idempotency_key: str
    connection_id: str
    kind: str  # "events", "close"
    event_count: int
    attempts: int
    last_status: Optional[int]
    last_error: str
    created_at: datetime
    replay_requested_at: Optional[datetime]
    replay_failed_at: Optional[datetime]
    replayed_at: Optional[datetime]


@dataclass(frozen=True)
class WholeDeadLetter(DeadLetter):
    first_sequence: int
    last_sequence: int
    metadata: Any
    events: Tuple[Mapping[str, Any], ...]  # as they stand in the request to the backend


@dataclass(frozen=True)
class Edge:
    edge: str
    state: str  # "live", "leaving", "expired", "left"
    address: str
    home_router: str
    started_at: datetime
    ended_at: Optional[datetime]
    connections: int


@dataclass(frozen=True)
class Link:
    """Of a process to another."""

    role: str  # "control", "router"
    name: str
    silent_ms: int
    buffered_bytes: int


@dataclass(frozen=True)
class Process:
    """A process of the broker; what it did not say in time is None."""

    role: str  # "control", "edge", "router", "webhook-worker"
    name: str
    version: Optional[str]
    clock: Optional[float]  # seconds of its own clock, for rates
    metrics: Optional[Mapping[str, float]]
    links: Tuple[Link, ...]


@dataclass(frozen=True)
class Published:
    """A message to a channel, as who follows it is told."""

    channel: str
    published_at: datetime
    data: Union[str, bytes]


@dataclass(frozen=True)
class Missed:
    """Messages may be missing here."""


@dataclass(frozen=True)
class ConnectionCounts:
    opening: int
    open: int
    closing: int


@dataclass(frozen=True)
class Status:
    edges: int
    connections: ConnectionCounts
    subscriptions: int
    channels: int
    dead_letters: int


@dataclass(frozen=True)
class Page(Generic[T]):
    items: Tuple[T, ...]
    next: Optional[str]  # cursor of the following page; None on the last


class Listing(Generic[T]):
    """Iterating gives every entry, and fetches a page when it is needed; pages() gives the pages,
    from a cursor on."""

    def __init__(self, fetch: Callable[[Optional[str]], Page[T]]) -> None:
        self._fetch = fetch

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self, cursor: Optional[str] = None) -> Iterator[Page[T]]:
        while True:
            page = self._fetch(cursor)
            yield page
            if page.next is None:
                return
            cursor = page.next


def _time(text: str) -> datetime:
    form = "%Y-%m-%dT%H:%M:%S.%f%z" if "." in text else "%Y-%m-%dT%H:%M:%S%z"
    return datetime.strptime(text, form)


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _value(name: str, value: Any) -> Any:
    if value is not None and (name == "since" or name.endswith("_at")):
        return _time(value)
    if name in ("channels", "events") and isinstance(value, list):
        return tuple(value)
    if name == "links":
        return tuple(build(Link, link) for link in value)
    return value


def build(kind: Type[T], document: Any) -> T:
    """An object from its JSON; raises UnexpectedAnswer."""
    try:
        fields = {field.name: _value(field.name, document[_camel(field.name)])
                  for field in dataclasses.fields(kind)}
    except (KeyError, TypeError, ValueError) as error:
        raise UnexpectedAnswer(f"the answer is no {kind.__name__}: {error!r}") from None
    return kind(**fields)


def build_status(document: Any) -> Status:
    status = build(Status, document)
    return dataclasses.replace(status, connections=build(ConnectionCounts, status.connections))


def build_page(kind: Type[T], document: Any) -> Page[T]:
    if not isinstance(document, dict) or not isinstance(document.get("items"), list):
        raise UnexpectedAnswer("the answer is no page")
    return Page(tuple(build(kind, item) for item in document["items"]), document.get("next"))


def build_followed(kind: str, data: str) -> Union[Published, Missed]:
    """What an event of a followed channel says."""
    if kind == "missed":
        return Missed()
    try:
        document = json.loads(data)
        message = build(Published, document)
        if document.get("binary"):
            return dataclasses.replace(message, data=base64.b64decode(document["data"], validate=True))
        return message
    except (TypeError, ValueError) as error:
        raise UnexpectedAnswer(f"the event is no message: {error}") from None

"""The publisher: a backend's, or anybody's, way to the broker at any time."""

from __future__ import annotations

import contextlib
import email.utils
import json
import random
import secrets
import ssl
import time
import urllib.parse
from typing import Any, Iterable, Iterator, Mapping, Optional, Tuple, Type, TypeVar, Union

from . import tokens
from .commands import Bytes, Commands, binary_data, close_fields, text_data, to_json
from .errors import BrokerError, InvalidCommand, NotFound, UnexpectedAnswer, error_of
from .resources import (ChannelInfo, ConnectionInfo, DeadLetter, Edge, Listing, Member, Missed, Page,
                        Process, Published, Status, WholeDeadLetter, build, build_followed,
                        build_page, build_status)
from .transport import Answer, Transport
from .webhook import MEDIA_TYPE, Request, parse_request

VERSION = "0.1.0"
TOKEN_LIFETIME_S = 60
RETRY_FIRST_S, RETRY_LAST_S = 0.1, 5.0
KEY_BYTES_MAX = 255
SILENCE_S = 45.0  # the broker says something every 15 s

T = TypeVar("T")


def _path(*parts: str) -> str:
    """/v1/…, each part percent-encoded (RFC 3986 §2.1): a slash too."""
    if "" in parts:
        raise InvalidCommand("a name in the path is empty")
    try:
        return "/v1/" + "/".join(urllib.parse.quote(part, safe="") for part in parts)
    except (UnicodeEncodeError, TypeError):
        raise InvalidCommand("a name in the path is no text") from None


def _retry_after(text: Optional[str]) -> Optional[float]:
    """RFC 9110 §10.2.3: seconds, or a date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _refusal(answer: Answer) -> BrokerError:
    return error_of(answer.status, answer.body, _retry_after(answer.retry_after), answer.problem_detail or "")


class Publisher:
    """Speaks to control, the broker's REST API. May be used by several threads.

    A request that failed in a way that may pass (no connection, no answer in time, 429, 502, 503,
    504) is made again after a pause that doubles and jitters, or after what Retry-After asks for
    when that is longer. Each request with commands carries an Idempotency-Key, the same in every
    attempt, so that nothing happens twice. What returns was applied by every edge concerned; all
    else raises a BrokerError, or InvalidCommand.

    control_api   "http://127.0.0.1:8081": the output slip-sockets.controlApi
    jwt_secret    tokens are made with it, and requests checked …
    token         … or this one is shown; exactly one of the two is given
    timeout       seconds for one attempt; a poll's time-out is added
    attempts      at most
    retry_limit   a longer Retry-After, in seconds, is not waited for
    tls           for https with certificates of your own
    """

    def __init__(self, control_api: str, jwt_secret: Optional[tokens.Secrets] = None, *,
                 token: Optional[str] = None, timeout: float = 10.0, attempts: int = 4,
                 retry_limit: float = 10.0, tls: Optional[ssl.SSLContext] = None) -> None:
        if (jwt_secret is None) == (token is None):
            raise ValueError("exactly one of jwt_secret and token is needed")
        if timeout <= 0 or attempts < 1 or retry_limit < 0:
            raise ValueError("timeout, attempts or retry_limit is out of range")
        self._secrets = None if jwt_secret is None else tokens.secrets_of(jwt_secret)
        self._token = token
        self.timeout, self.attempts, self.retry_limit = timeout, attempts, retry_limit
        self._transport = Transport(control_api, tls)
        self._sleep = time.sleep

    def __enter__(self) -> Publisher:
        return self

    def __exit__(self, *_: object) -> None:
        self.close_connections()

    def close_connections(self) -> None:
        """Ends the HTTP connections that are kept; the publisher may be used again."""
        self._transport.close()

    def parse_request(self, authorization: Optional[str], body: bytes,
                      idempotency_key: Optional[str] = None) -> Request:
        """Reads a request of the broker to this backend: see webhook.parse_request()."""
        if self._secrets is None:
            raise ValueError("requests are checked with jwt_secret, and there is none")
        return parse_request(self._secrets, authorization, body, idempotency_key)

    # ---- requests ----

    def _headers(self, content_type: Optional[str], key: Optional[str]) -> dict[str, str]:
        token = self._token
        if self._secrets:
            token = tokens.sign(self._secrets[0], tokens.CONTROL, TOKEN_LIFETIME_S)
        headers = {"Authorization": f"Bearer {token}", "User-Agent": f"slip-sockets-python/{VERSION}"}
        if content_type:
            headers["Content-Type"] = content_type
        if key:
            headers["Idempotency-Key"] = key
        return headers

    def _attempt(self, method: str, path: str, content_type: Optional[str], body: Optional[bytes],
                 key: Optional[str], timeout: float) -> Answer:
        answer = self._transport.exchange(method, path, self._headers(content_type, key), body, timeout)
        if 200 <= answer.status < 300:
            return answer
        raise _refusal(answer)

    def _perform(self, method: str, path: str, content_type: Optional[str] = None,
                 body: Optional[bytes] = None, key: Optional[str] = None,
                 timeout: Optional[float] = None) -> Answer:
        pause = RETRY_FIRST_S
        for attempt in range(1, self.attempts + 1):
            try:
                return self._attempt(method, path, content_type, body, key, timeout or self.timeout)
            except BrokerError as error:
                error.attempts = attempt
                asked = error.retry_after or 0.0
                if attempt == self.attempts or not error.may_pass or asked > self.retry_limit:
                    raise
            self._sleep(max(asked, pause * random.uniform(0.5, 1)))
            pause = min(2 * pause, RETRY_LAST_S)
        raise AssertionError("unreachable")

    def call(self, method: str, path: str, document: Any = None, *,
             idempotency_key: Optional[str] = None) -> Any:
        """Any request of the REST API: `path` begins with "/v1/" and is encoded; `document` is the
        body, None for none. The answer's JSON, None when there is no body."""
        body = None if document is None else to_json(document).encode()
        return self._call(method, path, body, idempotency_key)

    def _call(self, method: str, path: str, body: Optional[bytes], key: Optional[str]) -> Any:
        answer = self._perform(method, path, None if body is None else "application/json", body, _key(key))
        if not answer.body:
            return None
        try:
            return json.loads(answer.body)
        except ValueError:
            raise UnexpectedAnswer("the answer is not JSON", status=answer.status) from None

    # ---- commands ----

    def send(self, commands: Union[Commands, Iterable[Mapping[str, Any]]], *,
             idempotency_key: Optional[str] = None) -> None:
        """All of a list in one request, in this order. `idempotency_key` (1 to 255 printable ASCII
        characters) is yours when you may repeat the request later."""
        if not isinstance(commands, Commands):
            events, commands = commands, Commands()
            commands.extend(events)
        self._perform("POST", "/", MEDIA_TYPE, commands.body(), _key(idempotency_key),
                      self.timeout + commands.poll_s)

    # Single commands, by the resources under /v1: unlike the list these raise NoSuchConnection.

    def publish_text(self, channel: str, data: str, *, idempotency_key: Optional[str] = None) -> None:
        """To every member of the channel."""
        self.call("POST", _path("channels", channel, "messages"), {"data": text_data(data)},
                  idempotency_key=idempotency_key)

    def publish_binary(self, channel: str, data: Bytes, *, idempotency_key: Optional[str] = None) -> None:
        self.call("POST", _path("channels", channel, "messages"),
                  {"data": binary_data(data), "binary": True}, idempotency_key=idempotency_key)

    def send_text(self, connection: str, data: str, *, idempotency_key: Optional[str] = None) -> None:
        self.call("POST", _path("connections", connection, "messages"), {"data": text_data(data)},
                  idempotency_key=idempotency_key)

    def send_binary(self, connection: str, data: Bytes, *, idempotency_key: Optional[str] = None) -> None:
        self.call("POST", _path("connections", connection, "messages"),
                  {"data": binary_data(data), "binary": True}, idempotency_key=idempotency_key)

    def close(self, connection: str, code: Optional[int] = None, reason: str = "", *,
              idempotency_key: Optional[str] = None) -> None:
        self.call("POST", _path("connections", connection, "close"), close_fields(code, reason),
                  idempotency_key=idempotency_key)

    def close_channel(self, channel: str, code: Optional[int] = None, reason: str = "", *,
                      idempotency_key: Optional[str] = None) -> None:
        """Closes every member of the channel."""
        self.call("POST", _path("channels", channel, "close"), close_fields(code, reason),
                  idempotency_key=idempotency_key)

    def subscribe(self, connection: str, channel: str, *, idempotency_key: Optional[str] = None) -> None:
        self.call("PUT", _path("connections", connection, "subscriptions", channel),
                  idempotency_key=idempotency_key)

    def unsubscribe(self, connection: str, channel: str, *, idempotency_key: Optional[str] = None) -> None:
        self.call("DELETE", _path("connections", connection, "subscriptions", channel),
                  idempotency_key=idempotency_key)

    def set_metadata(self, connection: str, metadata: Any, *, idempotency_key: Optional[str] = None) -> None:
        """Replaces the metadata that comes with every event: anything that is JSON, None included."""
        try:
            body = to_json(metadata).encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidCommand(f"the metadata is not JSON: {error}") from None
        self._call("PUT", _path("connections", connection, "metadata"), body, idempotency_key)

    # ---- reading: from PostgreSQL, which follows within 100 ms at normal load ----

    def _listing(self, kind: Type[T], path: str, **filters: Union[None, str, int]) -> Listing[T]:
        def fetch(cursor: Optional[str]) -> Page[T]:
            query = [(name, value) for name, value in (*filters.items(), ("cursor", cursor)) if value is not None]
            return build_page(kind, self.call("GET", f"{path}?{urllib.parse.urlencode(query)}"))

        return Listing(fetch)

    def connections(self, *, channel: Optional[str] = None, edge: Optional[str] = None,
                    state: Optional[str] = None, limit: Optional[int] = None) -> Listing[ConnectionInfo]:
        """Connections with their metadata; `limit` is of one page."""
        return self._listing(ConnectionInfo, "/v1/connections", channel=channel, edge=edge, state=state,
                             limit=limit)

    def connection(self, connection: str) -> ConnectionInfo:
        return build(ConnectionInfo, self.call("GET", _path("connections", connection)))

    def channels(self, *, prefix: Optional[str] = None, limit: Optional[int] = None) -> Listing[ChannelInfo]:
        return self._listing(ChannelInfo, "/v1/channels", prefix=prefix, limit=limit)

    def channel(self, channel: str) -> ChannelInfo:
        """A channel without members has 0 of them; it is no error."""
        return build(ChannelInfo, self.call("GET", _path("channels", channel)))

    def members(self, channel: str, *, limit: Optional[int] = None) -> Listing[Member]:
        return self._listing(Member, _path("channels", channel, "members"), limit=limit)

    def edges(self, *, limit: Optional[int] = None) -> Listing[Edge]:
        return self._listing(Edge, "/v1/edges", limit=limit)

    def status(self) -> Status:
        return build_status(self.call("GET", "/v1/status"))

    def processes(self) -> Tuple[Process, ...]:
        """The broker's processes, their links and figures, at this moment."""
        return build_page(Process, self.call("GET", "/v1/processes")).items

    def follow(self, channel: str, *, silence: float = SILENCE_S) -> Iterator[Union[Published, Missed]]:
        """What is published from now on, for looking on: nothing is kept, and nobody waits for the
        reader. Raises Unreachable when the broker ends it, and TimedOut after `silence` seconds
        without a word. One attempt."""
        kind, data = "message", ""
        with contextlib.closing(self._transport.lines(
                _path("channels", channel, "messages"), self._headers(None, None), self.timeout,
                silence, _refusal)) as lines:
            for line in lines:
                if line.startswith("event: "):
                    kind = line[len("event: "):]
                elif line.startswith("data: "):
                    data += line[len("data: "):]
                elif not line and data:
                    yield build_followed(kind, data)
                    kind, data = "message", ""

    def dead_letters(self, *, connection: Optional[str] = None, state: Optional[str] = None,
                     limit: Optional[int] = None) -> Listing[DeadLetter]:
        """The newest first."""
        return self._listing(DeadLetter, "/v1/dead-letters", connection=connection, state=state, limit=limit)

    def dead_letter(self, number: int) -> WholeDeadLetter:
        return build(WholeDeadLetter, self.call("GET", _path("dead-letters", str(number))))

    def replay_dead_letter(self, number: int) -> DeadLetter:
        """Asks for it; the letter tells how it ended."""
        return build(DeadLetter, self.call("POST", _path("dead-letters", str(number), "replay")))

    def discard_dead_letter(self, number: int) -> None:
        """For good."""
        try:
            self.call("DELETE", _path("dead-letters", str(number)))
        except NotFound as error:
            if error.attempts == 1:  # else an attempt whose answer was lost has done it
                raise


def _key(key: Optional[str]) -> str:
    """A key that was given, checked; or a new one. Reads do not need it, and do not mind."""
    if key is None:
        return secrets.token_urlsafe(18)
    if not 1 <= len(key) <= KEY_BYTES_MAX or not all(" " <= character <= "~" for character in key):
        raise InvalidCommand("the idempotency key is not 1 to 255 printable ASCII characters")
    return key

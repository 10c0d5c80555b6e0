"""One HTTP exchange at a time on connections that are kept: http.client with a limit on the time
of the whole exchange, not of each of its reads. May be used by several threads, and after a fork."""

from __future__ import annotations

import http.client
import io
import os
import socket
import ssl
import threading
import time
import urllib.parse
from dataclasses import dataclass
from typing import Any, Callable, Generator, Mapping, Optional, cast

from .errors import TimedOut, UnexpectedAnswer, Unreachable

CONNECT_TIMEOUT_S = 5.0
ANSWER_BYTES_MAX = 256 << 20  # pages are about 4 MB
PART_BYTES = 1 << 16
IDLE_CONNECTIONS_MAX = 16


@dataclass(frozen=True)
class Answer:
    status: int
    retry_after: Optional[str]  # the header
    problem_detail: Optional[str]  # the header: why the contract's end point refused commands
    body: bytes


class _Deadline:
    def __init__(self) -> None:
        self.at = 0.0

    def left(self) -> float:
        left = self.at - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        return left


class _TimedReader(io.RawIOBase):
    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        super().__init__()
        self._socket, self._deadline = sock, deadline
        self._raw = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> Optional[int]:
        self._socket.settimeout(self._deadline.left())
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """What http.client.HTTPResponse wants of a socket."""

    def __init__(self, sock: socket.socket, deadline: _Deadline) -> None:
        self._socket, self._deadline = sock, deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_TimedReader(self._socket, self._deadline))


class _Line:
    """A connection to the broker."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection
        self.is_used = False
        deadline = self.deadline = _Deadline()

        class TimedResponse(http.client.HTTPResponse):
            def __init__(self, sock: socket.socket, *more: Any, **named: Any) -> None:
                super().__init__(cast(socket.socket, _TimedSocket(sock, deadline)), *more, **named)

        connection.response_class = TimedResponse

    def request(self, method: str, path: str, headers: Mapping[str, str],
                body: Optional[bytes]) -> http.client.HTTPResponse:
        connection = self.connection
        if connection.sock is None:
            connection.timeout = min(self.deadline.left(), CONNECT_TIMEOUT_S)
            connection.connect()
        if connection.sock:
            connection.sock.settimeout(self.deadline.left())
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        self.is_used = True
        return response

    def exchange(self, method: str, path: str, headers: Mapping[str, str], body: Optional[bytes]) -> Answer:
        return _answer_of(self.request(method, path, headers, body))


def _answer_of(response: http.client.HTTPResponse) -> Answer:
    headers = response.headers
    return Answer(response.status, headers.get("Retry-After"), headers.get("Problem-Detail"), _body_of(response))


def _body_of(response: http.client.HTTPResponse) -> bytes:
    """In parts: Python 3.9 makes room for all that is asked for."""
    data = bytearray()
    while True:
        part = response.read(PART_BYTES)
        if not part:
            break
        data += part
        if len(data) > ANSWER_BYTES_MAX:
            raise UnexpectedAnswer("the answer is too long", status=response.status)
    if response.length:  # bytes that were announced and have not come: read(n) does not say so
        raise http.client.IncompleteRead(b"", response.length)
    return bytes(data)


class Transport:
    def __init__(self, url: str, tls: Optional[ssl.SSLContext] = None) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http:// or https:// address")
        self._host, self._port = parts.hostname, parts.port
        self._prefix = parts.path.rstrip("/")
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._lock = threading.Lock()
        self._idle: list[_Line] = []
        self._process = os.getpid()

    def _new(self) -> _Line:
        if self._tls:
            return _Line(http.client.HTTPSConnection(self._host, self._port, context=self._tls))
        return _Line(http.client.HTTPConnection(self._host, self._port))

    def _take(self) -> _Line:
        with self._lock:
            if self._process != os.getpid():  # those are the parent's
                self._idle, self._process = [], os.getpid()
            return self._idle.pop() if self._idle else self._new()

    def _give_back(self, line: _Line) -> None:
        with self._lock:
            if line.connection.sock is not None and len(self._idle) < IDLE_CONNECTIONS_MAX:
                self._idle.append(line)
                return
        line.connection.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for line in idle:
            line.connection.close()

    def exchange(self, method: str, path: str, headers: Mapping[str, str], body: Optional[bytes],
                 timeout: float) -> Answer:
        """Raises Unreachable, TimedOut or UnexpectedAnswer. The other side may have closed a
        connection that was idle: then there is one more try, on another."""
        at = time.monotonic() + timeout
        while True:
            line = self._take()
            was_used, line.deadline.at = line.is_used, at
            try:
                answer = line.exchange(method, self._prefix + path, headers, body)
            except BaseException as error:
                line.connection.close()
                if isinstance(error, (ConnectionError, http.client.BadStatusLine)) and was_used:
                    continue
                _translate(error)
                raise
            self._give_back(line)
            return answer

    def lines(self, path: str, headers: Mapping[str, str], timeout: float, silence: float,
              refusal: Callable[[Answer], Exception]) -> Generator[str, None, None]:
        """The lines of an answer that does not end, on a connection of its own. Raises Unreachable
        when it ends after all, TimedOut when nothing is said for `silence` seconds, and what
        refusal() makes of another status than 200."""
        line = self._new()
        line.deadline.at = time.monotonic() + timeout
        response: Optional[http.client.HTTPResponse] = None
        try:
            response = line.request("GET", self._prefix + path, headers, None)
            if response.status != 200:
                raise refusal(_answer_of(response))
            rest = b""
            while True:
                line.deadline.at = time.monotonic() + silence
                part = response.read1(PART_BYTES)
                if not part:
                    raise Unreachable("the broker ended the answer")
                *whole, rest = (rest + part).split(b"\n")
                for each in whole:
                    yield each.decode("utf-8", "replace").rstrip("\r")
        except (OSError, http.client.HTTPException) as error:
            _translate(error)
            raise
        finally:
            if response:
                response.close()
            line.connection.close()


def _translate(error: BaseException) -> None:
    if isinstance(error, TimeoutError):  # socket.timeout is another type before Python 3.10
        raise TimedOut("no answer in time") from error
    if isinstance(error, socket.timeout):
        raise TimedOut("no answer in time") from error
    if isinstance(error, OSError):
        raise Unreachable(f"the broker cannot be reached: {error}") from error
    if isinstance(error, http.client.IncompleteRead):
        raise Unreachable("the answer broke off") from error
    if isinstance(error, http.client.HTTPException):
        raise UnexpectedAnswer(f"the answer is not HTTP: {error!r}") from error

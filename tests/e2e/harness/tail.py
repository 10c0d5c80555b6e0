"""A caller who follows a channel: GET /v1/channels/{channel}/messages."""

import http.client
import json
import socket
import threading
import urllib.parse

from .rest import Answer


class Tail:
    def __init__(self, rest, channel, *, timeout=30, token=True, version=11):
        self.reader = None
        self.path = f"/v1/channels/{urllib.parse.quote(channel, safe='')}/messages"
        self.connection = http.client.HTTPConnection(rest.host, timeout=timeout)
        self.connection._http_vsn = version  # pylint: disable=protected-access
        self.connection._http_vsn_str = f"HTTP/{version // 10}.{version % 10}"  # pylint: disable=protected-access
        headers = {"Authorization": f"Bearer {rest.token() if token is True else token}"} if token else {}
        self.connection.request("GET", self.path, headers=headers)
        self.socket = self.connection.sock
        self.response = self.connection.getresponse()
        self.status = self.response.status

    def answer(self):
        """The whole answer of one that has ended, or was none."""
        return Answer(self.response)

    def event(self):
        """The next event, as (type, document); comments are passed over. None at the end."""
        kind, data = None, None
        while True:
            line = self.response.readline().decode()
            if not line:
                return None
            if line == "\n" and kind:
                return kind, data
            if line.startswith("event: "):
                kind = line[7:-1]
            elif line.startswith("data: "):
                data = json.loads(line[6:])
            else:
                assert line[0] in ":\n", line

    def message(self):
        kind, document = self.event()
        assert kind == "message", (kind, document)
        return document["data"]

    def collect(self):
        """What is told from now on, and "missed", in a list that grows."""
        told = []

        def read():
            try:
                while event := self.event():
                    told.append(event[1].get("data", event[0]))
            except (OSError, AttributeError, http.client.HTTPException):
                pass  # closed while it read

        self.reader = threading.Thread(target=read)
        self.reader.start()
        return told

    def close(self):
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it has ended
        if self.reader:
            self.reader.join()
        self.response.close()
        self.connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

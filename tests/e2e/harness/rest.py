"""A backend's side of control: tokens by an independent JWT library, requests by the standard one."""

import contextlib
import http.client
import json
import time
import urllib.parse

import jwt


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:500]!r}>"


class Rest:
    def __init__(self, url, secret):
        self.url = url
        self.secret = secret
        self.host = urllib.parse.urlsplit(url).netloc

    def token(self, *, secret=None, algorithm="HS256", **claims):
        now = int(time.time())
        payload = {"iss": "slip-sockets", "aud": "ControlEvent", "iat": now, "exp": now + 60, **claims}
        payload = {key: value for key, value in payload.items() if value is not None}
        return jwt.encode(payload, secret if secret is not None else self.secret, algorithm)

    def request(self, method, path, body=None, *, headers=None, token=True, timeout=60):
        """`body`: bytes as they are, anything else as JSON. `token`: True for a good one, a string
        for that one, None for none."""
        send = {"Content-Type": "application/json", **(headers or {})}
        if token is not None:
            send["Authorization"] = f"Bearer {self.token() if token is True else token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        connection = http.client.HTTPConnection(self.host, timeout=timeout)
        try:
            # Who is refused for his head alone may be told so, and cut off, before he has sent all.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, path, body, send)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def events(self, *events, **options):
        """The contract's end point."""
        options.setdefault("headers", {})["Content-Type"] = "application/websocket-events"
        return self.request("POST", "/", {"events": list(events)}, **options)

    def publish(self, channel, data, **options):
        answer = self.events({"type": "PUBLISH_TEXT", "channelId": channel, "data": data}, **options)
        assert answer.status == 200, f"publish to {channel}: {answer}"
        return answer

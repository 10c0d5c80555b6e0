"""Backends and publishers for slip-sockets, on the standard library alone.

    from slip_sockets import Close, Connection, Open, Publisher, Text, Webhook

    def handle(connection: Connection) -> None:
        for event in connection.events:
            if isinstance(event, Open):
                connection.accept()
                connection.subscribe("news")
            elif isinstance(event, Text):
                connection.publish_text("news", event.data)

    Webhook(JWT_SECRET, handle).server("127.0.0.1", 3000).serve_forever()

and, at any other time and from anywhere:

    Publisher("http://127.0.0.1:8081", JWT_SECRET).publish_text("news", "hello")
"""

from .commands import Commands
from .errors import (BadRequest, BrokerError, Conflict, Denied, InvalidCommand, InvalidRequest,
                     InvalidToken, NoSuchConnection, NotApplied, NotFound, Overloaded, RequestRefused,
                     SlipError, TimedOut, Unavailable, UnexpectedAnswer, Unreachable)
from .events import Binary, Close, Event, Open, Text
from .publisher import VERSION as __version__
from .publisher import Publisher
from .resources import (ChannelInfo, ConnectionCounts, ConnectionInfo, DeadLetter, Edge, Link, Listing, Member,
                        Missed, Page, Process, Published, Status, WholeDeadLetter)
from .webhook import (MEDIA_TYPE, Connection, Request, RequestHandler, Response, Server, Webhook,
                      parse_request, write_response)

__all__ = [
    "BadRequest", "Binary", "BrokerError", "ChannelInfo", "Close", "Commands", "Conflict", "Connection",
    "ConnectionCounts", "ConnectionInfo", "DeadLetter", "Denied", "Edge", "Event", "InvalidCommand",
    "InvalidRequest", "InvalidToken", "Link", "Listing", "MEDIA_TYPE", "Member", "Missed", "NoSuchConnection",
    "NotApplied", "NotFound", "Open", "Overloaded", "Page", "Process", "Published", "Publisher", "Request",
    "RequestHandler", "RequestRefused", "Response", "Server", "SlipError", "Status", "Text", "TimedOut",
    "Unavailable", "UnexpectedAnswer", "Unreachable", "Webhook", "WholeDeadLetter", "__version__",
    "parse_request", "write_response",
]

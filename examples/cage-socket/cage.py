"""The demo itself: what has happened to a connection in, what is to happen out. It knows no HTTP, and
remembers nothing: a face is the metadata of its connection,

    {"direction": "left" | "centre" | "right", "turns": how often it has turned}

A page sends the direction it wants, as a text. What pages are sent is JSON:

    {"type": "you", "id"}                       to the newcomer
    {"type": "face", "id", "direction", "turns"}   to all: somebody came, or has turned
    {"type": "gone", "id"}                      to all
    {"type": "refused", "reason"}               to who sent something else
"""

from __future__ import annotations

import json
import urllib.parse
from typing import Any, Iterable, Optional

from slip_sockets import Close, Connection, ConnectionInfo, Open, Text

CHANNEL = "cage"
DIRECTIONS = ("left", "centre", "right")


def handle(connection: Connection) -> None:
    for event in connection.events:
        if isinstance(event, Open):
            come(connection, event.query)
        elif isinstance(event, Text):
            turn(connection, event.data)
        elif isinstance(event, Close):
            tell_all(connection, type="gone")


def come(connection: Connection, query: str) -> None:
    """A page that was here before says where it looked: ?direction=left."""
    (wanted,) = urllib.parse.parse_qs(query).get("direction", ["centre"])[:1]
    connection.accept()
    connection.set_metadata({"direction": wanted if wanted in DIRECTIONS else "centre", "turns": 0})
    connection.send_text(json.dumps({"type": "you", "id": connection.id}))
    connection.subscribe(CHANNEL)
    tell_all(connection, type="face", **connection.metadata)


def turn(connection: Connection, direction: str) -> None:
    face = face_of(connection.metadata)
    if direction not in DIRECTIONS or face is None:
        connection.send_text(json.dumps({"type": "refused", "reason": f"one of {', '.join(DIRECTIONS)}"}))
    elif direction != face["direction"]:
        connection.set_metadata({"direction": direction, "turns": face["turns"] + 1})
        tell_all(connection, type="face", **connection.metadata)


def tell_all(connection: Connection, **message: Any) -> None:
    connection.publish_text(CHANNEL, json.dumps({"id": connection.id, **message}))


def face_of(metadata: Any) -> Optional[dict[str, Any]]:
    """The face that metadata say, or None: everything that is a member need not be one of ours."""
    if not isinstance(metadata, dict) or metadata.get("direction") not in DIRECTIONS:
        return None
    turns = metadata.get("turns")
    return {"direction": metadata["direction"], "turns": turns if isinstance(turns, int) else 0}


def faces(connections: Iterable[ConnectionInfo]) -> list[dict[str, Any]]:
    """All current faces, of what the broker's REST API lists."""
    found = ((each.connection_id, face_of(each.metadata)) for each in connections)
    return [{"id": connection, **face} for connection, face in found if face is not None]

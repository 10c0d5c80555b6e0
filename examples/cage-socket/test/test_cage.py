"""What is made of events, and what the list says."""

import json
from datetime import datetime, timezone

import cage
import pytest
from slip_sockets import Commands, Connection, ConnectionInfo, events

FACE = {"direction": "centre", "turns": 3}


def told(*happened, metadata=None):
    """The commands that these events of connection c are answered with."""
    body = {"connectionId": "c", "metadata": metadata, "events": [{"connectionId": "c", **event} for event in happened]}
    commands = Commands()
    (item,) = events.parse(json.dumps(body).encode())
    cage.handle(Connection(item, commands))
    return commands.events


def data(command):
    return json.loads(command["data"])


def test_who_comes_is_shown_to_all():
    answer = told({"type": "OPEN"})
    assert [command["type"] for command in answer] == ["ACCEPT", "SET_METADATA", "TEXT", "SUBSCRIBE", "PUBLISH_TEXT"]
    assert answer[1]["metadata"] == {"direction": "centre", "turns": 0}
    assert data(answer[2]) == {"type": "you", "id": "c"}
    assert answer[3]["channel"] == answer[4]["channelId"] == "cage"
    assert data(answer[4]) == {"type": "face", "id": "c", "direction": "centre", "turns": 0}


@pytest.mark.parametrize("query, direction", [
    ("direction=left", "left"), ("a=b&direction=right", "right"), ("direction=right&direction=left", "right"),
    ("direction=up", "centre"), ("direction=", "centre"), ("direction", "centre"), ("%ff", "centre")])
def test_who_was_here_looks_where_he_looked(query, direction):
    assert told({"type": "OPEN", "query": query})[1]["metadata"]["direction"] == direction


def test_a_turn_is_kept_in_the_metadata_and_told():
    metadata, published = told({"type": "TEXT", "data": "left"}, metadata=FACE)
    assert metadata["metadata"] == {"direction": "left", "turns": 4}
    assert data(published) == {"type": "face", "id": "c", "direction": "left", "turns": 4}


def test_turns_in_one_request_follow_each_other():
    answer = told(*({"type": "TEXT", "data": direction} for direction in ("left", "left", "right")), metadata=FACE)
    assert [command["metadata"] for command in answer if command["type"] == "SET_METADATA"] == [
        {"direction": "left", "turns": 4}, {"direction": "right", "turns": 5}]


@pytest.mark.parametrize("text", ["", "up", "LEFT", "left ", "{}"])
def test_nonsense_is_told_to_who_sent_it(text):
    (refusal,) = told({"type": "TEXT", "data": text}, metadata=FACE)
    assert refusal["type"] == "TEXT" and data(refusal)["type"] == "refused"


def test_bytes_are_nothing():
    assert told({"type": "BINARY", "data": "AA=="}, metadata=FACE) == []


def test_who_goes_is_gone_for_all():
    (published,) = told({"type": "CLOSE", "code": 1006}, metadata=FACE)
    assert published["channelId"] == "cage" and data(published) == {"type": "gone", "id": "c"}


def test_a_connection_that_is_no_face_does_not_turn():
    (refusal,) = told({"type": "TEXT", "data": "left"}, metadata={"headers": {}})
    assert data(refusal)["type"] == "refused"


def test_the_list_holds_only_faces():
    now = datetime.now(timezone.utc)
    listed = [ConnectionInfo(str(number), "open", "e", None, None, now, now, metadata, ("cage",)) for number, metadata in
              enumerate([FACE, None, [], {"direction": "up"}, {"direction": "left"}, {"direction": "left", "turns": "x"}])]
    assert cage.faces(listed) == [
        {"id": "0", **FACE}, {"id": "4", "direction": "left", "turns": 0}, {"id": "5", "direction": "left", "turns": 0}]

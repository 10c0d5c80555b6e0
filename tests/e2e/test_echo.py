"""The ring runs: a frame becomes a webhook, and its answer reaches the socket."""

from harness.backend import accept


def test_a_text_goes_round_and_comes_back(ring):
    ring.backend.on("TEXT", lambda event, _: [
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "you said " + event["data"]}])
    client = ring.connect()
    client.send("hello")
    assert client.receive() == "you said hello"


def test_commands_behind_accept_take_effect_in_order(ring):
    ring.backend.on("OPEN", lambda event, _: accept(
        event["connectionId"],
        {"type": "SUBSCRIBE", "connectionId": event["connectionId"], "channel": "order"},
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "first"},
        {"type": "PUBLISH_TEXT", "channelId": "order", "data": "second"},
        {"type": "TEXT", "connectionId": event["connectionId"], "data": "third"}))
    client = ring.connect()
    assert client.receive_many(3) == ["first", "second", "third"]

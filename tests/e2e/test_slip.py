"""`slip`, the operators' tool: every command, for people and as JSON, and how it fails."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import threading
import time

import jwt
import pytest
from harness.backend import Reply
from harness.ports import free_port
from harness.slip import SLIP, Background, Terminal, environment, slip
from harness.wait import until

EVIL = "evil \u202e日本"


def opened(ring, *channels):
    """A client that is a member of these channels, and its id."""
    before = {event["connectionId"] for event in ring.backend.seen("OPEN")}
    client = ring.connect()
    me = next(event["connectionId"] for event in ring.backend.wait_for("OPEN", len(before) + 1)
              if event["connectionId"] not in before)
    for channel in channels:
        assert ring.rest.events({"type": "SUBSCRIBE", "connectionId": me, "channel": channel}).status == 200
    until(lambda: [row for row in ring.query(f"select count(*) from {{s}}.subscriptions where connection_id = '{me}'")
                   if int(row[0]) == len(channels)], "the rows")
    return client, me


def test_status(ring):
    opened(ring, "news")
    until(lambda: slip(ring, "status", "--json").json[0]["connections"]["open"] == 1, "the connection in the status")
    people = slip(ring, "status")
    assert people.code == 0 and re.search(r"^connections +1 open, 0 opening, 0 closing$", people.out, re.M), people
    assert re.search(r"^EDGE +STATE +CONNECTIONS", people.out, re.M) and "live" in people.out
    assert "\033" not in people.out and "\033[1m" in slip(ring, "status", "--color", "always").out
    [status] = slip(ring, "status", "--json").json
    assert status["edges"] == 1 and status["edgeList"][0]["state"] == "live"


def test_connections_and_one_of_them(ring):
    _, me = opened(ring, "news", "weather")
    _, other = opened(ring, "weather")
    assert {each["connectionId"] for each in slip(ring, "connections", "--json").json} == {me, other}
    assert [each["connectionId"] for each in slip(ring, "connections", "--json", "--channel=news").json] == [me]
    assert slip(ring, "connections", "--json", "--state", "closing").json == []
    people = slip(ring, "connections")
    assert people.out.startswith("CONNECTION ") and me in people.out and '["news","weather"]' in people.out.replace(", ", ",")
    cut = slip(ring, "connections", "--limit", "1")
    assert len(cut.out.splitlines()) == 2 and "there are more" in cut.err
    one = slip(ring, "connection", me)
    assert re.search(rf"^connection +{me}$", one.out, re.M) and re.search("^channel +weather$", one.out, re.M)
    assert slip(ring, "connection", me, "--json").json[0]["state"] == "open"


def test_channels_and_their_members(ring):
    _, me = opened(ring, "news", EVIL)
    assert {each["channel"]: each["members"] for each in slip(ring, "channels", "--json").json} == {EVIL: 1, "news": 1}
    assert [each["channel"] for each in slip(ring, "channels", "ne", "--json").json] == ["news"]
    assert slip(ring, "channel", EVIL, "--json").json[0]["connectionId"] == me
    people = slip(ring, "channels").out
    assert "\u202e" not in people and r"evil \u202e日本" in people, people
    lines = people.splitlines()
    wide = len("日本")  # two columns each
    assert {len(line) + wide * ("日本" in line) for line in lines} == {len(lines[0])}, "columns are aligned"


def test_publish_and_send(ring):
    client, me = opened(ring, "news/a b")
    assert slip(ring, "publish", "news/a b", "hello ä").code == 0 and client.receive() == "hello ä"
    assert slip(ring, "publish", "news/a b", stdin="from input\n".encode()).code == 0
    assert client.receive() == "from input"
    assert slip(ring, "send", me, "--binary", stdin=b"\0\xff\n").code == 0 and client.receive() == b"\0\xff\n"
    assert slip(ring, "send", me, "--", "--dashes").code == 0 and client.receive() == "--dashes"
    for _ in range(2):
        assert slip(ring, "publish", "news/a b", "once", "--key", "k1").code == 0
    assert slip(ring, "send", me, "then").code == 0
    assert [client.receive(), client.receive()] == ["once", "then"]
    bad = slip(ring, "send", me, stdin=b"\xff")
    assert bad.code == 3 and "UTF-8" in bad.err


def test_membership_metadata_close(ring):
    client, me = opened(ring)
    assert slip(ring, "subscribe", me, "x").code == 0
    assert slip(ring, "publish", "x", "in").code == 0 and client.receive() == "in"
    assert slip(ring, "unsubscribe", me, "x").code == 0
    assert slip(ring, "metadata", me, '{"user": "eve\\u001b"}').code == 0
    until(lambda: slip(ring, "metadata", me, "--json").json == [{"user": "eve\x1b"}], "the metadata")
    shown = slip(ring, "metadata", me).out
    assert json.loads(shown) == {"user": "eve\x1b"} and "\x1b" not in shown
    assert slip(ring, "metadata", me, "{").code == 3
    assert slip(ring, "close", me, "--code", "4001", "--reason", "enough").code == 0
    assert client.expect_close() == (4001, "enough")
    client, _ = opened(ring, "room")
    assert slip(ring, "close-channel", "room").code == 0
    assert client.expect_close()[0] == 1000


def test_dead_letters(ring):
    ring.backend.on("TEXT", lambda *_: Reply(400))
    client, me = opened(ring)
    for text in ("one", "two", "three"):
        client.send(text)
        until(lambda text=text: text in str(slip(ring, "dead-letters", "--json").json) or
              len(slip(ring, "dead-letters", "--json").json) >= ("one", "two", "three").index(text) + 1, "a letter")
    letters = slip(ring, "dead-letters", "list", "--json", "--connection", me).json
    assert len(letters) == 3
    people = slip(ring, "dead-letters")
    assert re.match(r" *ID +STATE +CONNECTION", people.out) and "waiting" in people.out
    oldest = str(letters[-1]["id"])
    shown = slip(ring, "dead-letters", "show", oldest)
    assert re.search(r"^state +waiting$", shown.out, re.M) and '"data": "one"' in shown.out
    assert slip(ring, "dead-letters", "show", oldest, "--json").json[0]["events"][0]["data"] == "one"
    ring.backend.handlers.clear()
    done = slip(ring, "dead-letters", "replay", oldest)
    assert done.code == 0 and done.out == f"{oldest} is going to be replayed\n"
    until(lambda: slip(ring, "dead-letters", "show", oldest, "--json").json[0]["state"] == "replayed", "the replay")
    again = slip(ring, "dead-letters", "replay", oldest)
    assert again.code == 3 and len(again.err.splitlines()) == 1
    assert slip(ring, "dead-letters", "discard", str(letters[0]["id"]), "999999").code == 3
    assert slip(ring, "dead-letters", "replay", "--all").code == 0
    until(lambda: slip(ring, "dead-letters", "--json", "--state", "waiting").json == [], "all to be replayed")
    assert slip(ring, "dead-letters", "replay", "--all", "--state", "replayed").code == 2
    delivered = slip(ring, "dead-letters", "--json", "--state", "replayed").json
    assert slip(ring, "dead-letters", "discard", "--all").out == ""  # none waits
    assert slip(ring, "dead-letters", "discard", "--all", "--state", "replayed").out.count("\n") == len(delivered)
    assert slip(ring, "dead-letters", "--json").json == []


def test_all_dead_letters_but_one(ring):
    """What cannot be discarded holds up no other, and the exit code tells of it."""
    ring.backend.on("TEXT", lambda *_: Reply(400))
    client, me = opened(ring)
    for count, text in enumerate(("one", "two", "three"), 1):
        client.send(text)
        until(lambda count=count: len(slip(ring, "dead-letters", "--json", "--connection", me).json) == count, "a letter")
    ids = [str(letter["id"]) for letter in slip(ring, "dead-letters", "--json", "--connection", me).json]
    busy, *others = reversed(ids)  # the oldest first
    began, may_end = threading.Event(), threading.Event()

    def slow(*_):
        began.set()
        may_end.wait(15)
        return []

    ring.backend.on("TEXT", slow)
    assert slip(ring, "dead-letters", "replay", busy).code == 0
    assert began.wait(20)
    done = slip(ring, "dead-letters", "discard", "--all", "--connection", me)
    assert done.code == 3 and done.out.split("\n") == [f"{letter} is discarded" for letter in others] + [""], done
    assert len(done.err.splitlines()) == 1, done
    may_end.set()
    until(lambda: [letter["state"] for letter in slip(ring, "dead-letters", "--json", "--connection", me).json] == [
        "replayed"], "the replay")
    assert slip(ring, "dead-letters", "discard", busy).code == 0
    assert slip(ring, "dead-letters", "discard", "--all").code == 0


def test_token(ring):
    token = slip(ring, "token", "--lifetime", "60").out.strip()
    claims = jwt.decode(token, ring.rest.secret, algorithms=["HS256"], audience="ControlEvent", issuer="slip-sockets")
    assert claims["exp"] - claims["iat"] == 60
    assert slip(ring, "status", JWT_SECRET=None, SLIP_TOKEN=token).code == 0
    event = slip(ring, "token", "--audience", "event", "--json").json[0]["token"]
    assert jwt.decode(event, options={"verify_signature": False})["aud"] == "WebSocketEvent"


def test_settings_come_from_the_outputs_file(ring, tmp_path):
    folder = tmp_path / "var"
    run = folder / "run"
    run.mkdir(parents=True)
    outputs = run / "outputs.json"
    outputs.write_text(json.dumps({"slip-sockets": {}, "slip-sockets.controlApi": ring.rest.url}))
    alone = {"CONTROL_URL": None, "JWT_SECRET": None, "SLIP_METRICS": None}
    assert slip(ring, "status", "--outputs", str(outputs), **{**alone, "JWT_SECRET": ring.rest.secret}).code == 0
    (run / "jwt_secret").write_text(ring.rest.secret + "\n")
    assert slip(ring, "status", cwd=tmp_path, **alone).code == 0
    assert slip(ring, "status", **alone, SLIP_OUTPUTS=str(outputs)).code == 0
    assert slip(ring, "status", JWT_SECRET=None, JWT_SECRET_FILE=str(run / "jwt_secret")).code == 0
    # What is kept beside the outputs of the stack may be of another run.
    (folder / "outputs.json").write_text(outputs.read_text())
    (folder / "jwt_secret").write_text("another")
    assert slip(ring, "status", "--outputs", str(folder / "outputs.json"), **alone).code == 0
    (run / "jwt_secret").unlink()
    stale = slip(ring, "status", "--outputs", str(folder / "outputs.json"), **alone)
    assert stale.code == 4 and f"made with {folder}/jwt_secret" in stale.err, stale
    outputs.write_text("{")
    wrong = slip(ring, "status", "--outputs", str(outputs), **alone)
    assert wrong.code == 2 and "is not JSON" in wrong.err


def test_another_control_does_as_well(stacks, tmp_path):
    stack = stacks(controls=2)
    urls = [stack.rest_of(i).url for i in range(2)]
    outputs = tmp_path / "outputs.json"
    outputs.write_text(json.dumps({"slip-sockets.controlApi": urls[0], "slip-sockets.controlApi2": urls[1]}))
    places = {"CONTROL_URL": ",".join(urls)}, {"CONTROL_URL": None, "SLIP_OUTPUTS": str(outputs)}
    with Terminal(stack, "top", **places[0]) as top:
        shows(top, f"^ slip top +{urls[0]} ", "^connections 0 open")
        stack.controls[0].kill()
        for place in places:
            done = slip(stack, "status", **place)
            assert done.code == 0, (place, done)
        shows(top, f"^ slip top +{urls[1]} ", "^connections 0 open")
        top.press("q")
        assert top.ends() == 0
    stack.controls[1].kill()
    none = slip(stack, "status", "--timeout", "1", **places[0])
    assert none.code == 5 and len(none.err.splitlines()) == 1, none


@pytest.mark.parametrize("code, words, arguments, settings", [
    (2, "a command is needed", [], {}),
    (2, "unknown command jump", ["jump"], {}),
    (2, "unknown option --loud", ["status", "--loud"], {}),
    (2, "has no option --code", ["status", "--code", "1000"], {}),
    (2, "--json takes no value", ["status", "--json=yes"], {}),
    (2, "--limit needs a value", ["connections", "--limit"], {}),
    (2, "--limit is no number", ["connections", "--limit", "many"], {}),
    (2, "usage: slip send ID [MESSAGE]", ["send"], {}),
    (2, "usage: slip dead-letters replay", ["dead-letters", "replay"], {}),
    (2, "--color is auto", ["status", "--color", "pink"], {}),
    (2, "--timeout", ["status", "--timeout", "0"], {}),
    (2, "--code", ["close", "x", "--code", "5"], {}),
    (2, "CONTROL_URL", ["status"], {"CONTROL_URL": None}),
    (2, "http://", ["status"], {"CONTROL_URL": "ftp://x"}),
    (2, "token is needed", ["status"], {"JWT_SECRET": None}),
    (2, "/no/such/file", ["status", "--outputs", "/no/such/file"], {}),
    (2, "needs a terminal", ["top"], {}),
    (3, "no such connection", ["close", "nobody"], {}),
    (3, "no such connection", ["connection", "nobody"], {}),
    (3, "cannot stand in a path", ["publish", "..", "x"], {}),
    (3, "no such dead letter", ["dead-letters", "show", "7777777"], {}),
    (3, "channel", ["publish", "x" * 300, "x"], {}),
    (4, "no secret made the token's signature (it is made with JWT_SECRET)", ["status"], {"JWT_SECRET": "another"}),
    (4, "the token is not a JWT (it is SLIP_TOKEN)", ["send", "x", "y"], {"JWT_SECRET": None, "SLIP_TOKEN": "x.y.z"}),
    (4, "the token is not a JWT (it is SLIP_TOKEN)", ["top", "--count", "1"], {"JWT_SECRET": None, "SLIP_TOKEN": "x.y.z"}),
    (5, "connect", ["status", "--timeout", "1"], {"CONTROL_URL": f"http://127.0.0.1:{free_port()}"})])
def test_what_goes_wrong_is_one_line_and_a_code(ring, code, words, arguments, settings):
    result = slip(ring, *arguments, **settings)
    assert result.code == code and words.lower() in result.err.lower() and result.out == "", result
    assert len(result.err.splitlines()) == 1 and result.err.startswith("slip: "), result
    assert ring.rest.secret not in result.err


def test_help_manual_completion():
    everything = slip(None, "--help")
    commands = re.findall(r"^  ([a-z][a-z-]+) {2,}", everything.out, re.M)
    assert everything.code == 0 and {"status", "tail", "top", "dead-letters"} <= set(commands)
    for command in commands:
        told = slip(None, command, "--help")
        assert told.code == 0 and told.out.startswith(f"usage: slip {command}"), told
    manual = slip(None, "manual").out
    assert re.search(r"\.SH EXIT STATUS", manual) and "dead\\-letters" in manual
    assert re.fullmatch(r"slip \d+\.\d+\.\d+\n", slip(None, "--version").out)
    checked = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", "-Kutf8"], input=manual.encode(),
                             stderr=subprocess.PIPE, check=True)
    assert checked.stderr == b"", checked.stderr.decode()
    shown = subprocess.run(["groff", "-man", "-Tascii", "-Kutf8", "-P-cbou"], input=manual.encode(),
                           stdout=subprocess.PIPE, check=True).stdout.decode()
    assert all(re.search(rf"^ +slip {command}\b", shown, re.M) for command in commands), shown


def completed(ring, *words):
    """What bash offers for the last word."""
    script = ('source <(slip completion); COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE=$*; '
              'COMP_POINT=${#COMP_LINE}; _slip; printf "%s\\n" "${COMPREPLY[@]}"')
    return subprocess.run(["bash", "-c", script, "bash", *words], env=completing(ring), check=True,
                          stdout=subprocess.PIPE, timeout=30).stdout.decode().split("\n")[:-1]


def completing(ring):
    return environment(ring, PATH=f"{os.path.dirname(SLIP)}:{os.environ['PATH']}")


def test_completion_in_bash(ring):
    _, me = opened(ring, "news")
    assert completed(ring, "slip", "sub") == ["subscribe"]
    assert completed(ring, "slip", "close", "--rea") == ["--reason"]
    assert completed(ring, "slip", "status", "--rea") == [""]
    assert completed(ring, "slip", "dead-letters", "re") == ["replay"]
    assert completed(ring, "slip", "close", me[:3]) == [me]
    assert completed(ring, "slip", "publish", "n") == ["news"]
    assert completed(ring, "slip", "connections", "--channel", "n") == ["news"]
    assert completed(ring, "slip", "subscribe", me, "ne") == ["news"]
    assert completed(ring, "slip", "token", "--audience", "e") == ["event"]


def test_completion_runs_nothing_that_a_channel_is_called(ring, tmp_path):
    """Names come from strangers: bash would expand them, and readline takes them apart."""
    trap = tmp_path / "sprung"
    names = [f"$(touch${{IFS}}{trap})", f"`touch</dev/null>{trap}`", "room:1;id", "*", 'quo"te']
    opened(ring, *names)
    offered = completed(ring, "slip", "publish", "")
    assert not trap.exists() and len(offered) == len(names) - 1, offered
    # As bash reads them: one word each, and the name.
    read = subprocess.run(["bash", "-c", f"printf '%s\n' {' '.join(offered)}"], cwd=tmp_path, check=True,
                          stdout=subprocess.PIPE).stdout.decode().splitlines()
    assert sorted(read) == sorted(names[:-1]) and not trap.exists()


def test_completion_at_the_keyboard(ring):
    """Tab, in a bash of its own: a name with a colon is found from both sides of it."""
    opened(ring, "room:1", "a b")
    for keys, line in (("slip publish ro\t", "room:1"), ("slip publish room:\t", "room:1"), ("slip publish a\t", r"a\ b"),
                       ("slip publish a\\ \t", r"a\ b")):
        main, side = pty.openpty()
        with subprocess.Popen(["bash", "--norc", "--noprofile", "-i"], env={**completing(ring), "TERM": "dumb", "PS1": ""},
                              stdin=side, stdout=side, stderr=side, start_new_session=True) as shell:
            os.close(side)
            # Ctrl-A, and the line is what echo is told.
            os.write(main, f"source <(slip completion)\n{keys}\x01printf '<%s>' '\x05'\nexit\n".encode())
            said = b""
            while select.select([main], [], [], 20)[0]:
                try:
                    said += os.read(main, 65536)
                except OSError:  # the shell has ended
                    break
            assert shell.wait(20) == 0
        os.close(main)
        assert f"<slip publish {line} >" in said.decode(), (keys, said)


# ---- tail ----

def tailing(stack, count=1):
    until(lambda: stack.control.metric("slip_tails") == count, "slip to follow")


def test_tail(ring):
    with_json = Background(ring, "tail", "news", "--json", "--count", "3")
    people = Background(ring, "tail", "news")
    tailing(ring, 2)
    ring.rest.publish("news", "evil \x1b[31m \u202e and 日本")
    ring.rest.events({"type": "PUBLISH_BINARY", "channelId": "news", "data": "AP8="})
    ring.rest.publish("other", "not this")
    ring.rest.publish("news", "third")
    code, out, err = with_json.ends()
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0 and err == "" and [each["data"] for each in told] == ["evil \x1b[31m \u202e and 日本", "AP8=", "third"]
    assert told[1]["binary"] is True and told[0]["channel"] == "news"
    lines = [people.line() for _ in range(3)]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  evil \\x1b\[31m \\u202e and 日本\n", lines[0]), lines
    assert lines[1].endswith("Z  (binary) AP8=\n") and lines[2].endswith("  third\n")
    people.process.send_signal(signal.SIGINT)
    assert people.ends() == (0, "", "")
    tailing(ring, 0)


def follows(stack, follower, rest):
    """It is told what is published from now on."""
    def told():
        rest.publish("x", "one")
        return select.select([follower.process.stdout], [], [], 0.1)[0]

    until(told, "a line")
    assert follower.line().endswith("  one\n")


def test_tail_goes_wrong(stacks):
    stack = stacks(controls=2)
    follower = Background(stack, "tail", "x")
    follows(stack, follower, stack.rest_of(1))
    stack.edge.kill()
    stack.add_edge().wait_ready()
    stack.edges.pop(0)
    assert follower.process.stderr.readline() == b"slip: messages were missed here\n"
    stack.rest_of(1).publish("x", "again")
    while "again" not in (line := follower.line()):
        assert line.endswith("  one\n")
    stack.controls[0].terminate()
    code, out, err = follower.ends()
    assert code == 5 and out == "" and err == "slip: the broker ended the stream\n"
    stack.controls.pop(0).wait_exit()


def test_tail_with_a_token_that_expires(stacks):
    stack = stacks(TOKEN_LEEWAY="0s")
    token = stack.rest.token(exp=int(time.time()) + 3)
    follower = Background(stack, "tail", "x", JWT_SECRET=None, SLIP_TOKEN=token)
    follows(stack, follower, stack.rest)
    code, _, err = follower.ends()
    assert code == 4 and err.startswith("slip: messages were missed here\n") and "the token has expired" in err, err


# ---- top ----

def shows(terminal, *patterns):
    def all_there():
        text = "\n".join(terminal.screen())
        return all(re.search(pattern, text, re.M) for pattern in patterns)

    until(all_there, lambda: f"{patterns} in:\n" + "\n".join(terminal.screen()))


def test_top_in_a_terminal(ring):
    client, _ = opened(ring, "news", "zebra")
    opened(ring, "zebra")
    ring.backend.on("TEXT", lambda *_: [{"type": "PUBLISH_TEXT", "channelId": "news", "data": "x"}])
    with Terminal(ring, "top") as top:
        shows(top, r"^ slip top +http://127", "^connections 2 open, 0 opening", "^edge +127", "^router +127", "^webhook-worker +127",
              "^control +127", r"^ +2 +zebra\n +1 +news")
        until(lambda: client.send("hello") is None and re.search(
            r"messages in +[0-9.]*[1-9]", "\n".join(top.screen())), "a rate of messages")
        top.press("s")
        shows(top, r"^ +1 +news\n +2 +zebra")
        top.press("p")
        shows(top, r"^ slip top .* paused")
        top.press("p")
        top.resize(12, 50)
        until(lambda: max(map(len, top.screen())) <= 50 and len(top.screen()) <= 11, "a smaller picture")
        top.press("q")
        assert top.ends() == 0
    with Terminal(ring, "top", SLIP_METRICS=None) as top:
        shows(top, "^connections 2 open", "For rates and processes: set SLIP_METRICS")
        top.press("\x03")
        assert top.ends() == -signal.SIGINT


def test_top_without_a_control(stacks):
    stack = stacks(controls=1)
    with Terminal(stack, "top") as top:
        shows(top, "^connections 0 open")
        stack.control.kill()
        shows(top, "connect", r"^down +127\S+ +does not answer")
        top.press("q")
        assert top.ends() == 0


def test_top_prints_for_scripts(ring):
    opened(ring, "news")
    [told] = slip(ring, "top", "--json", "--count", "1").json
    assert told["status"]["connections"]["open"] == 1 and told["channels"] == [{"channel": "news", "members": 1}]
    assert {process["kind"] for process in told["processes"]} == {"edge", "router", "webhook-worker", "control"}
    assert all(process["up"] and process["memory"] > 1e6 for process in told["processes"])
    people = slip(ring, "top", "--count", "2")
    assert people.code == 0 and people.out.count(" slip top ") == 2 and "\033" not in people.out
    gone = slip(ring, "top", "--json", "--count", "1", "--timeout", "1", CONTROL_URL=f"http://127.0.0.1:{free_port()}")
    assert gone.code == 5 and len(gone.err.splitlines()) == 1

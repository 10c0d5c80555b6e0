"""The commands of docs/operations.md, section Backup: the database is lost, and comes back."""

import os
import re
import subprocess

from harness.backend import Reply
from harness.wait import until

PAGE = os.path.join(os.path.dirname(__file__), "..", "..", "docs", "operations.md")


def command(ring, beginning):
    """The command of the page that begins so, for this stack."""
    with open(PAGE, encoding="utf-8") as file:
        found = re.search(rf"^({beginning} .*)$", file.read(), re.MULTILINE)
    return found[1].replace("slip-sockets", ring.name)


def run(ring, folder, text):
    subprocess.run(["bash", "-euc", text], cwd=folder, env={**os.environ, "DATABASE_URL": ring.settings["DATABASE_URL"]},
                   check=True, stdout=subprocess.DEVNULL)


def test_the_lost_database_comes_back(ring, tmp_path):
    ring.backend.on("TEXT", lambda *_: Reply(400, b"no"))
    client = ring.connect()
    client.send("unwanted")

    def letters():
        return ring.query("select idempotency_key, events::text from {s}.dead_letters order by id")

    kept = until(letters, "the dead letter")
    open_connections = ring.query("select connection_id, state from {s}.connections order by 1")
    run(ring, tmp_path, command(ring, "pg_dump"))
    assert ring.router.stop() == 0
    ring.query("drop schema {s} cascade")
    ring.router.start()
    ring.router.wait_ready()
    until(lambda: ring.query("select to_regclass('{s}.dead_letters')") != [[""]], "the schema")
    run(ring, tmp_path, command(ring, "psql"))
    assert letters() == kept
    until(lambda: ring.query("select connection_id, state from {s}.connections order by 1") == open_connections,
          lambda: ring.query("select * from {s}.connections"))
    client.send("unwanted too")
    until(lambda: len(letters()) == 2, "a second letter, numbered behind the one that was restored")
    ring.backend.handlers.clear()
    client.drop()

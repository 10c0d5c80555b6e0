"""Starts rings of the broker for tests in other languages (tests/e2e/harness).

Each line of standard input is a JSON object, answered by a line: {"port": true} by a port that is free
and stays ours, any other is settings, starts a ring, and is answered by its addresses. At the end of the
input all are killed; the exit code tells whether all were alive and well until then.
"""

import json
import os
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from harness.ports import free_port  # noqa: E402  pylint: disable=wrong-import-position
from harness.postgres import Postgres  # noqa: E402  pylint: disable=wrong-import-position
from harness.stack import SECRET, Stack  # noqa: E402  pylint: disable=wrong-import-position


def main():
    postgres = Postgres()
    rings = []
    dead = []
    try:
        for line in sys.stdin:
            asked = json.loads(line)
            if "port" in asked:
                print(json.dumps({"port": free_port()}), flush=True)
                continue
            ring = Stack(postgres, **asked)
            rings.append(ring)
            print(json.dumps({"controlApi": ring.rest.url, "jwtSecret": SECRET,
                              "websocketUrl": f"ws://127.0.0.1:{ring.edge_port}/"}), flush=True)
        dead = [f"{process.name}:\n{process.log_tail()}" for ring in rings for process in ring.processes()
                if not process.is_running() or process.complaints()]
    finally:
        for ring in rings:
            ring.abandon()  # not stopped in order: backends are gone, and owed events
            for process in ring.processes():
                process.forget()
        postgres.destroy()
    sys.exit("\n".join(dead) or None)


main()

"""Starts rings of the broker for tests in other languages (tests/e2e/harness).

Each line of standard input is a JSON object of settings and starts one; it is answered by a line with
its addresses. At the end of the input all are stopped; the exit code tells whether that went well.
"""

import json
import os
import sys

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from harness.postgres import Postgres  # noqa: E402  pylint: disable=wrong-import-position
from harness.stack import SECRET, Stack  # noqa: E402  pylint: disable=wrong-import-position


def main():
    postgres = Postgres()
    rings = []
    try:
        for line in sys.stdin:
            ring = Stack(postgres, **json.loads(line))
            rings.append(ring)
            print(json.dumps({"controlApi": ring.rest.url, "jwtSecret": SECRET,
                              "websocketUrl": f"ws://127.0.0.1:{ring.edge_port}/"}), flush=True)
        for ring in rings:
            ring.destroy()
        rings.clear()
    finally:
        for ring in rings:
            ring.abandon()
        postgres.destroy()


main()

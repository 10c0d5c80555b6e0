"""A backend that has HTTP/2 gets it: one connection carries many requests at once."""

import json
import os
import subprocess

import pytest

from harness.backend import Backend
from harness.stack import SECRET

CLIENTS = 40


@pytest.fixture(name="http2")
def http2_backend(tmp_path):
    """(a Backend by its address only, its process, its certificate)"""
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "certificate.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2",
         "-keyout", key, "-out", certificate], check=True, stderr=subprocess.DEVNULL)
    script = os.path.join(os.path.dirname(__file__), "harness", "http2_backend.mjs")
    backend = Backend(SECRET)
    with subprocess.Popen(["node", script, key, certificate], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        backend.url = f"https://localhost:{process.stdout.readline().strip()}/hook"
        yield backend, process, certificate
        process.kill()
    backend.close()


def statistics(process):
    process.stdin.write("?\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def test_requests_share_one_connection(http2, stacks):
    backend, process, certificate = http2
    stack = stacks(backend=backend, WEBHOOK_CA_FILE=certificate)
    clients = [stack.connect() for _ in range(CLIENTS)]
    for turn in range(5):
        for client in clients:
            client.send(f"turn {turn}")
        for client in clients:
            assert client.receive() == f"turn {turn}"
    seen = statistics(process)
    assert seen["streams"] == 6 * CLIENTS and seen["keys"] == seen["streams"]
    assert seen["most"] > 5
    assert seen["sessions"] == 1

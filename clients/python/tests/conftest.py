"""`ring` is a running broker whose backend is the test's to answer; `server` is an HTTP server that
answers what the test says."""

import http.server
import os
import sys
import threading

import pytest

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))
sys.path[:0] = [os.path.join(ROOT, "clients", "python"), os.path.join(ROOT, "tests", "e2e")]

from harness.fixtures import postgres_fixture  # noqa: E402  pylint: disable=wrong-import-position
from harness.stack import SECRET, Stack  # noqa: E402  pylint: disable=wrong-import-position
from slip_sockets import Publisher  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(scope="session")
def shared_ring(postgres):  # pylint: disable=redefined-outer-name
    stack = Stack(postgres, PAGE_LIMIT=10, WEBHOOK_BATCH_CONNECTIONS=8, WEBHOOK_ATTEMPTS=1)
    yield stack
    stack.destroy()


@pytest.fixture
def ring(shared_ring):  # pylint: disable=redefined-outer-name
    yield shared_ring
    shared_ring.backend.handlers.clear()
    shared_ring.backend.whole = None
    shared_ring.close_clients()
    shared_ring.wait_idle()
    shared_ring.backend.reset()


@pytest.fixture
def publisher(ring):  # pylint: disable=redefined-outer-name
    with Publisher(ring.rest.url, SECRET) as made:
        yield made


class Answering:
    """Answers each request with the next of `answers`: (status, headers, body), or a function of
    the handler; the last one stays. `seen` are the requests: (method, path, headers, body)."""

    def __init__(self):
        self.answers = [(200, {}, b"{}")]
        self.seen = []
        self.connections = 0
        answering = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                answering.connections += 1

            def any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                answering.seen.append((self.command, self.path, dict(self.headers), body))
                answer = answering.answers.pop(0) if len(answering.answers) > 1 else answering.answers[0]
                if callable(answer):
                    answer(self)
                    return
                status, headers, text = answer
                self.send_response(status)
                for name, value in {"Content-Length": str(len(text)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = any

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()


@pytest.fixture
def server():
    answering = Answering()
    yield answering
    answering.server.shutdown()
    answering.server.server_close()

"""Everything is scaled, killed and recreated while clients, a backend and publishers work."""

import random

import scenario
from project import Project
from stack import Stack

ANYTHING = 1000000  # all clients of the test have one address
SETTINGS = {
    "COMPOSE_PROFILES": None,
    "WSS_LISTEN": "127.0.0.1:0",
    "CONSOLE_LISTEN": "127.0.0.1:0",
    "ADDRESS_CONNECTIONS": ANYTHING,
    "ADDRESS_HANDSHAKES": ANYTHING,
    "DRAIN_SECONDS": "2s",
    "CLOSE_TIMEOUT": "2s",
    "RETRY_FIRST": "50ms",
    "RETRY_LAST": "1s",
    "WEBHOOK_ATTEMPTS": 1000,
    "WEBHOOK_TIMEOUT": "4s",
    "CONTROL_TIMEOUT": "5s",
}


def test_everything_under_load(images, logs, request):
    def make(ws_port, rest_port, backend_port):
        project = Project(images, WS_LISTEN=f"127.0.0.1:{ws_port}", REST_LISTEN=f"127.0.0.1:{rest_port}",
                          TARGET_URL=f"http://host.docker.internal:{backend_port}/hook", **SETTINGS)
        project.up()
        project.wait_ready()
        return project

    seed = random.SystemRandom().randrange(1_000_000)
    print(f"\nseed {seed}")
    long = request.config.getoption("--long")
    stack = Stack(make, seed)
    try:
        problems, figures = scenario.play(stack, **({"clients": 500, "rate": 2.0, "times": 3} if long else {}))
        print(", ".join(f"{name} {value}" for name, value in figures.items()), flush=True)
        assert not problems, "\n".join(problems)
        # It is no proof that nobody was lost when nobody was in the way.
        assert figures["dropped"] > 200 and figures["messages"] > 10000 and figures["publishes"] > 300
    finally:
        stack.project.save_logs(logs)
        stack.destroy()
        stack.project.destroy()

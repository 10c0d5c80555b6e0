"""docs/quickstart.md: its backends in JavaScript and Python, and its curl."""

import os

import pytest

PAGE = "quickstart.md"
BUILD = os.environ["SLIP_BUILD"]


@pytest.mark.parametrize("backend", ["backend.mjs", "backend.py"])
def test_a_backend_shouts_and_takes_part_in_the_news(guide, backend):
    guide.start(backend)
    ada, bob = guide.ring.connect(), guide.ring.connect()
    ada.send("hello")
    assert ada.receive() == "HELLO"
    bob.close()
    assert ada.receive() == "somebody left"


def test_anybody_with_a_token_publishes(guide):
    guide.start("backend.mjs")
    client = guide.ring.connect()
    os.makedirs(os.path.join(guide.folder, "build", "clients"), exist_ok=True)
    os.symlink(os.path.join(BUILD, "clients", "slip"), os.path.join(guide.folder, "build", "clients", "slip"))
    answer = guide.run("bash", guide.path("publish.sh"))
    assert '"applied"' in answer, answer
    assert client.receive() == "hello, everybody"


def test_every_program_of_the_page_was_run(shared_guide):
    assert shared_guide.used == shared_guide.programs

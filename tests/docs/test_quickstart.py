"""docs/quickstart.md: its backends in JavaScript, Python and C, and its curl."""

import pytest

PAGE = "quickstart.md"


@pytest.mark.parametrize("backend", ["backend.mjs", "backend.py", "backend.c"])
def test_a_backend_shouts_and_takes_part_in_the_news(guide, backend):
    guide.start(backend)
    ada, bob = guide.ring.connect(), guide.ring.connect()
    ada.send("hello")
    assert ada.receive() == "HELLO"
    ada.send("grüße " * 20000)
    assert ada.receive().startswith("GR")
    bob.close()
    assert ada.receive() == "somebody left"


def test_anybody_with_a_token_publishes(guide):
    guide.start("backend.mjs")
    client = guide.ring.connect()
    answer = guide.run("bash", guide.path("publish.sh"))
    assert '"applied"' in answer, answer
    assert client.receive() == "hello, everybody"


def test_every_program_of_the_page_was_run(shared_guide):
    assert shared_guide.used == shared_guide.programs

"""`browser` is a browser, shared by all tests, without pages at the start of each. `stack` is
deploy/up with the module's EXAMPLE as its backend, shared by the module's tests, without
connections at the start of each; `up` starts others."""

import os
import shutil
import sys
import tempfile

import pytest

sys.path[:0] = [os.path.dirname(__file__), os.path.join(os.path.dirname(__file__), "..", "e2e")]

from harness.rest import Rest  # noqa: E402  pylint: disable=wrong-import-position
from harness.up import Up, up_fixture, var_fixture  # noqa: E402,F401  pylint: disable=wrong-import-position,unused-import
from harness.wait import until  # noqa: E402  pylint: disable=wrong-import-position
from webdriver import Browser  # noqa: E402  pylint: disable=wrong-import-position


@pytest.fixture(name="shared_browser", scope="session")
def shared_browser_fixture():
    with Browser() as browser:
        yield browser


@pytest.fixture(name="browser")
def browser_fixture(shared_browser):
    yield shared_browser
    shared_browser.forget()


@pytest.fixture(name="shared_stack", scope="module")
def shared_stack_fixture(request):
    var = tempfile.mkdtemp(prefix="slip-up-")
    os.chmod(var, 0o755)  # PostgreSQL's user comes along
    stack = Up(var, "--example", request.module.EXAMPLE)
    try:
        outputs = stack.wait_up()
        stack.address = stack.wait_said(r"open (http://\S+) in two tabs")[1]
        with open(os.path.join(var, "jwt_secret"), encoding="utf-8") as file:
            stack.rest = Rest(outputs["slip-sockets.controlApi"], file.read())
        yield stack
        assert stack.stop() == 0, stack.text()
    finally:
        stack.process.kill()
        stack.process.wait()
        until(lambda: not stack.running(), lambda: f"left running: {stack.running()}", 60)
        shutil.rmtree(var, ignore_errors=True)


@pytest.fixture(name="stack")
def stack_fixture(shared_stack, browser):
    """It needs the browser to be there first: its pages are closed before the wait."""
    yield shared_stack
    browser.forget()

    def is_empty():
        answer = shared_stack.rest.request("GET", "/v1/status")
        return answer.status == 200 and not any(answer.json["connections"].values())

    until(is_empty, lambda: f"nobody to be there: {shared_stack.rest.request('GET', '/v1/connections')}", 60)

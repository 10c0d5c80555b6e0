"""The chat that deploy/up brings, as people see it in a browser."""

import os
import signal

import pytest
from harness.wait import until
from look import CONTRASTS, assert_inside, errors, picture
from webdriver import ENTER

EXAMPLE = "chat"


def come(browser, stack, name):
    """A person opens the page, and says who it is."""
    page = browser.open(stack.address)
    page.wait("return document.querySelector('#status').dataset.state === 'open'")
    page.wait("return document.querySelector('#name').value !== ''", what="a name of the chat's choice")
    page.clear("#name")
    page.type("#name", name + ENTER)
    page.wait_text("#people", f"{name} (you)")
    return page


def say(page, text):
    page.type("#text", text + ENTER)


def wait_lines(pages, *wanted):
    """The last lines of the conversation, with who said them, are the same in all pages."""
    script = """return [...document.querySelectorAll('.said')].map(
        line => line.querySelector('b').innerText + ': ' + line.querySelector('p').innerText)"""
    for page in pages:
        until(lambda: page.run(script)[-len(wanted):] == list(wanted),  # pylint: disable=cell-var-from-loop
              lambda: f"{wanted}, but there is {page.run(script)}")  # pylint: disable=cell-var-from-loop


def test_two_people_talk(browser, stack):
    ada, grace = come(browser, stack, "Ada"), come(browser, stack, "Grace")
    ada.wait_text("#lines", "Grace")
    say(ada, "hello")
    wait_lines([ada, grace], "Ada: hello")
    grace.type("#text", "how do you do? <b>🚀</b>")
    grace.click("form button")
    wait_lines([ada, grace], "Ada: hello", "Grace: how do you do? <b>🚀</b>")
    assert ada.texts(".mine p") == ["hello"]
    for page in (ada, grace):
        assert page.text("#count") == "2"
    grace.close()
    ada.wait_text("#lines", "Grace has left")
    assert ada.texts("#people li span:last-child") == ["Ada (you)"]
    say(ada, "quit")
    ada.wait_text("#status", "you have left")
    assert not errors(browser)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_the_edge_is_restarted(browser, stack, how):
    pages = come(browser, stack, "Ada"), come(browser, stack, "Grace")
    for page in pages:
        page.run("""window.states = []
            const status = document.querySelector('#status')
            new MutationObserver(() => window.states.push(status.dataset.state)).observe(
                status, { attributes: true })""")
    (edge,) = stack.running("/slip-edge")
    os.kill(edge, how)
    for page in pages:
        page.wait("return window.states.includes('closed') && window.states.at(-1) === 'open'")
    assert stack.running("/slip-edge") != [edge]
    ada, grace = pages
    for page in pages:
        until(lambda: page.text("#count") == "2", lambda: page.text("body"))  # pylint: disable=cell-var-from-loop
    assert ada.texts("#people li span:last-child")[0] == "Ada (you)" or \
        ada.texts("#people li span:last-child")[1] == "Ada (you)"
    say(ada, "are you there?")
    say(grace, "again")
    for page in pages:
        wait_lines([page], "Ada: are you there?", "Grace: again")
    assert not errors(browser)


@pytest.mark.parametrize("width, height", [(360, 740), (1280, 800)], ids=["phone", "desk"])
def test_how_it_looks(browser, stack, width, height):
    """Nothing sticks out, everything can be reached and read; and pictures for people."""
    page = browser.open("about:blank")
    page.show_as(width, height, scale=2 if width < 500 else 1, mobile=width < 500)
    page.command("POST", "/url", {"url": stack.address})
    page.wait("return document.querySelector('#people li')")
    for scheme in picture(page, f"chat-{width}", "empty"):
        assert not page.run(CONTRASTS), scheme
    ada, grace = page, come(browser, stack, "Grace")
    ada.wait_text("#lines", "now Grace")
    lines = ["hello", "a line that is long enough to need more than one row, even on a wide screen, because "
             "it goes on and on until nobody wants to read it any more", "w" * 150, "bye"]
    for turn, text in enumerate(lines * 3):
        say((ada, grace)[turn % 2], text)
        ada.wait(f"return document.querySelectorAll('.said').length === {turn + 1}")
    for scheme in picture(page, f"chat-{width}"):
        assert not page.run(CONTRASTS), scheme
    assert_inside(page, width, height, "header", "#status", "#name", "#people", "#text", "form button")
    last = page.run("return [...document.querySelectorAll('.said')].at(-1).getBoundingClientRect().bottom")
    assert last <= page.run("return document.querySelector('form').getBoundingClientRect().top")
    page.run("document.querySelector('#text').blur()")
    page.run("window.setTimeout = () => 0")  # it shall not come back
    stack.rest.events({"type": "CLOSE_CHANNEL", "channelId": "chat", "code": 1012})
    page.wait("return document.querySelector('#status').dataset.state === 'closed'")
    for scheme in picture(page, f"chat-{width}", "lost"):
        assert not page.run(CONTRASTS), scheme
    assert not errors(browser)

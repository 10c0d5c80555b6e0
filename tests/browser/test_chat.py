"""The chat that deploy/up brings, as people see it in a browser."""

import os
import re
import signal

import pytest
from harness.up import ROOT
from harness.wait import until
from webdriver import ENTER

PICTURES = os.path.join(os.environ.get("BUILD_DIR", os.path.join(ROOT, "build")), "browser")


@pytest.fixture(name="stack")
def stack_fixture(up):
    """The stack, with the address of the page."""
    stack = up()
    stack.wait_up()
    stack.wait_said("in two tabs")
    stack.address = re.search(r"open (http://\S+) in two tabs", stack.text())[1]
    return stack


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


def errors(browser):
    """What went wrong in the pages, but for connections that were lost on purpose."""
    return [message for level, message in browser.console()
            if level == "SEVERE" and "WebSocket connection to" not in message]


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


# Contrast of all text with what is behind it, by WCAG 2.1 §1.4.3.
CONTRASTS = """
const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
const channels = (color) => {
  canvas.clearRect(0, 0, 1, 1)
  canvas.fillStyle = color
  canvas.fillRect(0, 0, 1, 1)
  return [...canvas.getImageData(0, 0, 1, 1).data].map((channel) => channel / 255)
}
const luminance = (color) => channels(color).slice(0, 3)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
const behind = (element) => {
  for (; element; element = element.parentElement) {
    const color = getComputedStyle(element).backgroundColor
    if (channels(color)[3] === 1) return color
  }
  return 'rgb(255, 255, 255)'
}
const found = []
for (const element of document.querySelectorAll('body *')) {
  const ownText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())
  const style = getComputedStyle(element)
  if ((!ownText && element.tagName !== 'INPUT') || !element.checkVisibility?.() || style.fontSize === '0px') continue
  const [a, b] = [luminance(style.color), luminance(behind(element))].sort((x, y) => y - x)
  const contrast = (a + 0.05) / (b + 0.05)
  if (contrast < 4.5) found.push(`${element.tagName}.${element.className} "${element.innerText}" ${contrast.toFixed(2)}`)
}
return found
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", [(360, 740), (1280, 800)], ids=["phone", "desk"])
def test_how_it_looks(browser, stack, width, height, scheme):
    """Nothing sticks out, everything can be reached and read; and pictures for people."""
    name = f"{width}-{scheme}"
    page = browser.open("about:blank")
    page.show_as(width, height, scheme, scale=2, mobile=width < 500)
    page.command("POST", "/url", {"url": stack.address})
    page.wait("return document.querySelector('#people li')")
    page.screenshot(os.path.join(PICTURES, f"chat-{name}-empty.png"))
    ada, grace = page, come(browser, stack, "Grace")
    ada.wait_text("#lines", "now Grace")
    lines = ["hello", "a line that is long enough to need more than one row, even on a wide screen, because "
             "it goes on and on until nobody wants to read it any more", "w" * 150, "bye"]
    for turn, text in enumerate(lines * 3):
        say((ada, grace)[turn % 2], text)
        ada.wait(f"return document.querySelectorAll('.said').length === {turn + 1}")
    page.screenshot(os.path.join(PICTURES, f"chat-{name}.png"))
    assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [width, width]
    for selector in ("header", "#status", "#name", "#people", "#text", "form button"):
        left, top, right, bottom = page.run(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect()\n"
            "return [box.left, box.top, box.right, box.bottom]", selector)
        assert 0 <= left < right <= width and 0 <= top < bottom <= height, selector
    last = page.run("return [...document.querySelectorAll('.said')].at(-1).getBoundingClientRect().bottom")
    assert last <= page.run("return document.querySelector('form').getBoundingClientRect().top")
    assert not page.run(CONTRASTS)
    page.run("document.querySelector('#text').blur()")
    stack.stop()
    page.wait("return document.querySelector('#status').dataset.state === 'closed'")
    page.screenshot(os.path.join(PICTURES, f"chat-{name}-lost.png"))
    assert not errors(browser)

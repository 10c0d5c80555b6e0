"""How pages look: what tests of several pages ask."""

import os

from harness.up import ROOT

PICTURES = os.path.join(os.environ.get("BUILD_DIR", os.path.join(ROOT, "build")), "browser")

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


def picture(page, name, what=""):
    """For people: NAME-light-WHAT.png and NAME-dark-WHAT.png. Yields each scheme while it is shown."""
    for scheme in ("dark", "light"):
        page.prefer(scheme)
        page.screenshot(os.path.join(PICTURES, "-".join(filter(None, (name, scheme, what))) + ".png"))
        yield scheme


def assert_inside(page, width, height, *selectors):
    """Nothing is wider than the screen, and these can be seen as a whole."""
    assert page.run("return [innerWidth, document.documentElement.scrollWidth]") == [width, width]
    for selector in selectors:
        left, top, right, bottom = page.run(
            "const box = document.querySelector(arguments[0]).getBoundingClientRect()\n"
            "return [box.left, box.top, box.right, box.bottom]", selector)
        assert 0 <= left < right <= width and 0 <= top < bottom <= height, selector


def errors(browser):
    """What went wrong in the pages, but for connections that were lost on purpose."""
    return [message for level, message in browser.console()
            if level == "SEVERE" and "WebSocket connection to" not in message]

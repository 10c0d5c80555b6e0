"""A real browser: Chromium without a screen, driven by chromedriver over the WebDriver protocol
(https://www.w3.org/TR/webdriver2/), with nothing but the standard library.

    with Browser() as browser:
        page = browser.open("http://127.0.0.1:8082/")
        page.type("#text", "hello" + ENTER)
        page.wait_text("#lines", "hello")

A Page is one window; each of its methods goes to its own window first.
"""

import base64
import http.client
import json
import os
import shutil
import signal
import subprocess
import tempfile

from harness.ports import free_port
from harness.wait import until

ENTER = "\ue007"
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the key of a reference, by the standard
PATIENCE = 60  # of one command, or for the browser to start
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--disable-dev-shm-usage", "--hide-scrollbars"]


class WebDriverError(AssertionError):
    """The driver's answer was an error; `kind` is the standard's name for it."""

    def __init__(self, kind, message):
        super().__init__(f"{kind}: {message}")
        self.kind = kind


class Browser:
    """One chromedriver, one browser with a fresh profile, any number of pages."""

    def __init__(self, *flags):
        self.folder = tempfile.mkdtemp(prefix="slip-browser-")
        self.port = free_port()
        self.session = None
        with open(os.path.join(self.folder, "driver.log"), "wb") as log:
            # A group of its own: whatever the browser has started ends with it.
            self.driver = subprocess.Popen(  # pylint: disable=consider-using-with
                ["chromedriver", f"--port={self.port}"], stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True)
        try:
            until(self._is_ready, self._log, PATIENCE)
            self._start(flags)
        except BaseException:
            self.close()
            raise

    def _log(self):
        with open(os.path.join(self.folder, "driver.log"), encoding="utf-8", errors="replace") as file:
            return f"chromedriver; it said:\n{file.read()[-4000:]}"

    def _is_ready(self):
        assert self.driver.poll() is None, self._log()
        try:
            return self._call("GET", "/status")["ready"]
        except OSError:
            return False

    def _start(self, flags):
        profile = os.path.join(self.folder, "profile")
        options = {"args": [*FLAGS, f"--user-data-dir={profile}", *flags]}
        capabilities = {"browserName": "chrome", "goog:chromeOptions": options,
                        "goog:loggingPrefs": {"browser": "ALL"}}
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.session = answer["sessionId"]
        self.spare = self.command("GET", "/window")  # the browser ends with its last window

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _call(self, method, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, None if body is None else json.dumps(body),
                               {"Content-Type": "application/json"})
            response = connection.getresponse()
            value = json.loads(response.read())["value"]
        finally:
            connection.close()
        if response.status != 200:
            raise WebDriverError(value["error"], value["message"])
        return value

    def command(self, method, path, body=None):
        """A command of the session: command("POST", "/url", {"url": …})."""
        return self._call(method, f"/session/{self.session}{path}", body)

    def open(self, address):
        """A new window at an address."""
        window = self.command("POST", "/window/new", {"type": "window"})["handle"]
        page = Page(self, window)
        page.command("POST", "/url", {"url": address})
        return page

    def console(self):
        """What all pages wrote to the console since the last call, errors of loading included."""
        return [(entry["level"], entry["message"])
                for entry in self.command("POST", "/se/log", {"type": "browser"})]

    def forget(self):
        """Closes all pages, and forgets what they wrote to the console."""
        for window in self.command("GET", "/window/handles"):
            if window != self.spare:
                self.command("POST", "/window", {"handle": window})
                self.command("DELETE", "/window")
        self.command("POST", "/window", {"handle": self.spare})
        self.console()

    def close(self):
        if self.session:
            self.command("DELETE", "")
            self.session = None
        if self.driver.poll() is None:
            os.killpg(self.driver.pid, signal.SIGKILL)
        self.driver.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Page:
    def __init__(self, browser, window):
        self.browser = browser
        self.window = window

    def command(self, method, path, body=None):
        self.browser.command("POST", "/window", {"handle": self.window})
        return self.browser.command(method, path, body)

    def run(self, script, *arguments):
        """The result of a function's body in the page: run("return arguments[0] + 1", 1)."""
        return self.command("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def devtools(self, name, **parameters):
        """A command of the DevTools protocol, for what WebDriver has no word for."""
        return self.command("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    # ---- what a person does ----

    def _element(self, selector):
        found = self.command("POST", "/element", {"using": "css selector", "value": selector})
        return f"/element/{found[ELEMENT]}"

    def click(self, selector):
        self.command("POST", self._element(selector) + "/click", {})

    def type(self, selector, text):
        self.command("POST", self._element(selector) + "/value", {"text": text})

    def clear(self, selector):
        self.command("POST", self._element(selector) + "/clear", {})

    def close(self):
        self.command("DELETE", "/window")

    # ---- what a person sees ----

    def text(self, selector):
        return self.command("GET", self._element(selector) + "/text")

    def texts(self, selector):
        """The text of each element that the selector finds."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map(e => e.innerText)",
                        selector)

    def wait(self, script, *arguments, what=None):
        """Waits until the script returns something true, and returns that."""
        return until(lambda: self.run(script, *arguments),
                     lambda: f"{what or script}\nthe page: {self.text('body')}", PATIENCE)

    def wait_text(self, selector, wanted):
        """Waits until an element's text contains what is wanted."""
        until(lambda: wanted in self.text(selector),
              lambda: f"{wanted!r} in {selector}: {self.text(selector)!r}", PATIENCE)

    # ---- how it looks ----

    def show_as(self, width, height, scheme="light", scale=1, mobile=False):
        """A screen of this size, in CSS pixels, of a person who prefers a colour scheme."""
        self.devtools("Emulation.setDeviceMetricsOverride", width=width, height=height,
                      deviceScaleFactor=scale, mobile=mobile)
        self.prefer(scheme)

    def prefer(self, scheme):
        self.devtools("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": scheme}])

    def screenshot(self, path):
        """What is seen, as a PNG."""
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.command("GET", "/screenshot")))

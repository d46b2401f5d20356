"""Chromium without a window, driven by its own protocol."""

import base64
import itertools
import json
import os
import re
import shutil
import subprocess
import time
import urllib.request

from nemocli.closing import Closing
from tests.server.running import PATIENCE_S, open_websocket

#: Its names on several systems; None where it is not installed.
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


class Browser(Closing):
    """A browser whose microphone plays a WAV once; `folder` is for its files."""

    def __init__(self, folder, microphone):
        options = [
            "--headless=new",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder}",
            "--disable-gpu",
            "--no-first-run",
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-audio-capture={microphone}%noloop",
            "--autoplay-policy=no-user-gesture-required",
        ]
        if os.geteuid() == 0:
            options.append("--no-sandbox")
        self._process = subprocess.Popen(
            [CHROMIUM, *options, "about:blank"], stderr=subprocess.PIPE, text=True
        )
        for line in self._process.stderr:
            if found := re.search(r"listening on ws://[^:]+:(\d+)", line):
                self._port = int(found[1])
                break
        self.pages = []

    def open(self, url):
        """Open a page."""
        address = f"http://127.0.0.1:{self._port}/json/new?about:blank"
        request = urllib.request.Request(address, method="PUT")
        with urllib.request.urlopen(request) as answer:
            target = json.load(answer)
        page = Page(target["webSocketDebuggerUrl"])
        self.pages.append(page)
        page.call("Page.enable")
        page.call("Runtime.enable")
        page.call("Log.enable")
        page.call("Page.navigate", url=url)
        page.wait("document.readyState === 'complete'")
        return page

    def close(self):
        for page in self.pages:
            page.close()
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()


class Page(Closing):
    """A page; `complaints` is what its console says."""

    def __init__(self, url):
        self._connection = open_websocket(url, max_size=None)
        self._socket = self._connection.__enter__()
        self._numbers = itertools.count(1)
        self.complaints = []

    def call(self, method, **parameters):
        """Call a method of the protocol; return its result."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            if message.get("method") == "Log.entryAdded":
                self.complaints.append(message["params"]["entry"]["text"])
            if message.get("method") == "Runtime.exceptionThrown":
                self.complaints.append(str(message["params"]["exceptionDetails"]))

    def run(self, script):
        """Return the value of an expression, awaited."""
        result = self.call(
            "Runtime.evaluate",
            expression=script,
            returnByValue=True,
            awaitPromise=True,
            userGesture=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def wait(self, script, seconds=60):
        """Wait until an expression is true; return its value."""
        until = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < until, f"{script}: {self.run('document.body.innerText')}"
            time.sleep(0.05)
        return value

    def click(self, selector):
        self.run(f"document.querySelector({json.dumps(selector)}).click()")

    def choose(self, selector, path):
        """Choose a file in a file field."""
        document = self.call("DOM.getDocument")["root"]["nodeId"]
        field = self.call("DOM.querySelector", nodeId=document, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=field, files=[str(path)])

    def press(self, key, code=None):
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=code or key,
                text="\r" if key == "Enter" and kind == "keyDown" else "",
                windowsVirtualKeyCode={"Tab": 9, "Enter": 13}.get(key, 0),
            )

    def resize(self, width, height, dark=False):
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 500,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def picture(self, path):
        """Write a picture of the page as PNG."""
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        self._connection.__exit__(None, None, None)

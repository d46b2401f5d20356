"""A running `nemocli serve`, and the simplest clients of it."""

import http.client
import json
import re
import signal
import subprocess
import tempfile
import threading
from urllib.parse import urlsplit

from nemocli.closing import Closing
from tests.typed import NEMOCLI, environment

#: Seconds that a client waits for an answer: only a server that hangs takes as long.
PATIENCE_S = 600


def open_websocket(url, **options):
    """Open a WebSocket that waits for a slow machine: the library itself gives up after seconds."""
    from websockets.sync.client import connect

    return connect(url, **{"open_timeout": PATIENCE_S, "ping_interval": None} | options)


class Client:
    """The simplest client of the server at `url`."""

    def find(self, url):
        """Note where the server is."""
        parts = urlsplit(url)
        self.url, self.host, self.port = url, parts.hostname, parts.port

    def request(self, method, path, body=None, **headers):
        """Send one request; return its status, its headers and its body."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE_S)
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, names)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def get(self, path, **headers):
        """Return status and JSON of a path."""
        status, _, body = self.request("GET", path, **headers)
        return status, json.loads(body)

    def post(self, sound, *fields, path="/v1/audio/transcriptions", **headers):
        """Send a form with a sound (a path, bytes or None); return status, headers and body.

        Fields are pairs of name and text.
        """
        if hasattr(sound, "read_bytes"):
            sound = sound.read_bytes()
        body, boundary = form(sound, fields)
        headers = {"content_type": f"multipart/form-data; boundary={boundary}"} | headers
        return self.request("POST", path, body, **headers)

    def transcribe(self, sound, *fields):
        """Return the status and the JSON for a sound."""
        status, _, body = self.post(sound, ("model", "whisper-1"), *fields)
        return status, json.loads(body)

    def metrics(self):
        """Return the metrics by name and labels."""
        _, _, body = self.request("GET", "/metrics")
        lines = [line for line in body.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


class Running(Client, Closing):
    """A server with the demo, as a process of its own."""

    def __init__(self, *options, **variables):
        self._stderr = tempfile.TemporaryFile("w+")  # noqa: SIM115  closed in `close`
        command = [*NEMOCLI, "serve", "--model", "demo", "--port", "0", *map(str, options)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
            env=environment(**variables),
        )
        url = self.process.stdout.readline().strip()
        assert url, self.errors()
        self.find(url)

    @property
    def wyoming_port(self):
        while not (found := re.search(r"Wyoming is at port (\d+)", self.errors())):
            assert self.is_alive
        return int(found[1])

    @property
    def is_alive(self):
        return self.process.poll() is None

    def errors(self):
        """What it wrote to stderr so far."""
        self._stderr.seek(0)
        return self._stderr.read()

    def stop(self, number=signal.SIGTERM):
        """Send a signal, wait for the end, and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def close(self):
        if self.is_alive:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self._stderr.close()


class InThread(Client, Closing):
    """A server with the demo in a thread of this process, which starts at once.

    How many streams it admits does not depend on how fast the machine is.
    """

    def __init__(self, transcriber, max_streams=64, **settings):
        from nemocli.server.run import open_sockets, serve
        from nemocli.server.settings import ServerSettings

        chosen = ServerSettings(port=0, **settings)
        self._sockets = open_sockets(chosen)
        self.find("http://{}:{}".format(*self._sockets[0].getsockname()))
        self.wyoming_port = self._sockets[-1].getsockname()[1]
        self.scheduler = transcriber.schedule(max_streams)
        ready = threading.Event()

        def report(end):
            self._end = end
            ready.set()

        def run():
            self.is_finished = serve(transcriber, self.scheduler, chosen, self._sockets, report)

        self._thread = threading.Thread(target=run)
        self._thread.start()
        ready.wait()

    def end(self):
        """End it as a signal does, without waiting for it."""
        self._end()

    def close(self):
        if self._thread.is_alive():
            self._end()
        self._thread.join()
        self.scheduler.close()


def form(sound, fields):
    """Return a form's body and its boundary."""
    boundary = "a-boundary-of-these-tests"
    parts = [
        f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in fields
    ]
    if sound is not None:
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="a.bin"\r\n'
        parts.append(head.encode() + b"\r\n" + sound + b"\r\n")
    return b"".join(parts) + f"--{boundary}--\r\n".encode(), boundary

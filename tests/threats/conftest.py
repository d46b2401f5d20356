"""Fixtures that show that a threat had no effect: no connection, no opened file."""

import ctypes
import http.server
import os
import struct
import sys
import threading

import pytest

IN_ACCESS, IN_OPEN = 0x1, 0x20


class Server(http.server.ThreadingHTTPServer):
    """Notes every connection on this machine's own address."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler)
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def verify_request(self, request, client_address):
        self.asked.append(client_address)
        return False


@pytest.fixture
def server():
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


class Watch:
    """Whether a file was opened since, by this process or another, also in native code."""

    def __init__(self, path):
        libc = ctypes.CDLL(None, use_errno=True)
        self._file = libc.inotify_init1(os.O_NONBLOCK)
        if libc.inotify_add_watch(self._file, os.fsencode(path), IN_ACCESS | IN_OPEN) < 0:
            raise OSError(ctypes.get_errno(), "inotify_add_watch")

    def close(self):
        os.close(self._file)

    def was_opened(self):
        try:
            event = os.read(self._file, 4096)
        except BlockingIOError:
            return False
        return bool(struct.unpack_from("iIII", event)[1] & (IN_ACCESS | IN_OPEN))


@pytest.fixture
def watch():
    """Return a function that makes a Watch of a path."""
    if not sys.platform.startswith("linux"):
        pytest.skip("only Linux tells so")
    made = []

    def watch(path):
        made.append(Watch(path))
        return made[-1]

    yield watch
    for each in made:
        each.close()

"""The end of a server whose clients do not finish in time, or that gets a second signal."""

import http.client
import json
import logging
import signal
import socket
import time

import numpy as np
import pytest
import soundfile

from tests.server.running import Running, form
from tests.server.test_realtime import NULL_AT_16K
from tests.server.test_realtime import Client as Realtime
from tests.server.test_requests import is_listening


@pytest.fixture
def long_sound(clips, tmp_path):
    """A sound that takes longer than any test."""
    path = tmp_path / "long.flac"
    soundfile.write(path, np.tile(clips[0].samples, 400), 16000)
    return path


def begin(server, body, boundary, part=None):
    """Send a form, or only a part of it; return the connection."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.putrequest("POST", "/v1/audio/transcriptions")
    connection.putheader("content-type", f"multipart/form-data; boundary={boundary}")
    connection.putheader("content-length", str(len(body)))
    connection.endheaders()
    connection.send(body[:part])
    return connection


def wait_for_files(server, count):
    while server.metrics()["nemocli_file_requests"] < count:
        time.sleep(0.05)


def test_what_is_cut_off_gets_an_answer(start, long_sound, monkeypatch, caplog):
    """A file, a stream of events and an upload that stalls; and nothing is logged."""
    monkeypatch.setattr("nemocli.server.run.DRAIN_TIMEOUT_S", 0.2)
    monkeypatch.setattr("nemocli.server.guard.ENDING_TIMEOUT_S", 0.1)
    caplog.set_level(logging.ERROR)
    server = start()
    sound = long_sound.read_bytes()
    events = begin(server, *form(sound, [("model", "x"), ("stream", "true")])).getresponse()
    assert events.readline().startswith(b'data: {"type": "transcript.text.delta"')
    whole = begin(server, *form(sound, [("model", "x")]))
    stalled = begin(server, *form(sound, [("model", "x")]), part=5000)
    wait_for_files(server, 3)
    server.end()
    for connection in (whole, stalled):
        response = connection.getresponse()
        assert (response.status, response.getheader("retry-after")) == (503, "5")
        assert json.loads(response.read())["error"]["code"] == "ending"
    last = events.read().strip().splitlines()[-1]
    assert json.loads(last.removeprefix(b"data: "))["error"]["code"] == "ending"
    server.close()
    assert not server.is_finished
    assert not caplog.records


def test_a_second_signal_removes_uploads(long_sound, tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    with Running("-q", TMPDIR=folder) as server:
        begin(server, *form(long_sound.read_bytes(), [("model", "x")]))
        while not list(folder.rglob("upload-*")):
            time.sleep(0.05)
        server.process.terminate()
        while is_listening(server):
            time.sleep(0.05)
        assert server.stop() == 128 + signal.SIGTERM
        assert not list(folder.rglob("upload-*"))
        assert server.errors() == ""


def test_nothing_is_left_after_the_end():
    """A session that was open, one that has vanished, and captions that nobody follows any more."""
    with Running("-q") as server:
        with Realtime(server) as client, socket.create_connection((server.host, server.port)) as s:
            client.send("session.update", session=NULL_AT_16K)
            s.sendall(
                b"GET /captions/events?id=0123456789abcdef HTTP/1.1\r\nhost: localhost\r\n\r\n"
            )
            assert s.recv(100)
            vanished = Realtime(server)
            vanished.send_raw(bytes(1001))
            vanished.receive("created")
            vanished.vanish()
            client.receive("updated")
        with Realtime(server) as client:
            client.send_raw(bytes(1001))
            client.receive("created")
            assert server.stop() == 0
        assert server.errors() == ""

"""Malformed requests, messages and frames: the right answers, no crash, and nothing is left."""

import contextlib
import gc
import json
import os
import socket
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed

from tests.server import malformed
from tests.server.running import open_websocket
from tests.server.test_load import live

#: Codes by which a session of a client that breaks the rules ends.
CLOSED_FOR = (1000, 1003, 1007, 1008, 1009)

#: Frames that a server sends.
ANSWERS = {"info", "pong", "error", "transcript", "transcript-start", "transcript-chunk"}
ANSWERS.add("transcript-stop")


def send_messages(server, sent):
    """Send messages in one session: what is wrong is an error of the client, and ends nothing."""
    url = server.url.replace("http", "ws") + "/v1/realtime"
    with open_websocket(url, max_queue=None, max_size=None) as client:
        try:
            for message in sent:
                client.send(message)
            client.send('{"type": "session.update", "session": {}, "event_id": "last"}')
            client.send('{"type": "x", "event_id": "end"}')
            while True:
                event = json.loads(client.recv(timeout=120))
                assert event["event_id"]
                if "error" in event:
                    assert event["error"]["type"] == "invalid_request_error", event
                    assert event["error"]["message"]
                    if event["error"].get("event_id") == "end":
                        return
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, closed
            assert closed.rcvd.code in CLOSED_FOR, closed


@contextlib.contextmanager
def closed_early():
    """Let a connection be closed by the server, but not hang."""
    try:
        yield
    except TimeoutError:
        raise
    except OSError:
        pass


def send_frames(server, sent):
    """Send frames in one connection: all that comes back are frames, and it ends."""
    with socket.create_connection((server.host, server.wyoming_port), timeout=120) as client:
        with closed_early():  # closed after a length that cannot be right
            for frame in sent:
                client.sendall(frame)
            client.shutdown(socket.SHUT_WR)
        received = receive_all(client)
    while received:
        line, _, received = received.partition(b"\n")
        head = json.loads(line)
        assert head["type"] in ANSWERS
        received = received[head.get("data_length", 0) + head.get("payload_length", 0) :]


def send_request(server, request):
    """Send a request: a fault of the client is never one of the server, and has a sentence."""
    with socket.create_connection((server.host, server.port), timeout=120) as client:
        with closed_early():
            client.sendall(request.data)
            if not request.is_whole:  # the server would wait for the rest
                client.shutdown(socket.SHUT_WR)
        received = receive_all(client)
    head, _, body = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100"):
        head, _, body = body.partition(b"\r\n\r\n")
    if not head:
        assert not request.is_whole, "no answer"
        return
    status = int(head.split()[1])
    assert status < 500, received
    if status >= 400 and request.is_whole and not request.data.startswith(b"HEAD"):
        assert json.loads(body)["error"]["message"], received
    path = request.data.split()[1] if request.is_whole else b""
    if path in (b"/nothing", b"/v1/audio/translations") and b"HTTP" in head:
        assert status in (404, 405)


def receive_all(client):
    received = b""
    with closed_early():
        while data := client.recv(1 << 16):
            received += data
    return received


def run(server, send, strategy, count):
    """Send so many examples of a strategy, or of lists of one."""
    sent = 0

    @settings(
        max_examples=max(5, min(count // 5, 1000)),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def check(example):
        nonlocal sent
        sent += len(example) if isinstance(example, list) else 1
        send(server, example)

    while sent < count:
        check()


def list_work(clips):
    sound = clips[0].path.read_bytes()[:4000]
    return [
        (send_messages, st.lists(malformed.messages, min_size=1, max_size=20), 0.4),
        (send_frames, st.lists(malformed.frames(), min_size=1, max_size=20), 0.3),
        (send_request, malformed.requests(sound), 0.3),
    ]


def left(server):
    """Return what clients that are gone may leave: streams, files in work, and uploads."""
    metrics = server.metrics()
    names = ("nemocli_live_streams", "nemocli_file_requests", 'nemocli_queue{kind="live"}')
    uploads = list(server.folder.rglob("*")) if hasattr(server, "folder") else []
    return [metrics[name] for name in names], uploads


def wait_until_nothing_is_left(server):
    until = time.monotonic() + 60
    while left(server) != ([0, 0, 0], []):
        assert time.monotonic() < until, left(server)
        time.sleep(0.02)


@pytest.mark.parametrize("count", [60, pytest.param(10_000, marks=pytest.mark.slow)])
def test_what_no_client_should_send_does_no_harm(
    start, clips, caplog, tmp_path, count, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server = start(wyoming_port=0)
    (server.folder,) = tmp_path.glob("nemocli-*")
    sizes = []
    for _ in range(2):  # the first half allocates what is allocated once
        for send, strategy, share in list_work(clips):
            run(server, send, strategy, round(share * count / 2))
        wait_until_nothing_is_left(server)
        gc.collect()
        sizes.append((_memory(), threading.active_count(), _open_files()))
    assert not [record for record in caplog.records if record.name == "nemocli.server"]
    (memory, threads, files), (memory_after, threads_after, files_after) = sizes
    if count >= 10_000:
        assert memory_after - memory < 25_000_000
    assert threads_after <= threads + 64  # the pools of live streams and files are not full yet
    assert files_after <= files + 3
    assert server.transcribe(clips[0].path)[1]["text"] == clips[0].text
    assert live(server, clips[0].samples, 3200)[0] == clips[0].text


def _memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def _open_files():
    return len(os.listdir("/proc/self/fd"))

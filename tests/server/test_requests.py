"""Requests without a client library: forms as curl and browsers send them, limits, and errors."""

import http.client
import json
import shutil
import socket
import subprocess
import tempfile
import time

import av
import numpy as np
import pytest

from nemocli.server.uploads import _format_size
from tests.server.running import Running, form
from tests.typed import nemocli


def test_curl(server, clips):
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    url = f"{server.url}/v1/audio/transcriptions"
    command = ["curl", "-s", url, "-F", f"file=@{clips[0].path}", "-F", "model=whisper-1"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert json.loads(done.stdout)["text"] == clips[0].text
    command += ["-F", "response_format=text"]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    assert done.stdout == clips[0].text + "\n"


def test_a_recording_of_a_browser_without_a_name(server, clips, tmp_path):
    """WebM with Opus, recognised by its content."""
    path = tmp_path / "audio.webm"
    with av.open(str(path), "w", format="webm") as container:
        stream = container.add_stream("libopus", rate=48000, layout="mono")
        samples = np.repeat(clips[0].samples, 3)[None]
        for at in range(0, samples.shape[1], 960):
            piece = np.ascontiguousarray(samples[:, at : at + 960])
            frame = av.AudioFrame.from_ndarray(piece, format="flt", layout="mono")
            frame.rate, frame.pts = 48000, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    body, boundary = form(None, [("model", "x")])
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename=""\r\n\r\n'
    body = head.encode() + path.read_bytes() + b"\r\n" + body
    status, _, answer = server.request(
        "POST",
        "/v1/audio/transcriptions",
        body,
        content_type=f"multipart/form-data; boundary={boundary}",
    )
    assert status == 200, answer
    assert "eleven" in json.loads(answer)["text"]


def test_lists_in_every_form(server, clips):
    for fields in [
        [("timestamp_granularities[]", "word"), ("timestamp_granularities[]", "segment")],
        [("timestamp_granularities", "word,segment")],
        [("timestamp_granularities", '["word", "segment"]')],
    ]:
        _, answer = server.transcribe(clips[0].path, ("response_format", "verbose_json"), *fields)
        assert answer["words"] and answer["segments"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([("response_format", "diarized_json")], "response_format"),
        ([("language", "klingon")], "language"),
        ([("timestamp_granularities", "second")], "timestamp_granularities"),
        ([("stream", "perhaps")], "stream"),
        ([("known_speaker_names[]", "Ana")], "known_speaker_names"),
    ],
)
def test_a_wrong_field_is_named(server, clips, fields, param):
    status, answer = server.transcribe(clips[0].path, *fields)
    assert status == 400
    assert answer["error"]["type"] == "invalid_request_error"
    assert answer["error"]["param"] == param


def test_empty_fields_mean_nothing(server, clips):
    empty = [(name, "") for name in ("language", "prompt", "stream", "known_speaker_names[]")]
    assert server.transcribe(clips[0].path, *empty)[0] == 200


@pytest.mark.parametrize("sound", [b"", b"RIFF", b"\0" * 5000, b"ID3" + bytes(100)])
def test_what_is_no_sound_is_the_clients_fault(server, sound):
    """With 500, clients would send it twice more."""
    for fields in ((), (("stream", "true"),)):
        status, answer = server.transcribe(sound, *fields)
        assert status == 400
        assert answer["error"]["message"].startswith("a.bin ")
        assert "/" not in answer["error"]["message"].split()[0]


def test_what_is_no_form(server):
    path = "/v1/audio/transcriptions"
    for content_type, body in [
        ("application/json", "{}"),
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=x", "no form at all"),
        ("multipart/form-data; boundary=" + "x" * 10_000, "--x"),
    ]:
        status, _, answer = server.request("POST", path, body, content_type=content_type)
        assert (status, json.loads(answer)["error"]["type"]) == (400, "invalid_request_error")
    status, answer = server.transcribe(None)
    assert (status, answer["error"]["param"]) == (400, "file")


def test_other_paths(server):
    for method, path, expected in [
        ("GET", "/nothing", 404),
        ("GET", "/v1/audio/transcriptions", 405),
        ("POST", "/v1/audio/translations", 404),
        ("GET", "/v1/models/any", 200),
        ("GET", "/health", 200),
        ("GET", "/ready", 200),
        ("GET", "/version", 200),
    ]:
        status, headers, body = server.request(method, path)
        assert status == expected
        assert headers["x-request-id"].startswith("req_")
        assert ("error" in json.loads(body)) == (expected >= 400)
    _, headers, body = server.request("GET", "/v1/audio/transcriptions")
    assert headers["allow"] == "POST"
    assert "takes POST, not GET." in json.loads(body)["error"]["message"]
    status, headers, body = server.request("GET", "/v1/realtime")
    assert (status, headers["upgrade"]) == (426, "websocket")
    assert "needs a WebSocket" in json.loads(body)["error"]["message"]


def test_an_upload_that_is_too_large_is_refused_before_it_is_read(start, clips):
    server = start(max_upload=1_000_000)
    for size in (1_000_001, 6_000_000):
        status, answer = server.transcribe(bytes(size))
        assert (status, answer["error"]["param"]) == (413, "file")
        assert "larger than 1 MB:" in answer["error"]["message"]
    assert server.transcribe(bytes(1_000_000))[0] == 400  # it is read, and is not sound
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    connection.putrequest("POST", "/v1/audio/transcriptions")
    connection.putheader("content-type", "multipart/form-data; boundary=x")
    connection.putheader("transfer-encoding", "chunked")  # so that its size is unknown
    connection.endheaders()
    chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
    try:
        for _ in range(12):
            connection.send(chunk)
        connection.send(b"0\r\n\r\n")
    except OSError:
        return  # closed meanwhile
    assert connection.getresponse().status in (400, 413)
    connection.close()
    assert server.transcribe(clips[0].path)[0] == 200


@pytest.mark.parametrize(
    ("size", "text"),
    [(1, "1 byte"), (999, "999 bytes"), (1000, "1 kB"), (1 << 20, "1.049 MB"), (2 * 10**9, "2 GB")],
)
def test_sizes_have_a_unit_that_fits(size, text):
    assert _format_size(size) == text


def test_a_limit_that_lets_nothing_in_is_refused():
    done = nemocli("serve", "--model", "demo", "--port", "0", "--max-upload", "0")
    assert done.exit_code == 2
    assert "--max-upload takes a size of at least one byte" in done.output


def test_a_form_with_two_files_or_two_languages(server, clips):
    """The last one would win silently."""
    sound = clips[0].path.read_bytes()
    body, boundary = form(sound, [("model", "x")])
    first, _ = form(sound, [])
    body = first.removesuffix(f"--{boundary}--\r\n".encode()) + body
    content_type = f"multipart/form-data; boundary={boundary}"
    path = "/v1/audio/transcriptions"
    status, _, answer = server.request("POST", path, body, content_type=content_type)
    assert (status, json.loads(answer)["error"]["param"]) == (400, "file")
    assert "several files" in json.loads(answer)["error"]["message"]
    status, answer = server.transcribe(clips[0].path, ("language", "de"), ("language", "fr"))
    assert (status, answer["error"]["param"]) == (400, "language")
    assert server.transcribe(clips[0].path, ("language", "en"), ("language", "en"))[0] == 200


def test_phrases_without_a_form(server):
    status, _, answer = server.request("POST", "/v1/phrases", "{}", content_type="text/plain")
    error = json.loads(answer)["error"]
    assert (status, error["param"]) == (400, "keywords")
    assert "'keywords'" in error["message"]


def test_a_client_that_goes_away_does_not_keep_its_file(start, clips, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    server = start()
    body, boundary = form(clips[0].path.read_bytes(), [("stream", "true")])
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}"
        f"\r\ncontent-type: multipart/form-data; boundary={boundary}\r\n\r\n"
    ).encode()
    for sent in (body[: len(body) // 2], body):
        with socket.create_connection((server.host, server.port)) as client:
            client.sendall(head + sent)
    while list(tmp_path.rglob("upload-*")) or server.metrics()["nemocli_file_requests"]:
        time.sleep(0.05)
    assert server.transcribe(clips[0].path)[1]["text"] == clips[0].text


def send_and_end(server, clip):
    """Send a file, end that direction, and return all that comes back."""
    body, boundary = form(clip.path.read_bytes(), [("model", "x")])
    head = (
        f"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(body)}"
        f"\r\ncontent-type: multipart/form-data; boundary={boundary}\r\n\r\n"
    ).encode()
    with socket.create_connection((server.host, server.port), timeout=60) as client:
        client.sendall(head + body)
        client.shutdown(socket.SHUT_WR)
        with client.makefile("rb") as answer:
            return answer.read()


def test_a_client_that_sends_no_more_still_has_its_answer(server, clips):
    head, _, body = send_and_end(server, clips[0]).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert json.loads(body)["text"] == clips[0].text


def test_a_client_that_sends_no_more_may_be_gone(start, clips, monkeypatch):
    monkeypatch.setattr("nemocli.server.protocols.HALF_CLOSED_TIMEOUT_S", 0.01)
    server = start()
    monkeypatch.setattr("nemocli.scheduler.scheduler.advance_now", lambda *_: time.sleep(0.1))
    assert send_and_end(server, clips[0]) == b""
    monkeypatch.undo()
    while server.metrics()["nemocli_file_requests"]:
        time.sleep(0.05)
    assert server.transcribe(clips[0].path)[1]["text"] == clips[0].text


def test_sigterm_lets_clients_finish(clips):
    """A file that is being sent is transcribed; new connections are refused."""
    body, boundary = form(clips[0].path.read_bytes(), [("model", "x")])
    with Running() as server:
        connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
        connection.putrequest("POST", "/v1/audio/transcriptions")
        connection.putheader("content-type", f"multipart/form-data; boundary={boundary}")
        connection.putheader("content-length", str(len(body)))
        connection.endheaders()
        connection.send(body[:1000])
        while not server.metrics()["nemocli_file_requests"]:
            time.sleep(0.05)
        server.process.terminate()
        while is_listening(server):
            time.sleep(0.05)
        connection.send(body[1000:])
        assert json.loads(connection.getresponse().read())["text"] == clips[0].text
        connection.close()
        assert server.process.wait(60) == 0, server.errors()


def is_listening(server):
    try:
        socket.create_connection((server.host, server.port), timeout=60).close()
    except OSError:
        return False
    return True


def test_an_address_that_is_taken(server):
    done = nemocli("serve", "--model", "demo", "--port", server.port)
    assert done.exit_code == 2
    assert f"port {server.port}" in done.output
    assert "by --host and --port" in done.output
    taken = ["--wyoming-port", server.port]
    done = nemocli("serve", "--model", "demo", "--port", "0", *taken)
    assert done.exit_code == 2
    assert "by --wyoming-host and --wyoming-port" in done.output


def test_another_address_needs_a_key():
    done = nemocli("serve", "--model", "demo", "--host", "0.0.0.0")
    assert done.exit_code == 2
    assert "choose a key" in done.output


@pytest.mark.parametrize("key", ["", " "])
def test_an_empty_key_is_refused_wherever_it_is(key):
    """As a variable, it is a secret that was not filled in."""
    command = ["serve", "--model", "demo", "--port", "0"]
    typed = nemocli(*command, "--api-key", key)
    by_variable = nemocli(*command, env={"NEMOCLI_API_KEY": key})
    assert (typed.exit_code, by_variable.exit_code) == (2, 2)
    for done in (typed, by_variable):
        assert "NEMOCLI_API_KEY takes a key of ASCII characters that is not empty" in done.output

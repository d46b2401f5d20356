"""What pages of the web, other programs and their uploads cannot do with a running server."""

import http.client
import json
import os
import socket
import threading
import time
from contextlib import suppress

import pytest

pytest.importorskip("starlette", reason="needs pip install 'nemocli[serve]'")

from websockets.exceptions import ConnectionClosed, InvalidStatus

import nemocli
from nemocli.errors import UsageError
from nemocli.server import protocols, uploads
from nemocli.server.settings import ServerSettings, is_loopback
from tests.server.running import InThread, open_websocket


@pytest.fixture(scope="module")
def served():
    with nemocli.load("demo") as loaded, InThread(loaded, wyoming_port=0) as running:
        yield running


@pytest.fixture
def start():
    started = []

    def start(**settings):
        started.append(InThread(nemocli.load("demo"), **settings))
        return started[-1]

    yield start
    for running in started:
        running.close()


def open_socket(server, path="/v1/realtime", **options):
    return open_websocket(server.url.replace("http", "ws") + path, **options)


FOREIGN = ["https://evil.example", "http://localhost:1", "null", "http://localhost.evil.example"]


@pytest.mark.parametrize("origin", [*FOREIGN, "http://[::1", "http://localhost:80@evil.example"])
def test_no_page_of_the_web_may_use_it(served, clips, origin):
    status, _, body = served.post(clips[0].path, origin=origin)
    assert (status, json.loads(body)["error"]["code"]) == (403, "origin")
    with pytest.raises(InvalidStatus) as refused, open_socket(served, origin=origin):
        pass
    assert refused.value.response.status_code == 403


def test_its_own_page_may(served, clips):
    for host in ("localhost", "127.0.0.1"):
        at = f"{host}:{served.port}"
        status, _, _ = served.request("GET", "/v1/models", host=at, origin=f"http://{at}")
        assert status == 200


def test_an_allowed_origin_may_and_no_other(start, clips):
    server = start(cors=("https://good.example", "app://obsidian.md"))
    for origin, expected in [("https://good.example", 200), ("app://obsidian.md", 200)] + [
        (other, 403) for other in FOREIGN
    ]:
        status, headers, _ = server.request("GET", "/v1/models", origin=origin)
        assert status == expected
        allowed = headers["access-control-allow-origin"]
        assert allowed == (origin if expected == 200 else None)
        names = {"access_control_request_method": "POST", "origin": origin}
        status, headers, _ = server.request("OPTIONS", "/v1/audio/transcriptions", **names)
        assert (status == 200) == (expected == 200)
        assert headers["access-control-allow-origin"] == allowed


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "", "localhost@evil.example"]
)
def test_a_name_that_was_bound_to_this_machine_does_not_help(served, host):
    """DNS rebinding: the page's own host leads to 127.0.0.1, and its origin is that host."""
    status, _, body = served.request(
        "GET", "/v1/models", host=host, origin=f"http://{host or 'evil.example'}"
    )
    assert (status, json.loads(body)["error"]["code"]) == (403, "host")


def test_with_a_key_nothing_is_open_without_it(start, clips, capfd):
    server = start(api_key="a-secret-key")
    for method, path in [
        ("GET", "/v1/models"),
        ("GET", "/v1/models/demo"),
        ("GET", "/metrics"),
        ("POST", "/v1/audio/transcriptions"),
        ("POST", "/v1/audio/translations"),
        ("GET", "/nothing"),
    ]:
        for headers in (
            {},
            {"authorization": "Bearer"},
            {"authorization": "Bearer a-secret-ke"},
            {"authorization": "Bearer a-secret-key2"},
            {"authorization": "Basic a-secret-key"},
            {"x_api_key": "A-SECRET-KEY"},
            {"x_api_key": "\xfc"},
        ):
            assert server.request(method, path, **headers)[0] == 401, path
    assert server.request("GET", "/v1/models?api_key=a-secret-key")[0] == 401  # it is for sockets
    for headers in ({"authorization": "bearer a-secret-key"}, {"x_api_key": "a-secret-key"}):
        assert server.request("GET", "/v1/models", **headers)[0] == 200
    assert server.request("GET", "/health")[0] == 200
    with pytest.raises(InvalidStatus), open_socket(server, "/v1/realtime?api_key=a"):
        pass
    with pytest.raises(InvalidStatus), open_socket(server, "/v1/realtime?" + "&a=b" * 1000):
        pass
    server.close()
    said = capfd.readouterr()
    assert "secret" not in said.out + said.err


def test_refused_websockets_write_nothing(served, start, capfd, caplog):
    """Any page of the web may try, as often as it likes."""
    for server, path, options in [
        (served, "/v1/realtime", {"origin": "https://evil.example"}),
        (served, "/nothing", {}),
        (start(api_key="a-secret-key"), "/v1/realtime?api_key=a", {}),
    ]:
        with pytest.raises(InvalidStatus) as refused, open_socket(server, path, **options):
            pass
        response = refused.value.response
        expected = {"/nothing": 404}.get(path, 401 if "key" in path else 403)
        assert response.status_code == expected
        assert json.loads(response.body)["error"]["message"].endswith(".")
    said = capfd.readouterr()
    assert (said.out, said.err, caplog.records) == ("", "", [])


@pytest.mark.parametrize(
    "origin",
    [
        "https://a.example/",
        "a.example",
        "https://A.example",
        "HTTPS://a.example",
        "https://a/b",
        "https://a.example:443",
        "http://a:80",
        "https://ä.example",
        "https://a,https://b",
        "",
        "*.a",
    ],
)
def test_an_origin_that_no_browser_sends_is_refused(origin):
    with pytest.raises(UsageError, match="--cors takes an origin"):
        ServerSettings(cors=(origin,))


def test_origins_that_browsers_send():
    given = ("https://a.example", "http://a:3000", "app://obsidian.md", "null", "*", "http://[::1]")
    assert ServerSettings(cors=given).cors == given


def test_other_machines_need_a_key():
    for host in ("0.0.0.0", "::", "192.0.2.1", "example.org"):
        assert not is_loopback(host)
        with pytest.raises(UsageError, match="choose a key"):
            ServerSettings(host=host)
        ServerSettings(host=host, api_key="key")
    for host in ("127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"):
        assert is_loopback(host)


def test_an_upload_has_no_other_file_or_address_read(served, server, tmp_path, watch):
    """Playlists and the like, whatever the upload is called."""
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"RIFF")
    watched = watch(secret)
    for content in (
        f"#EXTM3U\n#EXTINF:10,\n{server.url}/a.ts\n#EXT-X-ENDLIST\n",
        f"#EXTM3U\n#EXTINF:10,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        f"ffconcat version 1.0\nfile '{secret}'\n",
        f"v=0\nm=audio 0 RTP/AVP 0\na=control:{server.url}\n",
        str(secret),
    ):
        status, answer = served.transcribe(content.encode())
        assert status == 400
        assert str(secret) not in answer["error"]["message"]
    assert not server.asked
    assert not watched.was_opened()


@pytest.mark.parametrize(
    "name", ["../../x.wav", "/etc/passwd", "a\0b", "\u202egnp.wav", "x" * 5000]
)
def test_the_name_of_an_upload_is_only_quoted(served, clips, tmp_path, monkeypatch, name):
    boundary = "b"
    for content in (clips[0].path.read_bytes(), b"no sound"):
        head = f'--b\r\ncontent-disposition: form-data; name="file"; filename="{name}"\r\n\r\n'
        status, _, body = served.request(
            "POST",
            "/v1/audio/transcriptions",
            head.encode() + content + b"\r\n--b--\r\n",
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        assert status in (200, 400)
        assert len(body) < 3000


@pytest.mark.parametrize(
    "name", ["../pages.py", "..%2fpages.py", "%2e%2e/pages.py", "/etc/passwd", "x.js", ".", "a%00"]
)
def test_no_other_files_are_sent(served, name):
    assert served.request("GET", f"/static/{name}")[0] == 404


def test_pages_have_a_strict_policy(served):
    for path in ("/", "/captions", "/static/page.js"):
        for host in ("localhost:1", "127.0.0.1"):
            status, headers, body = served.request("GET", path, host=host)
            policy = headers["content-security-policy"]
            assert status == 200
            assert policy.startswith("default-src 'none'; script-src 'self';")
            assert "unsafe" not in policy and "*" not in policy
            assert headers["x-frame-options"] == "DENY"
            assert b"http://" not in body.replace(b"http://www.w3.org/2000/svg", b"")


def test_captions_are_followed_by_those_who_know_their_id(served, clips):
    for wrong in ("", "short", "x" * 65, "a/b" * 10):
        assert served.request("GET", f"/captions/events?id={wrong}")[0] == 400
    following = http.client.HTTPConnection(served.host, served.port, timeout=60)
    following.request("GET", "/captions/events?id=0123456789abcdef")
    events = following.getresponse()
    assert events.readline() == b": captions\n"
    for feed in ("fedcba9876543210", "0123456789abcdef"):
        clip = clips[feed[0] == "0"]
        with open_socket(served, f"/v1/realtime?captions={feed}") as client:
            given = {"format": {"type": "audio/pcm", "rate": 16000}, "turn_detection": None}
            client.send(
                json.dumps({"type": "session.update", "session": {"audio": {"input": given}}})
            )
            client.send((clip.samples * 32767).astype("<i2").tobytes())
            client.send(json.dumps({"type": "input_audio_buffer.commit"}))
            while not json.loads(client.recv(timeout=60))["type"].endswith(".completed"):
                pass
    while not (line := events.readline()).endswith(b"true}\n"):
        pass
    assert json.loads(line.removeprefix(b"data: "))["text"] == clips[1].text
    following.close()


def test_uploads_are_read_by_nobody_else_and_do_not_stay(start, clips, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server = start()
    (folder,) = tmp_path.iterdir()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert server.transcribe(clips[0].path)[0] == 200
    assert server.transcribe(b"no sound")[0] == 400
    assert not list(folder.iterdir())
    server.close()
    assert not list(tmp_path.iterdir())


def test_clients_that_say_nothing_are_closed(start, monkeypatch):
    monkeypatch.setattr(protocols, "HEAD_TIMEOUT_S", 0.3)
    monkeypatch.setattr(uploads, "READ_TIMEOUT_S", 0.3)
    monkeypatch.setattr("nemocli.server.guard.DISCARD_TIMEOUT_S", 0.3)
    monkeypatch.setattr("nemocli.server.wyoming.READ_TIMEOUT_S", 0.3)
    server = start(wyoming_port=0)
    head = b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9999\r\n"
    head += b"connection: close\r\n"
    for sent, port, expected in [
        (b"", server.port, b""),
        (b"GET / HT", server.port, b""),
        (head, server.port, b""),
        (head + b"content-type: multipart/form-data; boundary=b\r\n\r\n--b", server.port, b" 408 "),
        (b"", server.wyoming_port, b""),
        (b'{"type"', server.wyoming_port, b""),
        (b'{"type": "x", "data_length": 5}\n', server.wyoming_port, b""),
    ]:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
            client.sendall(sent)
            received = b"".join(iter(lambda c=client: c.recv(4096), b""))
            assert expected in received


def test_an_upload_that_trickles_is_refused(start, clips, monkeypatch):
    """It does not keep a place for files from others; one that is fast enough may go on."""
    monkeypatch.setattr(uploads, "MAX_LATE_S", 0.5)
    server = start()
    head = (
        b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9000000\r\n"
    )
    head += b"connection: close\r\ncontent-type: multipart/form-data; boundary=b\r\n\r\n--b\r\n"
    monkeypatch.setattr("nemocli.server.guard.DISCARD_TIMEOUT_S", 0.1)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client:
        client.sendall(head)
        client.settimeout(0.05)
        received = b""
        while b"\r\n\r\n" not in received:
            with suppress(TimeoutError):
                received += client.recv(4096)
            with suppress(OSError):
                client.sendall(b"a")
        assert received.startswith(b"HTTP/1.1 408 ")
    while server.metrics()["nemocli_file_requests"]:
        time.sleep(0.02)
    assert server.transcribe(clips[0].path)[0] == 200


def test_a_client_that_takes_nothing_is_cut_off(start, clips, monkeypatch):
    """It goes on sending sound and events; its answers fill the connection, and it is closed."""
    monkeypatch.setattr(protocols, "TAKE_TIMEOUT_S", 0.5)
    server = start()
    with open_socket(server, max_queue=1) as client:
        client.send(b"\0" * 3200)
        while not server.scheduler.places:
            time.sleep(0.02)
        raw = client.socket
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        update = json.dumps(
            {"type": "session.update", "session": {"audio": {"input": {"transcription": {
                "model": "x" * 100_000}}}}}
        )  # fmt: skip
        with pytest.raises((ConnectionClosed, OSError, TimeoutError)):
            for _ in range(1000):  # each is answered by as much
                client.send(update)
    while server.scheduler.places:
        time.sleep(0.05)


def test_a_client_that_vanishes_gives_its_place_back(start, clips):
    server = start(max_streams=1)
    for _ in range(5):
        client = open_socket(server).__enter__()
        client.recv()
        client.send(b"\0" * 32000)
        while not server.scheduler.places:
            time.sleep(0.02)
        client.socket.shutdown(socket.SHUT_RDWR)
        while server.scheduler.places:
            time.sleep(0.02)


@pytest.mark.slow
def test_a_client_that_sends_much_faster_has_to_wait(served):
    """Sound is not kept in memory without bound: the connection is read more slowly."""
    minute = b"\0" * (2 * 24000 * 60)
    sent = []

    def send():
        with open_socket(served) as client:
            for _ in range(15):
                client.send(minute)
                sent.append(time.monotonic())
            client.send(json.dumps({"type": "input_audio_buffer.commit"}))
            while json.loads(client.recv(timeout=120))["type"] != "input_audio_buffer.committed":
                pass

    before = _memory()
    sending = threading.Thread(target=send)
    sending.start()
    most = before
    while sending.is_alive():
        most = max(most, _memory())
        time.sleep(0.02)
    assert len(sent) == 15
    assert most - before < 100_000_000  # fifteen minutes as floats are 58 MB, and 43 MB as sent


def _memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_many_fields_and_long_ones_are_refused(served, clips):
    many = [(f"f{n}", "x") for n in range(3000)]
    for fields in (many, [("prompt", "x" * 2_000_000)]):
        assert served.transcribe(clips[0].path, *fields)[0] == 400
    deep = "[" * 200_000
    assert served.transcribe(clips[0].path, ("keywords", deep), ("speech_contexts", deep))[0] == 200


def test_requests_that_are_no_http(served):
    for sent in (b"\0" * 100, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 50_000, b"x" * 100_000):
        with socket.create_connection((served.host, served.port), timeout=60) as client:
            with pytest.MonkeyPatch.context():
                try:
                    client.sendall(sent)
                    client.shutdown(socket.SHUT_WR)
                    received = b"".join(iter(lambda c=client: c.recv(4096), b""))
                except OSError:
                    continue  # closed meanwhile
            assert received == b"" or received.split()[1] in (b"400", b"403", b"431")
    assert served.request("GET", "/health")[0] == 200


def test_a_message_that_is_too_large_ends_only_its_connection(served):
    with open_socket(served) as client, pytest.raises((ConnectionClosed, OSError)) as closed:
        client.recv()
        client.send("x" * (17 << 20))
        while True:
            client.recv(timeout=60)
    if isinstance(closed.value, ConnectionClosed) and closed.value.rcvd:
        assert closed.value.rcvd.code == 1009
    assert served.request("GET", "/health")[0] == 200


def test_head_of_a_form_without_end(served):
    connection = http.client.HTTPConnection(served.host, served.port, timeout=60)
    connection.request(
        "POST",
        "/v1/audio/transcriptions",
        b"--b\r\n" + b"a" * 3_000_000,
        {"content-type": "multipart/form-data; boundary=b"},
    )
    assert connection.getresponse().status == 400
    connection.close()

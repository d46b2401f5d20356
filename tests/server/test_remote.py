"""`nemocli live --server` and `file --server`: a model elsewhere gives what it gives here."""

import base64
import http.server
import json
import threading
from contextlib import asynccontextmanager

import pytest
from websockets.sync.server import serve

from nemocli.errors import NemocliError, UsageError
from nemocli.remote.connection import TRANSCRIPTION
from nemocli.remote.model import RemoteModel
from nemocli.remote.server import parse_server
from nemocli.remote.words import estimate_words, read_words
from nemocli.server.errors import ApiError
from tests.schemas import checked
from tests.typed import nemocli


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """No model is here, so that none is loaded by mistake."""
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_files_have_the_documents_of_a_model_here(server, clips, tmp_path):
    paths = [str(clip.path) for clip in clips]
    for path, name in zip(paths, ("srt", "txt", "vtt", "tsv", "jsonl"), strict=False):
        here = nemocli("file", path, "--model", "demo", "--format", name)
        there = nemocli("file", path, "--server", server.url, "--format", name)
        assert (there.exit_code, there.stdout) == (0, here.stdout)
    here = json.loads(nemocli("file", paths[0], "--model", "demo", "-f", "json").stdout)
    there = json.loads(nemocli("file", paths[0], "--server", server.url, "-f", "json").stdout)
    assert there.pop("sound") is None  # the server does not say how it decoded the file
    assert here.pop("sound")
    assert there == here


def test_many_files_into_a_folder_resume(server, clips, tmp_path):
    paths = [str(clip.path) for clip in clips]
    (tmp_path / "bad.wav").write_bytes(b"RIFF no sound")
    command = ["file", *paths, tmp_path / "bad.wav", "--server", server.url]
    command += ["--output-dir", tmp_path / "out", "--output-format", "txt"]
    done = nemocli(*command)
    assert done.exit_code == 1
    assert "bad.wav is not a sound file" in done.output
    assert "sound.wav" not in done.output
    for clip in clips:
        (written,) = (tmp_path / "out").rglob(f"{clip.path.stem}.txt")
        assert written.read_text() == clip.text + "\n"
    again = nemocli(*command[:-4], *command[-4:])
    assert "transcribed" not in again.stdout


def test_live_has_the_segments_of_a_model_here(server, clips, tmp_path):
    sound = clips[0].path
    options = ["--format", "jsonl", "--output"]
    here = nemocli("live", "--model", "demo", "--input", sound, *options, tmp_path / "a.srt")
    there = nemocli("live", "--server", server.url, "--input", sound, *options, tmp_path / "b.srt")
    assert (here.exit_code, there.exit_code) == (0, 0), there.output

    def finals(done):
        events = [json.loads(line) for line in done.stdout.splitlines()]
        return [event for event in events if event["type"] == "final"]

    assert finals(there) == finals(here)
    assert (tmp_path / "a.srt").read_text() == (tmp_path / "b.srt").read_text()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--lookahead", "3"], "--lookahead is for a model of this process"),
        (["--align", "sound"], "--align is for a model of this process"),
        (["--boost", "2"], "--boost is for a model of this process"),
        (["--server", "ftp://x"], "--server takes an address"),
        (["--server-key", "schlüssel"], "printable ASCII"),
    ],
)
@pytest.mark.parametrize("command", ["file", "live"])
def test_options_that_make_no_sense(server, clips, command, options, says):
    given = [clips[0].path] if command == "file" else ["--input", clips[0].path]
    done = nemocli(command, *given, "--server", server.url, *options)
    assert done.exit_code == 2
    assert says in done.output


@pytest.mark.parametrize("command", ["file", "live"])
def test_a_server_that_is_not_there_or_wants_a_key(start, clips, command):
    given = [clips[0].path] if command == "file" else ["--input", clips[0].path]
    done = nemocli(command, *given, "--server", "127.0.0.1:1")
    assert done.exit_code == 1
    assert "cannot be reached (Connection refused): is 'nemocli serve' running" in done.output
    server = start(api_key="secret")
    done = nemocli(command, *given, "--server", server.url)
    assert done.exit_code == 1
    assert "wants its key" in done.output
    wrong = {"NEMOCLI_SERVER_KEY": "wrong"}
    done = nemocli(command, *given, "--server", server.url, env=wrong)
    assert done.exit_code == 1
    assert "refuses the key that was given" in done.output
    done = nemocli(command, *given, "--server", server.url, env={"NEMOCLI_SERVER_KEY": "secret"})
    assert (done.exit_code, done.stdout) == (0, clips[0].text + "\n")


def test_a_language_that_the_server_does_not_know(server, clips):
    for command in (["file", clips[0].path], ["live", "--input", clips[0].path]):
        for lang in ("tlh", "klingon"):
            done = nemocli(*command, "--server", server.url, "--lang", lang)
            assert done.exit_code == 2
            assert f"does not know the language '{lang}'" in done.output


def test_a_language_is_understood_as_without_a_server(transcriber):
    languages = transcriber.languages
    model = RemoteModel(parse_server("127.0.0.1"), "x", is_ours=True, languages=languages)
    names = (
        "en",
        "eng",
        "English",
        "en-ZZ",
        "en_us",
        "auto",
        "日本語",
        "no",
        "tlh",
        "x-y",
        "german",
    )
    for name in names:
        try:
            known = transcriber.resolve_language(name)
        except UsageError:
            with pytest.raises(UsageError, match="does not know"):
                model.resolve_language(name)
        else:
            assert transcriber.resolve_language(model.resolve_language(name)) == known


def test_a_file_from_a_pipe_has_its_name_in_errors(server):
    done = nemocli("file", "-", "--server", server.url, input=b"RIFF no sound")
    assert done.exit_code == 1
    assert "is not a sound file" in done.output
    assert "server says" not in done.output


def test_a_server_that_ends_while_it_listens_loses_nothing_that_was_final(start, clips, tmp_path):
    server = start()
    sound = clips[0].path.with_name("all-languages.flac")
    ending = threading.Timer(6, server.end)
    ending.start()
    done = nemocli("live", "--server", server.url, "--input", sound, "-o", tmp_path / "a.txt")
    ending.join()
    assert done.exit_code == 1
    assert "closed the connection: The server ends." in done.output
    assert (tmp_path / "a.txt").read_text() == done.stdout != ""


class Other(http.server.BaseHTTPRequestHandler):
    """A server of another make: no times of words, tags, or list of languages."""

    def do_GET(self):
        self._answer({"object": "list", "data": [{"id": "other-model", "owned_by": "them"}]})

    def do_POST(self):
        self.server.received = self.rfile.read(int(self.headers["content-length"]))
        self._answer({"text": "one two. three", "duration": 4.0, "language": "english"})

    def _answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def test_another_make_of_server(clips):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/v1/"
        done = nemocli("file", clips[0].path, "--server", url, "--lang", "en_us", "-f", "json")
        server.shutdown()
    document = json.loads(done.stdout)
    assert (document["text"], document["model"]) == ("one two. three", "other-model")
    assert "estimated" in checked(document, "document")["warnings"][0]["message"]
    words = [word for segment in document["segments"] for word in segment["words"]]
    assert [word["confidence"] for word in words] == [0, 0, 0]
    assert words[-1]["end"] == 4.0
    assert b'name="language"\r\n\r\nen\r\n' in server.received
    assert clips[0].path.name.encode() not in server.received


def test_a_busy_server_is_waited_for(server, clips, monkeypatch, tmp_path):
    """The files that wait are not silent about it, and say so once."""
    refused = []

    @asynccontextmanager
    async def count(self):
        if len(refused) < 3:
            refused.append(1)
            raise ApiError(429, "32 files wait already.", code="busy", retry_after_s=0)
        yield

    monkeypatch.setattr("nemocli.server.service.Service.count_file_request", count)
    paths = [clip.path for clip in clips[:2]]
    done = nemocli("file", *paths, "--server", server.url, "--output-dir", tmp_path)
    assert done.exit_code == 0, done.output
    assert len(refused) == 3
    assert done.stderr.count("is busy: files wait, and are sent again.") == 1


class OtherLive:
    """A server of another make with live sound: it ends turns itself, and sends no times."""

    def __init__(self):
        self.sound = 0
        self.sessions = []

    def __call__(self, connection):
        connection.send('{"type": "session.created"}')
        for message in connection:
            event = json.loads(message)
            if event["type"] == "session.update":
                self.sessions.append(event["session"]["audio"]["input"])
                connection.send('{"type": "session.updated"}')
            elif event["type"] == "input_audio_buffer.append":
                self.sound += len(base64.b64decode(event["audio"]))
                if self.sound > 60000 and self.sound < 70000:
                    self.say(connection, "input_audio_buffer.speech_started", audio_start_ms=200)
                    for delta in ("one", " two"):
                        self.say(connection, f"{TRANSCRIPTION}delta", delta=delta)
                    self.say(connection, "input_audio_buffer.speech_stopped", audio_end_ms=1000)
                    self.say(connection, f"{TRANSCRIPTION}completed", transcript="one two")
                    self.sound += 10000  # only once
            elif event["type"] == "input_audio_buffer.commit":
                error = {"code": "input_audio_buffer_commit_empty", "message": "empty"}
                self.say(connection, "error", error=error)

    def say(self, connection, kind, **members):
        connection.send(json.dumps({"type": kind, "item_id": "item_1", **members}))


def test_live_sound_with_another_make_of_server(clips, monkeypatch):
    monkeypatch.setattr(
        "nemocli.remote.model.request", lambda *_: (404, {}, b"<html>no list of models</html>")
    )
    other = OtherLive()
    with serve(other, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        command = ["live", "--server", url, "--model", "theirs", "--lang", "en_us"]
        done = nemocli(*command, "--input", clips[0].path, "--format", "jsonl")
        server.shutdown()
    assert done.exit_code == 0, done.output
    (given,) = other.sessions
    assert given["format"] == {"type": "audio/pcm", "rate": 24000}
    assert given["transcription"] == {"model": "theirs", "language": "en"}
    assert other.sound - 10000 == 2 * round(len(clips[0].samples) * 1.5)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (final,) = [event for event in events if event["type"] == "final"]
    assert (final["text"], final["t0"], final["t1"]) == ("one two", 0.2, 1.0)
    assert "they are estimated" in done.stderr


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:8000", "http://127.0.0.1:8000/v1"),
        ("http://host", "http://host:80/v1"),
        ("https://host/v1/", "https://host:443/v1"),
        ("https://api.example.org/openai/v1", "https://api.example.org:443/openai/v1"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_addresses(text, expected):
    assert str(parse_server(text)) == expected
    assert parse_server(text).websocket_url.startswith(expected.replace("http", "ws") + "/realtime")


@pytest.mark.parametrize("text", ["", "http://", "ftp://host", "http://u:p@host", "http://h:x"])
def test_what_is_no_address(text):
    with pytest.raises((UsageError, NemocliError), match="--server takes"):
        parse_server(text)


def test_words_of_servers_are_read_with_care():
    good = {"word": " a ", "start": 1, "end": 2.5, "confidence": 0.5}
    (word,) = read_words([good, {"word": " ", "start": 1, "end": 2}], offset=1.0)
    assert (word.text, word.start, word.end, word.confidence) == ("a", 2.0, 3.5, 0.5)
    for wrong in (None, {}, [5], [{}], [good | {"start": "1"}], [good | {"end": float("nan")}]):
        assert read_words(wrong) is None
    assert read_words([good | {"confidence": 7, "end": 0}])[0].end == 1
    assert estimate_words("", 0, 1) == ()
    assert [word.start for word in estimate_words("ab cd", 1, 3)] == [1, 2]

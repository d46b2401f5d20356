"""`--phrase` with `--server`: the words and documents of a model here, or a sentence why not.

Servers of another make are played by small ones that answer as those do.
"""

import contextlib
import http.server
import json
import threading

import pytest
from websockets.sync.server import serve

from nemocli.boosting.phrases import Phrase, Phrases
from nemocli.errors import NemocliError, UsageError
from nemocli.live.stream import StreamEvent, StreamLimits
from nemocli.remote.connection import TRANSCRIPTION
from nemocli.remote.model import RemoteModel, find_model
from nemocli.remote.phrases import prepare_phrases
from nemocli.remote.server import parse_server
from nemocli.remote.stream import RemoteStream
from tests.server.conftest import BOOST
from tests.typed import nemocli

REFUSAL = {"message": "Unrecognized request argument: keywords", "param": "keywords"}


@pytest.fixture
def boosting(start):
    """A server that prefers phrases as strongly as the fixtures do, and none by itself."""
    return start(phrases=Phrases((), boost=BOOST))


@pytest.fixture
def listed(names, tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\n".join(names))
    return path


@pytest.mark.parametrize("command", ["file", "live"])
def test_phrases_have_the_words_and_documents_of_a_model_here(
    boosting,
    muddled,
    listed,
    tmp_path,
    command,
):
    clip, plain, boosted = muddled
    written = {}
    for place, options in {
        "here": ["--model", "demo", "--phrases", listed, "--boost", BOOST],
        "there": ["--server", boosting.url, "--phrases", listed],
        "without": ["--server", boosting.url],
    }.items():
        path = tmp_path / f"{place}.json"
        given = [clip.path, "-f", "json"] if command == "file" else ["--input", clip.path]
        given += ["--output", path] if command == "live" else []
        done = nemocli(command, *given, *options, "--lang", clip.lang)
        assert done.exit_code == 0, done.output
        written[place] = json.loads(path.read_text() if command == "live" else done.stdout)
        written[place].pop("sound", None)
    assert written["there"] == written["here"]
    assert written["here"]["phrases"]["count"] > 5
    assert "phrases" not in written["without"]
    if command == "file":
        assert (written["there"]["text"], written["without"]["text"]) == (boosted, plain)
        assert any(token.get("boosted") for token in written["there"]["tokens"])


def test_the_list_of_the_server_is_in_documents_too(start, clips):
    server = start(phrases=Phrases.of(["Anna Weber"], boost=2))
    listed = ["--phrase", "Okafor, Ada", "--phrase", "anna weber"]
    for options, expected in (
        ([], Phrases.of(["Anna Weber"])),
        (listed, Phrases.of(["Anna Weber", "Okafor, Ada"])),
    ):
        done = nemocli("file", clips[0].path, "--server", server.url, "-f", "json", *options)
        assert json.loads(done.stdout)["phrases"] == {
            "count": len(expected),
            "sha256": expected.sha256,
            "boost": 2,
            "over_blank": False,
        }


def test_commas_are_part_of_a_phrase_in_a_list_only(server):
    def count(*fields):
        _, _, body = server.post(None, *fields, path="/v1/phrases")
        return json.loads(body)["phrases"]["count"]

    assert count(("keywords[]", "Weber, Anna"), ("keywords[]", "Okafor")) == 2
    assert count(("keywords", "Weber, Anna")) == 2
    assert count(("keywords", '["Weber, Anna"]')) == 1
    assert count(("hotwords", "Weber,Anna,Okafor")) == 3
    assert count(("keywords", '["Weber", 1984, ["Anna"], {"a": 1}, null]')) == 2
    assert count(("speech_contexts", '[{"phrases": ["Weber", 5, {}]}, {"phrases": 5}, 5]')) == 1
    status, _, body = server.request("POST", "/v1/phrases", "x", content_type="text/plain")
    assert (status, "field 'keywords'" in json.loads(body)["error"]["message"]) == (400, True)


def test_what_has_no_effect_is_said_before_any_sound_is_sent(server, clips, tmp_path):
    listed = tmp_path / "names.txt"
    listed.write_text("eleven\t2\nꙮꙮꙮ\n")
    done = nemocli("file", clips[0].path, "--server", server.url, "--phrases", listed)
    assert (done.exit_code, done.stdout) == (0, clips[0].text + "\n")
    assert "Servers take no weights of phrases" in done.stderr
    assert "no pieces to write 1 of 2 phrases, which have no effect: ꙮꙮꙮ" in done.stderr
    many = [word for n in range(1001) for word in ("--phrase", f"name {n}")]
    done = nemocli("file", clips[0].path, "--server", server.url, *many)
    assert done.exit_code == 0
    assert "Only the first 1,000 of 1,001 phrases" in done.stderr


@contextlib.contextmanager
def other_server(status, answer, models=None):
    """Serve an answer to every upload; yield the address, and the bodies that came."""
    received = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(200, models or {"data": [{"id": "theirs", "owned_by": "them"}]})

        def do_POST(self):
            received.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            known = not self.path.endswith("/phrases")
            self.answer(status if known else 404, answer if known else {})

        def answer(self, status, value):
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}", received
        running.shutdown()


OURS = {"data": [{"id": "demo", "owned_by": "nemocli"}]}


@pytest.mark.parametrize("models", [None, OURS], ids=["another make", "an older nemocli"])
def test_a_server_that_does_not_say_what_it_prefers(clips, models):
    words = ["--phrase", "Anna Weber", "--phrase", "Okafor"]
    with other_server(200, {"text": "one", "duration": 1.0}, models) as (url, received):
        done = nemocli("file", clips[0].path, "--server", url, "-f", "json", *words)
    assert "does not say whether it prefers phrases" in done.stderr
    described = json.loads(done.stdout)["phrases"]
    assert (described["count"], described["boost"], described["over_blank"]) == (2, None, None)
    assert described["sha256"] == Phrases.of(["Anna Weber", "Okafor"]).sha256
    body = received[-1][1]
    sent = [b'"keywords"\r\n\r\n["Anna Weber", "Okafor"]\r\n']
    if models is None:
        sent = [b'"keywords[]"\r\n\r\nAnna Weber\r\n', b'"keywords[]"\r\n\r\nOkafor\r\n']
    assert all(field in body for field in sent)


def test_a_server_that_refuses_phrases_is_named_once(clips, tmp_path):
    command = ["file", *(clip.path for clip in clips[:2]), "--output-dir", tmp_path]
    with other_server(400, {"error": REFUSAL}) as (url, _):
        done = nemocli(*command, "--server", url, "--phrase", "Okafor")
        assert done.exit_code == 1
        assert done.stderr.count("does not take phrases: leave out --phrase and --phrases") == 1
        assert "It says: Unrecognized request argument: keywords" in done.stderr
        done = nemocli(*command, "--server", url)  # then it is a fault of each file
        assert "take phrases" not in done.stderr


class OtherLive:
    """A realtime server of another make; `known` are keywords that it takes."""

    def __init__(self, *known):
        self.known = set(known)
        self.keywords = []

    def __call__(self, connection):
        for message in connection:
            event = json.loads(message)
            if event["type"] == "session.update":
                given = event["session"]["audio"]["input"]["transcription"].get("keywords", [])
                self.keywords.append(given)
                is_known = self.known.issuperset(given)
                answer = {"type": "session.updated"} if is_known else {"type": "error"}
                connection.send(json.dumps(answer | ({} if is_known else {"error": REFUSAL})))
            elif event["type"] == "input_audio_buffer.commit":
                done = {"type": f"{TRANSCRIPTION}completed", "transcript": "one"}
                connection.send(json.dumps(done))


@contextlib.contextmanager
def other_live(other):
    with serve(other, "127.0.0.1", 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        port = running.socket.getsockname()[1]
        yield RemoteModel(parse_server(f"http://127.0.0.1:{port}"), "theirs")
        running.shutdown()


def test_a_live_server_that_refuses_phrases(clips):
    refused = pytest.raises(NemocliError, match="does not take phrases: leave out --phrase")
    with other_live(OtherLive()) as model, refused:
        RemoteStream(model, "auto", StreamLimits(), Phrases.of(["Okafor"]))


def test_a_phrase_that_is_added_and_refused_ends_nothing(clips):
    """And is not sent again with the next change of the language."""
    other = OtherLive("Okafor")
    with other_live(other) as model:
        stream = RemoteStream(model, "auto", StreamLimits(), Phrases.of(["Okafor"]))
        with pytest.raises(UsageError, match="take no weights"):
            stream.check_phrase("Anna\t2")
        assert stream.check_phrase(" Anna  Weber ") == Phrase("Anna Weber")
        stream.add_phrase("Anna Weber")
        while not (events := list(stream.receive(clips[0].samples[:1600]))):
            pass
        stream.lang = "de"
        events += stream.finish()
    notes = [event for event in events if isinstance(event, StreamEvent)]
    assert [note.kind for note in notes] == ["phrase"]
    assert "does not take phrases" in notes[0].message
    assert other.keywords == [["Okafor"], ["Okafor", "Anna Weber"], ["Okafor"]]
    assert events[-1].segment.text == "one"


def test_a_phrase_that_is_added_is_preferred(boosting, muddled, names):
    clip, _, _ = muddled
    model = find_model(parse_server(boosting.url), None)
    texts = {}
    for added in ([], names):
        stream = RemoteStream(model, clip.lang, StreamLimits(endpoint=9.0))
        for name in added:
            stream.add_phrase(name)
        finals = [*stream.receive(clip.samples), *stream.finish()]
        texts[bool(added)] = " ".join(each.segment.text for each in finals if _is_final(each))
    assert texts[True] != texts[False]
    prepared = prepare_phrases(model, Phrases.of(names))
    assert prepared.about is not None
    assert prepared.about.boost == BOOST


def _is_final(event):
    return type(event).__name__ == "Final"

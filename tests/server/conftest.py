"""Servers with the demo: one for all tests that only use it, and others with other settings."""

import json

import pytest
import soundfile

import nemocli
from nemocli.boosting.phrases import Phrases
from nemocli.diarization.options import SpeakerOptions
from tests.boosting.muddled import muddle
from tests.conftest import Clip
from tests.missing import skips_without
from tests.server.running import InThread

pytest_pycollect_makemodule = skips_without(
    *("starlette", "uvicorn", "python_multipart", "websockets"),
    reason="needs pip install 'nemocli[serve]'",
)

#: Preferred as strongly as possible, so that something changes whatever the model is.
BOOST = 5


@pytest.fixture(scope="session")
def transcriber():
    with nemocli.load("demo") as loaded:
        yield loaded


@pytest.fixture(scope="session")
def server(transcriber):
    with InThread(transcriber, wyoming_port=0) as running:
        yield running


@pytest.fixture(scope="session")
def speakers():
    with nemocli.load_diarizer("demo") as loaded:
        yield SpeakerOptions(loaded)


@pytest.fixture(scope="session")
def conversation(demo):
    """The bundled conversation of three people."""
    folder = demo.parent / "clips"
    entry = json.loads((folder / "conversation.json").read_text(encoding="utf-8"))
    path = folder / entry["file"]
    return Clip(path, soundfile.read(path, dtype="float32")[0], entry["lang"], entry["text"])


@pytest.fixture(scope="session")
def knowing(speakers):
    """A server that tells speakers apart."""
    with InThread(nemocli.load("demo"), speakers=speakers) as running:
        yield running


@pytest.fixture
def start(transcriber):
    """Return a function that starts a server with other settings."""
    started = []

    def start(**settings):
        started.append(InThread(nemocli.load("demo"), **settings))
        return started[-1]

    yield start
    for running in started:
        running.close()


@pytest.fixture(scope="module")
def names(clips):
    words = {word.strip(",.?¿¡!") for clip in clips for word in clip.text.split()}
    return sorted(filter(str.isalpha, words))


@pytest.fixture(scope="module")
def muddled(transcriber, clips, names, tmp_path_factory):
    """Return a sound that phrases change, and its text without and with them."""
    phrases = Phrases.of(names, boost=BOOST)
    for clip in muddle(clips, tmp_path_factory.mktemp("muddled")):
        plain = transcriber.transcribe(clip.path, clip.lang).text
        boosted = transcriber.transcribe(clip.path, clip.lang, phrases=phrases).text
        if plain != boosted:
            return clip, plain, boosted
    pytest.fail("phrases change none of the sounds")

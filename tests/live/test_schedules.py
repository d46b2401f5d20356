"""Random schedules of what interrupts a stream: the transcript is that of the sound that came."""

import io
import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from nemocli.audio.source import LiveSource, Mark
from nemocli.cli.live_loop import LiveLoop
from nemocli.cli.live_outputs import FileOutput
from nemocli.cli.live_screen import LiveScreen
from nemocli.cli.screen import Screen
from nemocli.live.listener import Listener
from nemocli.live.stream import LiveStream, StreamLimits
from nemocli.transcript.events import Final, Status
from nemocli.transcript.formats import FORMATS
from nemocli.transcript.growing_file import GrowingFile
from nemocli.transcript.types import Transcript, Update, Word
from tests.words import ABOUT

#: Samples of a frame, of a piece of sound, and of a word, which is four pieces of one value.
FRAME, PIECE = 1280, 1600
PIECES = 4
WORD = PIECES * PIECE


class StandInSession:
    """Recognizes a word where as many samples as it takes have its value, without a break."""

    def __init__(self):
        self.lang = "auto"
        self.last_token_frame = None
        self._seen = 0
        self._value, self._run = 0, 0
        self._is_finished = False

    @property
    def frames(self):
        return self._seen // FRAME

    def feed(self, samples):
        assert not self._is_finished
        words = []
        for value in np.round(samples * 1000).astype(int).tolist():
            self._seen += 1
            self._run = self._run + 1 if value == self._value else 1
            self._value = value
            if value and self._run == WORD:
                end = self._seen / 16000
                words.append(Word(f"w{value}", end - WORD / 16000, end, 1.0))
                self.last_token_frame = (self._seen - 1) // FRAME
        return Update(tuple(words), (), (), None, self._seen / 16000)

    def feed_silence(self, samples):
        return self.feed(np.zeros(samples, np.float32))

    def flush(self):
        return Update((), (), (), None, self._seen / 16000)

    def finish(self):
        self._is_finished = True
        return Transcript((), (), None, self._seen / 16000)


class StandIn:
    """A transcriber of such sound."""

    def warn_of_language(self, lang):
        return None

    def resolve_language(self, lang):
        return lang

    def session(self, lang, **options):
        return StandInSession()


class Given(LiveSource):
    """A microphone that hears what a test gives it."""

    discards_in_pause = True

    def __init__(self):
        super().__init__("given", 16000, 1, None)

    def to_frames(self, data):
        return data[:, None]


#: Pieces of a word or of silence, keys, signals, resizes, device events, and somebody else's hands.
ACTIONS = st.one_of(
    *[st.just("speak")] * 6,
    *[st.just("silence")] * 2,
    st.sampled_from(["pause", "close", "stopped", "key", "shown"]),
    st.integers(0, 50000).map(lambda gap: ("gap", gap)),
    st.tuples(st.just("size"), st.integers(2, 90), st.integers(1, 30)),
    st.sampled_from([("file", "removed"), ("file", "replaced"), ("file", "truncated")]),
)


@pytest.mark.parametrize("name", ["txt", "json"])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, max_size=60))
def test_the_transcript_is_that_of_the_sound_that_came(tmp_path_factory, name, actions):
    run_schedule(tmp_path_factory.mktemp("run"), name, actions)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["txt", "json"])
@settings(max_examples=500, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(actions=st.lists(ACTIONS, max_size=120))
def test_a_thousand_schedules(tmp_path_factory, name, actions):
    run_schedule(tmp_path_factory.mktemp("run"), name, actions)


def run_schedule(folder, name, actions):
    path, source = folder / f"out.{name}", Given()
    console = Console(file=io.StringIO(), force_terminal=True, width=80, height=24)
    screen = LiveScreen(console, timestamps=False, lookahead_ms=320)
    listener = Listener(LiveStream(StandIn(), "auto", StreamLimits(rescue=0)), source)
    loop = LiveLoop(listener, [source], screen, Screen(quiet=True))
    growing = GrowingFile(path, FORMATS[name](ABOUT), force=False)
    events = Collected()
    outputs = [FileOutput(growing, loop.notify), events]
    expected_ends, run, word, groups = [], 0, 1, [[]]
    listener.start()
    is_paused = False
    for action in actions:
        kind = action if isinstance(action, str) else action[0]
        if kind == "speak":
            source.put(np.full(PIECE, word / 1000, np.float32), PIECE)
            run += not is_paused
            if run == PIECES:
                groups[-1].append(f"w{word}")
                expected_ends.append(source.heard / 16000)
                word, run = word % 900 + 1, 0
        elif kind == "silence":
            source.put(np.zeros(PIECE, np.float32), PIECE)
            word, run = (word % 900 + 1, 0) if run and not is_paused else (word, run)
        elif kind in ("pause", "close", "gap", "stopped"):
            if kind == "pause":
                loop._toggle_pause()
                is_paused = not is_paused
            elif kind == "close":
                listener.close_segment()
            elif kind == "gap":
                source.mark(Mark("gap", action[1]))
            else:
                source.mark(Mark("waiting"))
            groups.append([])
            word, run = word % 900 + 1, 0
        elif kind == "size":
            console.size = action[1:]
        elif kind == "key":
            loop._press(["l", "x", "\x15", "\x1b"], screen)
        elif kind == "file":
            if growing.path.exists():
                change(growing.path, action[1])
        else:
            loop._pass_on(outputs)
            screen.draw(at_once=True)
            check_whole(growing.path, name)
    loop.end()
    while not loop._pass_on(outputs):
        pass
    check_whole(growing.path, name)
    growing.close()
    assert listener.error is None and loop.failure is None
    said = [[word.text for word in final.segment.words] for final in events.finals]
    expected = [text for group in groups for text in group]
    assert [text for words in said for text in words] == expected
    for words in said:  # no segment has words from both sides of an interruption
        assert any(set(words) <= set(group) for group in groups)
    assert "".join(growing.path.read_text().split()).count("w") >= len(expected)
    ended = events.statuses[-1]
    assert ended.lag == 0 and ended.dropped == 0
    assert source.heard == source.gaps + listener._processed
    ends = [word.end for final in events.finals for word in final.segment.words]
    assert ends == pytest.approx(expected_ends, abs=0.001)  # on the clock, which counts the gaps


class Collected:
    """An output that keeps everything."""

    def __init__(self):
        self.finals, self.statuses = [], []

    def take(self, event):
        if isinstance(event, Final):
            self.finals.append(event)
        elif isinstance(event, Status):
            self.statuses.append(event)


def change(path, how):
    """What somebody else does to a file."""
    if how == "removed":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(b"")
    else:
        other = path.with_name("other")
        other.write_bytes(b"theirs")
        other.replace(path)


def check_whole(path, name):
    """The file is what it would have to be if the program were killed now; or somebody has it."""
    if not path.exists():
        return
    text = path.read_text()
    if text in ("theirs", ""):
        return
    if name == "json":
        json.loads(text)
    else:
        assert text.endswith("\n")

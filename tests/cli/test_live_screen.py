"""What the user sees of `nemocli live`, on an emulated terminal."""

import io
from dataclasses import replace

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from nemocli.cli.line_editor import DELETE, END, HOME, LEFT, RIGHT
from nemocli.cli.live_screen import LiveScreen
from nemocli.transcript.events import Final, Partial, Status
from nemocli.transcript.segments import Segment
from nemocli.transcript.speakers import Speaker
from nemocli.transcript.types import Word

CTRL_U, CTRL_W = "\x15", "\x17"

STATUS = Status("listening", 83.4, 0.0, 0.0, 0.1, -20.0, "ja-JP")


class Terminal:
    """A screen of some size, and the program that draws on it."""

    def __init__(self, width, height, **options):
        self.emulated = pyte.HistoryScreen(width, height, history=10000)
        self._stream = pyte.Stream(self.emulated)
        self.output = io.StringIO()
        self.console = Console(
            file=self.output, force_terminal=True, width=width, height=height, color_system=None
        )
        self.screen = LiveScreen(
            self.console, **{"timestamps": False, "lookahead_ms": 320} | options
        )

    def draw(self):
        self.screen.draw(at_once=True)
        self.arrived()

    def arrived(self):
        self._stream.feed(self.output.getvalue())
        self.output.seek(0)
        self.output.truncate()

    @property
    def lines(self):
        """Return all lines from the very first one, without spaces at the end."""
        width = self.emulated.columns
        history = ["".join(row[x].data for x in range(width)) for row in self.emulated.history.top]
        return [line.rstrip() for line in [*history, *self.emulated.display]]


def segment(number, text):
    return Segment(number, (Word(text, 83.4, 84.0, 0.9),))


def test_each_speaker_has_a_colour():
    terminal = Terminal(80, 10)
    terminal.console = Console(
        file=terminal.output, force_terminal=True, width=80, color_system="standard", _environ={}
    )
    terminal.screen = LiveScreen(terminal.console, timestamps=True, lookahead_ms=320)
    with terminal.screen:
        for number, speaker in enumerate([Speaker(0), Speaker(1, "Ben"), Speaker(0)]):
            said = Word("yes", 1.0, 2.0, 0.9, speaker=speaker)
            terminal.screen.show(Final(Segment(number, (said,)), "en-US"))
        terminal.draw()
        lines = [f"[00:00:01.000] {name}: yes" for name in ("Speaker 1", "Ben", "Speaker 1")]
        assert terminal.lines[:3] == lines
        cells = [terminal.emulated.buffer[row][15].fg for row in range(3)]
        assert cells[0] == cells[2] != cells[1] != "default" != cells[0]
        assert terminal.emulated.buffer[0][27].fg == "default"


def test_what_two_people_are_saying_is_there_until_it_is_final():
    terminal = Terminal(80, 10)
    mine, theirs = (
        Segment(number, (Word(text, 1.0, 2.0, 0.9, channel=name),))
        for number, text, name in [(0, "I was", "You"), (1, "yes", "Them")]
    )
    with terminal.screen:
        for event in (STATUS, Partial(mine, "en-US"), Partial(theirs, "en-US")):
            terminal.screen.show(event)
        terminal.draw()
        assert terminal.lines[:2] == ["You: I was", "Them: yes"]
        terminal.screen.show(Final(theirs, "en-US"))
        terminal.draw()
        assert terminal.lines[:2] == ["Them: yes", "You: I was"]


def test_the_partial_is_rewritten_and_finals_stay():
    terminal = Terminal(80, 10, timestamps=True)
    with terminal.screen:
        for event in (STATUS, Partial(segment(0, "The qui"), "en-US")):
            terminal.screen.show(event)
            terminal.draw()
        assert terminal.lines[0] == "The qui"
        assert terminal.lines[1].startswith("0:01:23  ja-JP")
        assert "lag 0.1 s  320 ms" in terminal.lines[1]
        terminal.screen.show(Final(segment(0, "The quick fox."), "en-US"))
        terminal.draw()
        assert terminal.lines[0] == "[00:01:23.400] The quick fox."
        assert terminal.lines[1].startswith("0:01:23")
    terminal.arrived()
    assert [line for line in terminal.lines if line] == ["[00:01:23.400] The quick fox."]


def test_words_do_not_wait_for_the_pace_of_the_level_meter(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("nemocli.cli.live_screen.time.monotonic", lambda: clock[0])
    terminal = Terminal(80, 10)
    shown = []
    for clock[0], event in (
        (100.00, STATUS),
        (100.01, replace(STATUS, level=-10.0)),  # the level waits
        (100.02, Partial(segment(0, "The qui"), "en-US")),
        (100.03, Partial(segment(0, "The quick"), "en-US")),  # as do words soon after others
        (100.10, Partial(segment(0, "The quick"), "en-US")),
    ):
        terminal.screen.show(event)
        terminal.screen.draw()
        shown.append(len(terminal.output.getvalue()))
        terminal.arrived()
    assert [size > 0 for size in shown] == [True, False, True, False, True]


TEXTS = st.text(
    st.sampled_from("ab .日本ألعשל\u0301\x1b[2J\n\r\t\x07"), min_size=1, max_size=70
).filter(lambda text: text.strip())


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.booleans(), TEXTS), max_size=12),
    st.sampled_from([20, 33, 80]),
    st.sampled_from([3, 5, 24]),
)
def test_every_final_is_there_once_and_in_order(steps, width, height):
    terminal = Terminal(width, height)
    finals = []
    with terminal.screen:
        for number, (final, text) in enumerate(steps):
            event = Final if final else Partial
            terminal.screen.show(event(segment(number, f"<{number}>{text}"), None))
            finals += [f"<{number}>"] if final else []
            terminal.draw()
            assert all(line.cell_len < width for line in terminal.screen._shown)
    terminal.arrived()
    shown = "".join(terminal.lines)
    at = [shown.index(final) for final in finals]
    assert at == sorted(at)
    assert all(shown.count(final) == 1 for final in finals)
    assert shown.count("<") == len(finals)  # no partial is left


@pytest.mark.parametrize("width", [20, 40, 80])
def test_the_status_line_keeps_what_matters(width):
    terminal = Terminal(width, 10)
    terminal.screen.is_paused = True
    terminal.screen.show(Status("listening", 83.4, 2.5, 0.0, 0.1, -20.0, "ja-JP"))
    terminal.draw()
    assert terminal.lines[0].startswith("paused  0:01:23")
    assert len(terminal.lines[0]) < width
    if width > 20:
        assert "dropped 2.5 s" in terminal.lines[0]


def test_a_message_is_read_from_its_beginning():
    terminal = Terminal(20, 8)
    terminal.screen.say("The model has no language 'xx'; it knows " + "de-DE, " * 40)
    terminal.draw()
    shown = [line for line in terminal.lines if line]
    assert shown[0] == "The model has no"
    assert len(shown) == 5 and shown[-1] == "listening …"


def test_a_question_is_answered_by_keys():
    screen = Terminal(80, 10).screen
    screen.ask("language")
    assert [screen.type(key) for key in "jx\x7fa\r"] == [None, None, None, None, "ja"]
    assert screen.question is None
    screen.ask("language")
    assert screen.type("\x1b") is None
    assert screen.question is None


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (["english", CTRL_U, "ja"], "ja"),
        (["one two  ", CTRL_W, "ja"], "one ja"),
        (["one", CTRL_W, "ja"], "ja"),
        (["dutsch", *[LEFT[0]] * 5, "e"], "deutsch"),
        (["eutsch", HOME[1], "d", END[0], "!"], "deutsch!"),
        (["deutsch", LEFT[1], LEFT[1], DELETE, RIGHT[0], "x"], "deutshx"),
        (["ab", "\x1b[A", "\x1b[B", "\x00"], "ab"),
        (["deutsch", LEFT[0], "\x0b", "\b"], "deuts"),
        (["Zoë\t2", *[LEFT[0]] * 2, "y"], "Zoëy\t2"),
    ],
)
def test_a_line_is_edited_as_in_a_shell(keys, text):
    terminal = Terminal(20, 5)
    terminal.screen.ask("language")
    for key in keys:
        for one in [key] if key.startswith("\x1b") else key:
            assert terminal.screen.type(one) is None
            terminal.draw()
            assert max(len(line) for line in terminal.lines) < 20
    assert terminal.screen.type("\r") == text

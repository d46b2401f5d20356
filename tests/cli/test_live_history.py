"""Searching back, copying, plain lines and no colours in `nemocli live`."""

import base64
import os
import pty
import re
import subprocess
import sys
import time
import tty

import pytest

from nemocli.cli import live_history
from nemocli.cli.keys import MAX_PASTE_BYTES, PASTE_BEGIN, PASTE_END, Keys
from nemocli.cli.live_history import Transcript, make_copy_sequence
from nemocli.cli.live_loop import LiveLoop
from nemocli.cli.plain_screen import PlainScreen
from nemocli.cli.screen import Screen
from nemocli.transcript.events import Final, Partial, Status
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word
from tests.cli.test_live_screen import Terminal as LiveTerminal
from tests.terminal import Terminal
from tests.typed import environment


def final(number, text):
    return Final(Segment(number, (Word(text, number, number + 0.5, 0.9),)), None)


@pytest.fixture
def terminal():
    made = LiveTerminal(40, 12)
    for number, text in enumerate(["Der Öltank.", "Two.", "noch ein öltank", "\x1b]0;Three"]):
        made.screen.show(final(number, text))
    made.draw()
    return made


def lower_part(terminal):
    terminal.draw()
    return [line for line in terminal.lines if line][4:-1]


def test_a_search_goes_from_the_newest_match_to_older_ones_and_back(terminal):
    screen = terminal.screen
    screen.search("ÖLTANK")
    assert (
        lower_part(terminal)
        == [
            "[00:00:02.000] noch ein öltank",
            "1 of 2  n older · N newer · c copy · Es",
        ]
        or lower_part(terminal)[1] == "1 of 2  n N c Esc"
    )
    screen.move(-1)
    assert lower_part(terminal)[0] == "[00:00:00.000] Der Öltank."
    screen.move(-1)  # there is no older one
    assert lower_part(terminal)[1].startswith("2 of 2")
    screen.show(final(4, "wieder Öltank"))  # it is counted, and what is shown stays
    terminal.draw()
    assert "[00:00:00.000] Der Öltank." in terminal.lines
    assert any(line.startswith("3 of 3") for line in terminal.lines)
    screen.leave_search()
    terminal.draw()
    assert not screen.is_searching
    assert not any(line.startswith("[") for line in terminal.lines)


def test_what_was_not_said_is_said(terminal):
    terminal.screen.search("nothing")
    assert lower_part(terminal) == ["nothing was not said so far"]


def test_a_long_match_shows_the_line_with_the_text():
    terminal = LiveTerminal(30, 9)
    terminal.screen.show(final(0, "word " * 60 + "needle " + "word " * 60))
    terminal.screen.search("needle")
    terminal.draw()
    assert any("needle" in line for line in terminal.lines[-5:])


def copied(output):
    (data,) = re.findall("\x1b\\]52;c;([A-Za-z0-9+/=]*)\x07", output)
    return base64.b64decode(data).decode()


def test_a_copy_is_the_match_or_the_last_segment_or_everything(terminal):
    screen, output = terminal.screen, terminal.output
    screen.copy(everything=False)
    assert copied(output.getvalue()) == "]0;Three"  # harmless where it is pasted
    terminal.arrived()
    screen.search("two")
    screen.copy(everything=False)
    assert copied(output.getvalue()) == "Two."
    terminal.arrived()
    screen.copy(everything=True)
    assert copied(output.getvalue()) == "Der Öltank.\nTwo.\nnoch ein öltank\n]0;Three"
    terminal.arrived()  # a terminal that knows nothing of it shows nothing
    assert "52" not in "".join(terminal.lines)
    terminal.draw()
    assert "not all terminals" in " ".join(" ".join(terminal.lines).split())


def test_of_a_long_transcript_the_newest_segments_that_fit_are_copied(monkeypatch):
    monkeypatch.setattr(live_history, "MAX_COPIED_BYTES", 12)
    transcript = Transcript()
    assert transcript.get_copied(everything=True) == ""
    for number, text in enumerate(["ää", "bb", "cc", "dd"]):
        transcript.add(final(number, text))
    assert transcript.get_copied(everything=True) == "bb\ncc\ndd"
    assert copied(make_copy_sequence("x" * 20)) == "x" * 12


def test_a_day_of_segments_is_kept_and_no_more(monkeypatch):
    monkeypatch.setattr(live_history, "MAX_SEGMENTS", 3)
    transcript = Transcript()
    for number in range(5):
        transcript.add(final(number, f"word {number}"))
    assert transcript.search("word") and transcript.place == "1 of 3"


def run_on_terminal(clip, *arguments):
    """Return all that a terminal got from `nemocli live`."""
    command = [sys.executable, "-m", "nemocli", "live", "--model", "demo", "--input", str(clip)]
    with Terminal(80) as terminal:
        subprocess.run(
            [*command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=terminal.theirs,
            stderr=terminal.theirs,
            env=environment(TERM="xterm-256color"),
            check=True,
        )
    return terminal.shown.decode()


def test_plain_writes_whole_lines_and_draws_nothing(clips):
    shown = run_on_terminal(clips[0].path, "--plain", "--partials")
    assert "\x1b" not in shown and "\r" not in shown.replace("\r\n", "")
    lines = shown.split("\r\n")
    at = lines.index(clips[0].text)
    assert any(line.startswith("… ") for line in lines[:at])
    assert not any(line.startswith("… ") for line in lines[at:])
    without = run_on_terminal(clips[0].path, "--plain")
    assert "… " not in without and clips[0].text in without.split("\r\n")


class Listening:
    """A listener that keeps its orders."""

    def __init__(self):
        self.orders = []

    def __getattr__(self, name):
        return lambda *arguments: self.orders.append((name, *arguments))


def paste(text):
    return f"{PASTE_BEGIN}{text}{PASTE_END}"


@pytest.mark.parametrize(
    ("keys", "orders"),
    [
        # No line that was pasted is a command: q would end, a space would pause.
        (["p", paste("Anna\r q\r\r\x1bBen\tB 2\n")], ["Anna", "q", "Ben\tB 2"]),
        (["p", "M", paste("ara"), "\r"], ["Mara"]),
        (["p", "M", paste("ara\rq")], ["Mara", "q"]),
        (["p", paste("Mara\r"), "\x1b"], []),
        (["p", paste("q\r" * 101), "\x1b"], []),
        ([paste("q\r lq")], []),
    ],
)
def test_pasted_text_is_no_keys(keys, orders, capsys):
    listener = Listening()
    loop = LiveLoop(listener, [], PlainScreen(None, is_quiet=True), Screen(quiet=True))
    loop._press(keys, loop._screen)
    assert listener.orders == [("add_phrase", order) for order in orders]
    said = capsys.readouterr().err
    assert ("pasted text is ignored" in said) == (keys[0] != "p")
    assert ("101 lines are too many to paste" in said) == (keys[1:] == [paste("q\r" * 101), "\x1b"])


def test_pasted_lines_are_one_line_for_other_questions():
    listener = Listening()
    loop = LiveLoop(listener, [], PlainScreen(None), Screen(quiet=True))
    loop._press(["l", paste("de\rq"), "\r"], loop._screen)
    assert listener.orders == [("switch", "de q")]


def test_a_paste_is_one_key_however_it_comes():
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    keys = Keys(print, print)
    keys._terminal, keys._looked_at = theirs, time.monotonic()
    keys.__class__ = type("Foreground", (Keys,), {"has_foreground": True})
    long = "ä" * (MAX_PASTE_BYTES // 2)
    found = []
    for text in ("a", paste("Zoë\rq"), "\x1b[Ab", PASTE_BEGIN, "q", "ü", PASTE_END, paste(long)):
        data = text.encode()
        while data:
            piece, data = data[:999], data[999:]
            os.write(ours, piece)
            found += keys.read_pressed()
    assert found[:5] == ["a", paste("Zoë\rq"), "\x1b[A", "b", paste("qü")]
    assert len(found) == 6 and found[5].startswith(PASTE_BEGIN + "ä" * 40_000)
    for handle in (ours, theirs):
        os.close(handle)


def test_quiet_shows_answers_and_no_messages(capsys):
    listener = Listening()
    loop = LiveLoop(listener, [], PlainScreen(None, is_quiet=True), Screen(quiet=True))
    screen = loop._screen
    screen.show(Status("rescued", 1.0, 0.0, 0.0, 0.0, -20.0, None, "a message"))
    loop.notify("another")
    loop._press(" ", screen)
    assert capsys.readouterr() == ("", "")
    screen.show(Status("sound", 1.0, 0.0, 0.0, 0.0, -20.0, None, "a warning"))
    loop._press(["l", "d", "e", "\r", "q"], screen)
    said = capsys.readouterr().err.splitlines()
    assert [line.removeprefix("nemocli: ").partition(":")[0] for line in said] == [
        *("a warning", "language", "language")
    ]
    assert listener.orders == [("pause",), ("switch", "de"), ("stop",)]


def test_keys_work_without_anything_being_drawn(capsys):
    screen = PlainScreen(None)
    screen.show(final(0, "One two."))
    screen.show(Partial(final(1, "Three").segment, None))
    screen.show(Status("rescued", 1.0, 0.0, 0.0, 0.0, -20.0, None, "a message"))
    screen.is_paused = True
    screen.ask("search")
    assert [screen.type(key) for key in "twp\x7fo"] == [None] * 5
    screen.search(screen.type("\r"))
    assert screen.question is None and screen.is_searching
    screen.leave_search()
    screen.copy(everything=False)
    out, err = capsys.readouterr()
    assert copied(out) == "One two."
    assert err.splitlines() == [
        "nemocli: a message",
        "nemocli: paused",
        "nemocli: search: type it, then Enter; Escape takes the question back",
        "nemocli: search: two",
        "nemocli: 1 of 1: [00:00:00.000] One two.",
        "nemocli: the search has ended",
        "nemocli: 8 characters went to the terminal's clipboard; not all terminals take them",
    ]


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9\d|10\d)(?:;\d+)*m")


@pytest.mark.parametrize("way", ["option", "variable", "neither"])
def test_nothing_is_coloured_if_nobody_wants_it(clips, monkeypatch, way):
    monkeypatch.delenv("NO_COLOR", raising=False)
    if way == "variable":
        monkeypatch.setenv("NO_COLOR", "1")
    shown = run_on_terminal(clips[0].path, *(["--no-color"] if way == "option" else []))
    assert clips[0].text in shown and "\x1b[" in shown
    assert bool(COLOUR.search(shown)) == (way == "neither")

"""The terminal of `nemocli live --plain`: whole lines that are never drawn again.

It is for screen readers, which would read again what is drawn again.
"""

import sys
from collections.abc import Callable
from typing import Self

from nemocli.cli.line_editor import LineEditor
from nemocli.cli.live_history import Transcript, describe_copy, make_copy_sequence
from nemocli.cli.stdout_delivery import Delivery
from nemocli.cli.streams import say
from nemocli.closing import Closing
from nemocli.transcript.events import Event, Final, Status


class PlainScreen(Closing):
    """Says in whole lines what LiveScreen draws.

    The transcript's lines are written by an output. A question is a line, and its answer another.
    If it is quiet, it says only that, what keys ask and answer, and what is wrong.
    """

    def __init__(self, delivery: Delivery | None, is_quiet: bool = False) -> None:
        self._delivery = delivery
        #: Whether messages about what is under way are left out.
        self.is_quiet = is_quiet
        self._editor = LineEditor()
        self._transcript = Transcript()
        self._is_paused = False
        #: Part of what draws; nothing is drawn here.
        self.find_row: Callable[[], int | None] = lambda: None

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Do nothing: there is nothing to take away."""

    def write(self, text: str) -> None:
        """Write to the terminal, behind what was written before."""
        if self._delivery is not None:
            self._delivery.write(text)
        else:
            sys.stdout.write(text)
            sys.stdout.flush()

    def show(self, event: Event) -> None:
        """Take an event, and say what its message is."""
        if isinstance(event, Final):
            self._transcript.add(event)
            return
        is_hidden = self.is_quiet and isinstance(event, Status) and event.kind != "sound"
        if isinstance(event, Status) and event.message and not is_hidden:
            self.say(event.message)

    def say(self, sentence: str) -> None:
        """Print a sentence on stderr."""
        say(sentence)

    def take_back(self, sentence: str) -> None:
        """Do nothing: what was said stays."""

    @property
    def is_paused(self) -> bool:
        """Whether the microphone is paused."""
        return self._is_paused

    @is_paused.setter
    def is_paused(self, is_paused: bool) -> None:
        self._is_paused = is_paused
        if not self.is_quiet:
            self.say("paused" if is_paused else "going on")

    @property
    def question(self) -> str | None:
        """The question that keys belong to; None if there is none."""
        return self._editor.question

    def ask(self, question: str) -> None:
        """Begin to ask for a line of text."""
        self._editor.ask(question)
        self.say(f"{question}: type it, then Enter; Escape takes the question back")

    def type(self, key: str) -> str | None:
        """Take a key for the question; return the text, if that key was Enter."""
        question = self._editor.question
        text = self._editor.type(key)
        if self._editor.question is None:
            self.say(f"{question}: {text or 'nothing'}")
        return text

    def draw(self, *, at_once: bool = False) -> None:
        """Do nothing: nothing is drawn."""

    def erase(self) -> None:
        """Do nothing: nothing was drawn."""

    def redraw(self, is_below: bool) -> None:
        """Do nothing: nothing was drawn."""

    def search(self, text: str) -> None:
        """Print the newest segment that has a text."""
        if not self._transcript.search(text):
            self.say(f"{text} was not said so far")
        self._print_found()

    @property
    def is_searching(self) -> bool:
        """Whether a segment that was searched for is current."""
        return self._transcript.found is not None

    def move(self, step: int) -> None:
        """Print an older match (-1) or a newer one (1)."""
        self._transcript.move(step)
        self._print_found()

    def leave_search(self) -> None:
        """End the search."""
        self._transcript.leave()
        self.say("the search has ended")

    def copy(self, *, everything: bool) -> None:
        """Copy the match or the last segment, or everything, into the terminal's clipboard."""
        text = self._transcript.get_copied(everything=everything)
        if text:
            self.write(make_copy_sequence(text))
        self.say(describe_copy(text))

    def _print_found(self) -> None:
        if (found := self._transcript.found) is not None:
            self.say(f"{self._transcript.place}: {found}")

"""Types the finals of `nemocli live` into the focused window."""

import queue
import re
import threading
import time
from collections.abc import Callable

from nemocli.cli.printable import make_printable
from nemocli.cli.terminal_focus import TerminalFocus
from nemocli.cli.typing_tools import PynputTool, TypingTool, open_typing_tool, open_x11
from nemocli.cli.x11 import X11
from nemocli.closing import Closing
from nemocli.counting import count_things
from nemocli.errors import NemocliError
from nemocli.transcript.events import Event, Final

#: Finals that wait at most to be typed.
MAX_WAITING_FINALS = 100

#: Seconds for which held keys such as Ctrl are waited for, and between two looks.
MODIFIERS_TIMEOUT_S, LOOK_INTERVAL_S = 5.0, 0.02

#: Seconds that the end waits for what is still being typed.
END_TIMEOUT_S = 10.0


class Typist(Closing):
    """Types each final with a space behind it, in a thread of its own.

    Nothing is typed while the terminal has the focus, or while no window has it. What was not
    typed is counted. With `only`, the label of one of two sources, what the other gives is not
    typed.
    """

    def __init__(
        self,
        tool: TypingTool,
        focus: TerminalFocus,
        x11: X11 | None,
        notify: Callable[[str], None],
        only: str | None = None,
    ) -> None:
        self._only = only
        self._tool, self._focus, self._x11, self._notify = tool, focus, x11, notify
        self._waiting: queue.Queue[str | None] = queue.Queue(MAX_WAITING_FINALS)
        self._unreported: str | None = None
        self._has_reported: set[str] = set()
        self._is_closed = False
        #: Finals that were not typed, or not to their end.
        self.untyped = 0
        self._failure: NemocliError | None = None
        self._thread = threading.Thread(target=self._type_all, name="type", daemon=True)
        self._thread.start()

    def take(self, event: Event) -> None:
        """Take an event; returns at once."""
        self._report()
        if not isinstance(event, Final) or self._only not in (None, event.segment.channel):
            return
        if text := make_printable(event.segment.text).strip():
            try:
                self._waiting.put_nowait(f"{text} ")
            except queue.Full:
                self.untyped += 1

    def finish(self) -> None:
        """Wait until all is typed, but not for ever."""
        try:
            self._waiting.put(None, timeout=END_TIMEOUT_S)
            self._thread.join(END_TIMEOUT_S)
        except queue.Full:
            pass
        self.close()

    def close(self) -> None:
        """Type no more."""
        self._is_closed = True
        self._report()

    @property
    def failure(self) -> NemocliError | None:
        """Why something could not be typed; None if it only should not have been."""
        return self._failure

    def _report(self) -> None:
        sentence, self._unreported = self._unreported, None
        if sentence is not None and sentence not in self._has_reported:
            self._has_reported.add(sentence)
            self._notify(sentence)

    def _type_all(self) -> None:
        while (text := self._waiting.get()) is not None and not self._is_closed:
            try:
                if not self._type(text):
                    self.untyped += 1
            except NemocliError as error:
                self.untyped += 1
                self._failure = self._failure or error
                self._unreported = f"{error} The transcription goes on."

    def _type(self, text: str) -> bool:
        """Type a text word by word, looking where the focus is; return whether all was typed."""
        # A program takes long to start: it is given the whole text.
        is_quick = isinstance(self._tool, PynputTool)
        for piece in re.findall(r"\S+\s*", text) if is_quick else [text]:
            self._wait_for_modifiers()
            if self._is_closed:
                return False
            if self._focus.is_here:
                self._unreported = (
                    "nothing is typed while this terminal has the focus, or does not say whether"
                    " it has it"
                )
                return False
            if self._x11 is not None and self._x11.has_no_focus:
                self._unreported = "nothing is typed while no window has the focus"
                return False
            self._tool.type(piece)
        return True

    def _wait_for_modifiers(self) -> None:
        until = time.monotonic() + MODIFIERS_TIMEOUT_S
        while self._x11 is not None and self._x11.has_held_modifiers:
            if time.monotonic() > until:
                raise NemocliError("A key such as Ctrl is held down, so nothing is typed.")
            time.sleep(LOOK_INTERVAL_S)


def describe_untyped(number: int) -> str:
    """Return a sentence about the finals that were not typed."""
    verb, whose = ("was", "its") if number == 1 else ("were", "their")
    return f"{count_things(number, 'segment')} {verb} not typed, or not to {whose} end."


def open_typing() -> tuple[TypingTool, TerminalFocus, X11 | None]:
    """Return what a Typist needs here; UnsupportedError with what to do if it is not there."""
    tool, x11 = open_typing_tool(), open_x11()
    return tool, TerminalFocus(x11), x11

"""The terminal of `nemocli live`: finals that scroll up, and below them what still changes.

The lower part is drawn by moving the cursor back over it. Rich's own live display would do that
too, but leaves copies of it behind when the terminal is resized, since lines then wrap anew.
"""

import time
from contextlib import suppress
from typing import Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from nemocli.cli.live_options import LiveOptions
from nemocli.cli.printable import printable
from nemocli.closing import Closing
from nemocli.errors import NemocliError
from nemocli.transcript.events import Event, Final, Partial, Status
from nemocli.transcript.subtitles import format_timestamp
from nemocli.units import FRAME_SECONDS

#: Seconds between redraws at least, and for which a message is shown.
REDRAW_INTERVAL_S = 1 / 15
MESSAGE_TIME_S = 6.0

#: Cells of the level meter, and the level, in dB of full scale, that leaves it empty.
METER_CELLS, QUIETEST_DB = 8, -60.0

HINT = "space pause · l language · q end"

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
#: Whatever stands between these appears at once, on terminals that know them.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
_ERASE_BELOW = "\r\x1b[J"


class LiveScreen(Closing):
    """Shows events, and asks for a line of text; a context manager that tidies up."""

    def __init__(self, console: Console, timestamps: bool, lookahead_ms: int) -> None:
        self._console = console
        self._timestamps = timestamps
        self._lookahead_ms = lookahead_ms
        self._finals: list[str] = []
        self._partial = ""
        self._status: Status | None = None
        self._message, self._message_until = "", 0.0
        self._question: str | None = None
        self._answer = ""
        #: Whether the microphone is paused, which the status line says.
        self.is_paused = False
        # Cells of each line of the lower part that is on the screen, and what it shows.
        self._drawn: list[int] = []
        self._shown: list[Text] = []
        self._drawn_at = 0.0

    def __enter__(self) -> Self:
        self._write(_HIDE)
        return self

    def close(self) -> None:
        """Take the lower part away, and show the cursor again."""
        with suppress(NemocliError, BrokenPipeError):  # it may have been closed
            self._paint([])
            self._write(_SHOW)

    # ------------------------------------------------------------------------- what is to be shown

    def show(self, event: Event) -> None:
        """Take an event; `draw` shows it."""
        if isinstance(event, Final):
            self._finals.append(self._line(event))
            self._partial = ""
        elif isinstance(event, Partial):
            self._partial = printable(event.segment.text)
        else:
            self._status = event
            if event.message:
                self.say(event.message)

    def say(self, sentence: str) -> None:
        """A sentence for some seconds."""
        self._message = printable(sentence)
        self._message_until = time.monotonic() + MESSAGE_TIME_S

    @property
    def asks(self) -> bool:
        """Whether keys belong to a question."""
        return self._question is not None

    def ask(self, question: str) -> None:
        """Begin to ask for a line of text."""
        self._question, self._answer = question, ""

    def type(self, key: str) -> str | None:
        """A key for the question; the text, if that key was Enter. Escape takes it back."""
        if key in ("\r", "\n"):
            self._question = None
            return self._answer.strip() or None
        if key == "\x1b":
            self._question = None
        elif key in ("\x7f", "\b"):
            self._answer = self._answer[:-1]
        elif key.isprintable():
            self._answer += key
        return None

    # ------------------------------------------------------------------------------------- drawing

    def draw(self) -> None:
        """Bring the terminal up to date, if something changed and the last time is long enough ago.

        A program of few words: finals are never delayed by more than that.
        """
        now = time.monotonic()
        if now - self._drawn_at < REDRAW_INTERVAL_S:
            return
        lines = self._lower_part(now)
        if self._finals or lines != self._shown or self._size_changed():
            self._drawn_at = now
            self._paint(lines)

    def erase(self) -> None:
        """Take the lower part away, before the program is suspended."""
        self._paint([])
        self._write(_SHOW)

    def redraw(self) -> None:
        """Draw it again where the cursor is now."""
        self._drawn, self._shown = [], []
        self._write(_HIDE)

    def _paint(self, lines: list[Text]) -> None:
        """Everything in one write: the lower part goes, finals come, the lower part comes."""
        width = self._console.width
        self._width = width
        rows = sum(max(1, -(-cells // width)) for cells in self._drawn)
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        below = "\r\n".join(self._styled(line) for line in lines)
        finals = "".join(line + "\r\n" for line in self._finals)
        if self._drawn or finals or below:
            erase = up + _ERASE_BELOW if self._drawn else ""
            self._write(_BEGIN + erase + finals + below + _END)
        self._finals = []
        self._drawn = [line.cell_len for line in lines]
        self._shown = lines

    def _size_changed(self) -> bool:
        return self._console.width != self._width

    _width = 0

    def _write(self, text: str) -> None:
        if text:
            self._console.file.write(text)
            self._console.file.flush()

    def _styled(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", no_wrap=True, overflow="ignore", crop=False)
        return capture.get()

    def _line(self, event: Final) -> str:
        text = printable(event.segment.text)
        return (
            f"[{format_timestamp(round(1000 * event.segment.start))}] {text}"
            if self._timestamps
            else text
        )

    def _lower_part(self, now: float) -> list[Text]:
        """Partial, message or question, status: each at most a cell narrower than the terminal."""
        width, height = max(2, self._console.width) - 1, self._console.height
        lines: list[Text] = []
        if self._partial:
            lines += self._wrapped(self._partial, "", width)[-max(1, height // 3) :]
        if self._question is not None:
            lines.append(Text(_end(f"{self._question}: {self._answer}_", width), style="bold"))
        elif self._message and now < self._message_until:
            lines += self._wrapped(self._message, "yellow", width)[: max(2, height // 2)]
        lines.append(Text(set_cell_size(self._status_line(width), width).rstrip(), style="dim"))
        return lines[-max(1, height - 1) :]

    def _wrapped(self, text: str, style: str, width: int) -> list[Text]:
        lines = list(Text(text, style=style).wrap(self._console, width, overflow="fold"))
        for line in lines:
            line.rstrip()
        return lines

    def _status_line(self, width: int) -> str:
        status = self._status
        if status is None:
            return "listening …"
        # By importance: those that do not fit any more are left out.
        parts = [
            ("paused" if self.is_paused else "", 0),
            (_elapsed(status.heard), 1),
            (f"dropped {status.dropped:.1f} s" if status.dropped else "", 5),
            (printable(status.language or "auto"), 2),
            (f"lag {max(0.0, status.lag):.1f} s", 4),
            (_meter(status.level, self._console.encoding), 3),
            (f"{self._lookahead_ms} ms", 6),
            (HINT, 7),
        ]
        kept: list[tuple[str, int]] = []
        room = width
        for part, place in parts:
            if part and cell_len(part) <= room:
                kept.append((part, place))
                room -= cell_len(part) + 2
        return "  ".join(part for part, _ in sorted(kept, key=lambda item: item[1]))


def open_screen(options: LiveOptions, lookahead: int) -> LiveScreen | None:
    """Return the screen, if stdout is a terminal to draw on and text is wanted there."""
    console = Console(highlight=False)
    draws = console.is_terminal and not console.is_dumb_terminal
    if options.quiet or options.stdout_format != "txt" or not draws:
        return None
    lookahead_ms = round((lookahead + 1) * FRAME_SECONDS * 1000)
    return LiveScreen(console, options.timestamps, lookahead_ms)


def _elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _meter(level: float, encoding: str) -> str:
    filled = round(METER_CELLS * min(1.0, max(0.0, 1 - level / QUIETEST_DB)))
    full, empty = "▮▯" if encoding.startswith("utf") else "#-"
    return full * filled + empty * (METER_CELLS - filled)


def _end(text: str, width: int) -> str:
    """As much of the end of a text as fits into so many cells."""
    while cell_len(text) > width:
        text = text[1:]
    return text

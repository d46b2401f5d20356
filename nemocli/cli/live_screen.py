"""The terminal of `nemocli live`: finals that scroll up, and below them what still changes.

The lower part is drawn by moving the cursor back over it. Rich's own live display would do that
too, but leaves copies of it behind when the terminal is resized, since lines then wrap anew.
"""

import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleDimensions
from rich.text import Text

from nemocli.cli.drawing import open_console
from nemocli.cli.line_editor import LineEditor
from nemocli.cli.live_history import Transcript, describe_copy, make_copy_sequence
from nemocli.cli.live_options import LiveOptions
from nemocli.cli.plain_screen import PlainScreen
from nemocli.cli.printable import make_printable
from nemocli.cli.screen import can_draw_on
from nemocli.cli.speaker_colors import color_segment
from nemocli.cli.stdout_delivery import Delivery
from nemocli.closing import Closing
from nemocli.errors import NemocliError
from nemocli.transcript.events import Event, Final, Partial, Status
from nemocli.transcript.segments import Segment
from nemocli.transcript.subtitles import format_timestamp
from nemocli.units import FRAME_SECONDS

#: Seconds between redraws at least, and for which a message is shown. Words do not wait for the
#: redraws of the level meter, only for those of other words.
REDRAW_INTERVAL_S = 1 / 15
MESSAGE_TIME_S = 6.0

#: Finals that are shown again at most, where a terminal becomes large again.
MAX_SHOWN_AGAIN = 50

#: Cells of the level meter, and the level, in dB of full scale, that leaves it empty.
METER_CELLS, QUIETEST_DB = 8, -60.0

#: The keys, in full where there is room for it.
HINTS = (
    "space pause · l language · p phrase · / search · c copy · q end",
    "space pause · l language · p phrase · q end",
    "space pause · l language · q end",
)
#: Those while a match of a search is shown.
SEARCH_HINTS = ("n older · N newer · c copy · Esc back", "n N c Esc")

_HIDE, _SHOW = "\x1b[?25l", "\x1b[?25h"
#: Whatever stands between these appears at once, on terminals that know them.
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"
# Line by line: of a screen that is cleared from its first cell on, tmux keeps everything in its
# scrollback.
_ERASE_LINE, _UP = "\r\x1b[2K", "\x1b[A"


@dataclass(frozen=True, slots=True)
class _Above:
    """A line above the lower part: a final, or cells of a lower part that could not be erased."""

    cells: int
    final: Text | None = None


class LiveScreen(Closing):
    """Shows events, and asks for a line of text; a context manager that tidies up."""

    def __init__(
        self,
        console: Console,
        timestamps: bool,
        lookahead_ms: int,
        delivery: Delivery | None = None,
    ) -> None:
        self._console = console
        self._delivery = delivery
        self._timestamps = timestamps
        self._lookahead_ms = lookahead_ms
        self._finals: list[Text] = []
        # Segments that may still change, by their ids: of several speakers, several do.
        self._partials: dict[int, str] = {}
        self._status: Status | None = None
        self._message, self._message_until = "", 0.0
        self._editor = LineEditor()
        self._transcript = Transcript()
        #: Returns the row that the cursor is in, from 1; None if the terminal does not say.
        self.find_row: Callable[[], int | None] = lambda: None
        #: Whether the microphone is paused, which the status line says.
        self.is_paused = False
        # Whether it gives no sound, and is waited for.
        self._is_waiting = False
        # Cells of each line of the lower part that is on the screen, and what it shows.
        self._drawn: list[int] = []
        self._shown: list[Text] = []
        self._drawn_at = 0.0
        # Whether words came since words were last drawn, and when that was.
        self._has_new_words, self._words_drawn_at = False, 0.0
        # Another program may own the terminal until something is drawn, and needs its cursor.
        self._is_cursor_hidden = False
        # Lines above it, from the first on that was left in the scrollback.
        self._above: list[_Above] = []
        self._size: ConsoleDimensions | None = None

    def __enter__(self) -> Self:
        return self

    def close(self) -> None:
        """Take the lower part away, and show the cursor again."""
        with suppress(NemocliError, BrokenPipeError):  # it may have been closed
            self._paint([])
            self.write(_SHOW)

    # ------------------------------------------------------------------------- what is to be shown

    def show(self, event: Event) -> None:
        """Take an event; `draw` shows it."""
        if isinstance(event, Final):
            self._finals.append(self._format_line(event))
            self._transcript.add(event)
            self._forget_partials(event.segment)
            self._has_new_words = True
        elif isinstance(event, Partial):
            self._partials[event.segment.id] = make_printable(event.segment.labelled_text)
            self._has_new_words = True
        else:
            self._status = event
            if event.kind in ("waiting", "gap"):
                self._is_waiting = event.kind == "waiting"
            if event.message:
                self.say(event.message)

    def _forget_partials(self, final: Segment) -> None:
        """Show no more what is final now: of a single speaker, everything up to there."""
        for number in list(self._partials):
            if number == final.id or (final.channel is None and number < final.id):
                del self._partials[number]

    def say(self, sentence: str) -> None:
        """Show a sentence for some seconds."""
        self._message = make_printable(sentence)
        self._message_until = time.monotonic() + MESSAGE_TIME_S

    def take_back(self, sentence: str) -> None:
        """Show a sentence no more, if it is still there."""
        if self._message == make_printable(sentence):
            self._message = ""

    @property
    def question(self) -> str | None:
        """The question that keys belong to; None if there is none."""
        return self._editor.question

    def ask(self, question: str) -> None:
        """Begin to ask for a line of text."""
        self._editor.ask(question)

    def type(self, key: str) -> str | None:
        """Take a key for the question; return the text, if that key was Enter."""
        return self._editor.type(key)

    def search(self, text: str) -> None:
        """Show the newest segment that has a text, until the search is left."""
        if not self._transcript.search(text):
            self.say(f"{text} was not said so far")

    @property
    def is_searching(self) -> bool:
        """Whether a segment that was searched for is shown."""
        return self._transcript.found is not None

    def move(self, step: int) -> None:
        """Show an older match (-1) or a newer one (1)."""
        self._transcript.move(step)

    def leave_search(self) -> None:
        """Show no match any more."""
        self._transcript.leave()

    def copy(self, *, everything: bool) -> None:
        """Copy the match or the last segment, or everything, into the terminal's clipboard."""
        text = self._transcript.get_copied(everything=everything)
        if text:
            self.write(make_copy_sequence(text))
        self.say(describe_copy(text))

    # ------------------------------------------------------------------------------------- drawing

    def draw(self, *, at_once: bool = False) -> None:
        """Bring the terminal up to date, if something changed and the last time is long enough ago.

        Words are never delayed by more than that.
        """
        now = time.monotonic()
        drawn_at = self._words_drawn_at if self._has_new_words else self._drawn_at
        if now - drawn_at < REDRAW_INTERVAL_S and not at_once:
            return
        if self._delivery is not None and self._delivery.waiting:
            return  # the terminal takes nothing now, such as after Ctrl-S
        lines = self._make_lower_part(now)
        if self._finals or lines != self._shown or self._has_size_changed():
            self._drawn_at = now
            if self._has_new_words:
                self._has_new_words, self._words_drawn_at = False, now
            self._paint(lines)

    def erase(self) -> None:
        """Take the lower part away, before the program is suspended."""
        self._paint([])
        self.write(_SHOW)
        self._is_cursor_hidden = False
        if self._delivery is not None:
            self._delivery.finish(lambda: True)

    def redraw(self, is_below: bool) -> None:
        """Draw the lower part again: below what others wrote meanwhile, or where it was."""
        self._shown = []
        if is_below:
            self._drawn, self._above = [], []
        self._is_cursor_hidden = False

    def _paint(self, lines: list[Text]) -> None:
        """Write all at once: erase the lower part, print finals, draw the lower part again."""
        is_resized = self._has_size_changed() and self._size is not None
        self._size = self._console.size
        visible = (self.find_row() if is_resized and self._drawn else None) or self._size.height
        again, erase = self._erase_drawn(self._size.width, visible, is_resized)
        below = "\r\n".join(self._style(line) for line in lines)
        finals = "".join(self._style(line) + "\r\n" for line in [*again, *self._finals])
        hide = "" if self._is_cursor_hidden or not lines else _HIDE
        if hide or erase or finals or below:
            self.write(_BEGIN + hide + erase + finals + below + _END)
        self._is_cursor_hidden |= bool(hide)
        self._note_finals([*again, *self._finals])
        self._finals = []
        self._drawn = [line.cell_len for line in lines]
        self._shown = lines

    def _erase_drawn(self, width: int, visible: int, is_resized: bool) -> tuple[list[Text], str]:
        """Return finals that have to be shown again, and what takes the lower part away.

        A terminal that became smaller has moved the upper rows of a large lower part into its
        scrollback, where they cannot be erased. One that becomes larger again brings them back.
        `visible` rows are on the screen, down to the one with the cursor.
        """
        rows = _count_rows(self._drawn, width)
        if rows > visible:
            left = _cut_rows(self._drawn, width, rows - visible)
            self._above += [_Above(cells) for cells in left]
        elif is_resized:
            room = visible - rows
            back: list[_Above] = []
            while self._above and (room := room - _count_rows([self._above[-1].cells], width)) >= 0:
                back.insert(0, self._above.pop())
            while back and back[0].final is not None:  # above what has to go
                self._above.append(back.pop(0))
            again = [line.final for line in back if line.final is not None]
            return again, _erase(rows + _count_rows([line.cells for line in back], width))
        return [], _erase(min(rows, visible))

    def _note_finals(self, finals: Iterable[Text]) -> None:
        """Remember finals that stand below what was left, as long as there are few of them."""
        if self._above:
            self._above += [_Above(final.cell_len, final) for final in finals]
        excess = sum(line.final is not None for line in self._above) - MAX_SHOWN_AGAIN
        while self._above and (excess > 0 or self._above[0].final is not None):
            excess -= self._above.pop(0).final is not None

    def _has_size_changed(self) -> bool:
        return self._console.size != self._size

    def write(self, text: str) -> None:
        """Write to the terminal, behind what was written before."""
        if text and self._delivery is not None:
            self._delivery.write(text)
        elif text:
            self._console.file.write(text)
            self._console.file.flush()

    def _style(self, line: Text) -> str:
        with self._console.capture() as capture:
            self._console.print(line, end="", no_wrap=True, overflow="ignore", crop=False)
        return capture.get()

    def _format_line(self, event: Final) -> Text:
        segment = event.segment
        start = f"[{format_timestamp(round(1000 * segment.start))}] " if self._timestamps else ""
        return color_segment(segment, start)

    def _make_lower_part(self, now: float) -> list[Text]:
        """Return partial, message or question, and status, each narrower than the terminal."""
        width, height = max(2, self._console.width) - 1, self._console.height
        lines: list[Text] = []
        rows = max(1, height // 3 // max(1, len(self._partials)))
        for partial in self._partials.values():
            lines += self._wrap(partial, "", width)[-rows:]
        if self._transcript.found is not None:
            lines += self._make_match(width, max(1, height // 3))
        if self._editor.question is not None:
            lines.append(self._make_prompt(width))
        elif self._message and now < self._message_until:
            lines += self._wrap(self._message, "yellow", width)[: max(2, height // 2)]
        lines.append(
            Text(set_cell_size(self._make_status_line(width), width).rstrip(), style="dim")
        )
        return lines[-max(1, height - 1) :]

    def _make_match(self, width: int, height: int) -> list[Text]:
        """Return the segment that was found, as far as there is room, and the keys for others."""
        text = Text(str(self._transcript.found))
        text.highlight_words([self._transcript.sought], "reverse", case_sensitive=False)
        lines = list(text.wrap(self._console, width, overflow="fold"))
        for line in lines:
            line.rstrip()
        marked = next((at for at, line in enumerate(lines) if line.spans), 0)
        first = max(0, min(marked, len(lines) - height))
        place = self._transcript.place
        hints = (f"{place}  {hint}" for hint in SEARCH_HINTS)
        hint = next((one for one in hints if cell_len(one) <= width), _cut_end(place, width))
        return [*lines[first : first + height], Text(hint, style="dim")]

    def _make_prompt(self, width: int) -> Text:
        """Return the question and what was typed, with a cursor, as far as there is room."""
        editor = self._editor
        shown = editor.behind.replace("\t", " ")
        cursor, behind = shown[:1] or "_", shown[1:]
        typed = f"{editor.question}: {editor.before}".replace("\t", " ")
        before = _cut_beginning(typed, max(0, width - cell_len(cursor)))
        line = Text(before, style="bold")
        line.append(cursor, style="reverse" if editor.behind else "")
        line.append(_cut_end(behind, width - line.cell_len))
        return line

    def _wrap(self, text: str, style: str, width: int) -> list[Text]:
        lines = list(Text(text, style=style).wrap(self._console, width, overflow="fold"))
        for line in lines:
            line.rstrip()
        return lines

    def _make_status_line(self, width: int) -> str:
        status = self._status
        if status is None:
            return "listening …"
        level = QUIETEST_DB if self.is_paused or self._is_waiting else status.level
        # By importance: those that do not fit any more are left out.
        parts = [
            ("paused" if self.is_paused else "", 0),
            ("waiting for the microphone" if self._is_waiting else "", 0),
            (_format_elapsed(status.heard), 1),
            (f"dropped {status.dropped:.1f} s" if status.dropped else "", 5),
            (make_printable(status.language or "auto"), 2),
            (f"lag {max(0.0, status.lag):.1f} s", 4),
            (_draw_meter(level, self._console.encoding), 3),
            (f"{self._lookahead_ms} ms", 6),
        ]
        kept: list[tuple[str, int]] = []
        room = width
        for part, place in parts:
            if part and cell_len(part) <= room:
                kept.append((part, place))
                room -= cell_len(part) + 2
        if hint := next((hint for hint in HINTS if cell_len(hint) <= room), None):
            kept.append((hint, 7))
        return "  ".join(part for part, _ in sorted(kept, key=lambda item: item[1]))


def open_screen(
    options: LiveOptions, lookahead: int, delivery: Delivery | None
) -> LiveScreen | PlainScreen | None:
    """Return the screen, if stdout is a terminal to draw on and text is wanted there.

    With `--quiet`, nothing is drawn, but keys are obeyed as with `--plain`.
    """
    if options.stdout_format != "txt" or not can_draw_on(sys.stdout):
        return None
    if options.plain or options.quiet:
        return PlainScreen(delivery, options.quiet)
    lookahead_ms = round((lookahead + 1) * FRAME_SECONDS * 1000)
    return LiveScreen(open_console(stderr=False), options.timestamps, lookahead_ms, delivery)


def _format_elapsed(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"


def _draw_meter(level: float, encoding: str) -> str:
    filled = round(METER_CELLS * min(1.0, max(0.0, 1 - level / QUIETEST_DB)))
    full, empty = "▮▯" if encoding.startswith("utf") else "#-"
    return full * filled + empty * (METER_CELLS - filled)


def _count_rows(lines: Iterable[int], width: int) -> int:
    """Count the rows that lines of these numbers of cells take."""
    return sum(max(1, -(-cells // width)) for cells in lines)


def _cut_rows(lines: Iterable[int], width: int, rows: int) -> list[int]:
    """Return the cells of each line as far as it is in the first `rows` rows."""
    first: list[int] = []
    for cells in lines:
        if rows <= 0:
            break
        first.append(min(cells, rows * width))
        rows -= _count_rows([cells], width)
    return first


def _erase(rows: int) -> str:
    """Return what erases `rows` rows, up from the one that the cursor is in."""
    return (_ERASE_LINE + _UP) * (rows - 1) + _ERASE_LINE if rows else ""


def _cut_end(text: str, width: int) -> str:
    """Return as much of the beginning of a text as fits into `width` cells."""
    while cell_len(text) > width:
        text = text[:-1]
    return text


def _cut_beginning(text: str, width: int) -> str:
    """Return as much of the end of a text as fits into `width` cells."""
    while cell_len(text) > width:
        text = text[1:]
    return text

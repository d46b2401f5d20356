"""What was said so far in `nemocli live`, to search back in and to copy."""

import base64
from collections import deque
from dataclasses import dataclass

from nemocli.boosting.folding import fold
from nemocli.cli.printable import make_printable
from nemocli.counting import count_things
from nemocli.transcript.events import Final
from nemocli.transcript.subtitles import format_timestamp

#: Segments that are kept at most: those of more than a day.
MAX_SEGMENTS = 50_000

#: Bytes of a text that terminals take into their clipboard; several take no more than 100,000 in
#: base64.
MAX_COPIED_BYTES = 70_000


@dataclass(frozen=True, slots=True)
class Said:
    """A final segment: when it began, in seconds, and its printable text."""

    start: float
    text: str

    def __str__(self) -> str:
        return f"[{format_timestamp(round(1000 * self.start))}] {self.text}"


class Transcript:
    """The segments so far, and the place of a search in them."""

    def __init__(self) -> None:
        self._segments: deque[Said] = deque(maxlen=MAX_SEGMENTS)
        #: What was searched for.
        self.sought = ""
        self._folded = ""
        # What has it, the newest last, and which of these is shown.
        self._matches: list[Said] = []
        self._at = -1

    def add(self, event: Final) -> None:
        """Add a final segment."""
        said = Said(event.segment.start, make_printable(event.segment.labelled_text).strip())
        self._segments.append(said)
        if self._matches and self._folded in fold(said.text):
            self._matches.append(said)

    def search(self, text: str) -> bool:
        """Search for a text, whatever its case; return whether it was said."""
        self.sought, self._folded = text, fold(text)
        self._matches = [said for said in self._segments if self._folded in fold(said.text)]
        self._at = len(self._matches) - 1
        return bool(self._matches)

    def move(self, step: int) -> None:
        """Go to the next match, as far as there is one: -1 is older, 1 is newer."""
        self._at = min(max(self._at + step, 0), len(self._matches) - 1)

    def leave(self) -> None:
        """End the search."""
        self._matches = []

    @property
    def found(self) -> Said | None:
        """The match that is shown; None if there is no search."""
        return self._matches[self._at] if self._matches else None

    @property
    def place(self) -> str:
        """Which match it is, the newest being the first."""
        return f"{len(self._matches) - self._at} of {len(self._matches)}"

    def get_copied(self, *, everything: bool) -> str:
        """Return what is copied: the match, else the last segment; or everything that fits."""
        if not everything:
            said = self.found or (self._segments[-1] if self._segments else None)
            return said.text if said else ""
        lines: list[str] = []
        room = MAX_COPIED_BYTES
        for said in reversed(self._segments):
            room -= len(said.text.encode("utf-8", "replace")) + 1
            if room < 0:
                break
            lines.append(said.text)
        return "\n".join(reversed(lines))


def make_copy_sequence(text: str) -> str:
    """Return what makes a terminal put a text into its clipboard: OSC 52."""
    data = text.encode("utf-8", "replace")[:MAX_COPIED_BYTES]
    return f"\x1b]52;c;{base64.b64encode(data).decode('ascii')}\x07"


def describe_copy(text: str) -> str:
    """Return a sentence about what was copied; no terminal says whether it took it."""
    if not text:
        return "there is nothing to copy yet"
    what, them = count_things(len(text), "character"), "it" if len(text) == 1 else "them"
    return f"{what} went to the terminal's clipboard; not all terminals take {them}"

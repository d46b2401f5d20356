"""The format for readers: plain text."""

from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.cues import join_lines
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.segments import Segment
from nemocli.transcript.speakers import UNKNOWN
from nemocli.transcript.writer import Writer


class TxtWriter(Writer):
    """Plain text: a line for each segment, after its label if it has one.

    With speakers, segments that one of them says in succession share a line, and those of nobody
    that is known begin with UNKNOWN.
    """

    name = "txt"

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        self._joins = about.speakers is not None
        # The last segment of the line that may still grow.
        self._last: Segment | None = None

    def add(self, segment: Segment) -> str:
        if not self._joins:
            return f"{join_lines(segment.labelled_text)}\n"
        last, self._last = self._last, segment
        if last is None or last.label != segment.label:
            who = "" if segment.label else f"{UNKNOWN}: "
            return ("" if last is None else "\n") + who + join_lines(segment.labelled_text)
        space = " " if segment.words[0].space_before else ""
        return space + join_lines(segment.text)

    def write_tail(self, language: str | None, duration: float) -> str:
        return "" if self._last is None else "\n"


WRITERS = (TxtWriter,)

"""The format for readers: plain text."""

from nemocli.transcript.cues import join_lines
from nemocli.transcript.segments import Segment
from nemocli.transcript.writer import Writer


class TxtWriter(Writer):
    """Plain text: a line for each segment, after its channel's name if it has one."""

    name = "txt"

    def add(self, segment: Segment) -> str:
        return f"{join_lines(segment.labelled_text)}\n"


WRITERS = (TxtWriter,)

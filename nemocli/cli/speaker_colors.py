"""A colour for each speaker on a terminal."""

from rich.text import Text

from nemocli.cli.printable import make_printable
from nemocli.transcript.segments import Segment

#: By the number of the speaker; further ones begin anew.
COLORS = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_magenta")


def color_segment(segment: Segment, before: str = "") -> Text:
    """Return a segment's printable text behind `before`, with its speaker's name in his colour."""
    line = Text(before)
    if segment.speaker is None:
        return line.append(make_printable(segment.labelled_text))
    color = COLORS[segment.speaker.number % len(COLORS)]
    line.append(make_printable(f"{segment.label}:"), style=f"bold {color}")
    return line.append(make_printable(f" {segment.text}"))

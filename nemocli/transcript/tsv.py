"""The format for spreadsheets: TSV."""

from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.cues import join_lines
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word
from nemocli.transcript.writer import Writer


class TsvWriter(Writer):
    """Tab-separated start and end in milliseconds and text, of a segment or a word in each line.

    With separate channels, a further column is the channel's name; with speakers, the last one is
    who speaks.
    """

    name = "tsv"
    has_text_without_words = True

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        self._by_word = layout.word_timestamps
        self._has_channels = about.has_channels
        self._has_speakers = about.speakers is not None

    def write_head(self) -> str:
        return f"start\tend\ttext{self._format_columns('channel', 'speaker')}\n"

    def add(self, segment: Segment) -> str:
        rows = segment.words if self._by_word else (segment,)
        return "".join(map(self._format_line, rows))

    def _format_line(self, row: Segment | Word) -> str:
        start, end = round(1000 * row.start), round(1000 * row.end)
        speaker = row.speaker.id if row.speaker else ""
        columns = self._format_columns(row.channel or "", speaker)
        return f"{start}\t{end}\t{join_lines(row.text)}{columns}\n"

    def _format_columns(self, channel: str, speaker: str) -> str:
        columns = f"\t{channel}" if self._has_channels else ""
        return f"{columns}\t{speaker}" if self._has_speakers else columns


WRITERS = (TsvWriter,)

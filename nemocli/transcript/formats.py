"""The written formats: plain text, JSON, JSON lines, TSV, and the subtitles SRT and WebVTT."""

import json
from collections.abc import Iterator

from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.cues import one_line
from nemocli.transcript.json_documents import JsonLinesWriter, JsonWriter, json_text
from nemocli.transcript.segments import Segment, split_segments
from nemocli.transcript.subtitles import SrtWriter, VttWriter
from nemocli.transcript.types import Transcript, Word
from nemocli.transcript.writer import Provenance, WholeTranscript, Writer

__all__ = [
    "FORMATS",
    "CueLayout",
    "Provenance",
    "WholeTranscript",
    "Writer",
    "json_line",
    "write_whole",
]


class TxtWriter:
    """Plain text: a line for each segment, after its channel's name if it has one."""

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        pass

    def head(self) -> str:
        return ""

    def add(self, segment: Segment) -> str:
        speaker = f"{segment.channel}: " if segment.channel else ""
        return f"{speaker}{one_line(segment.text)}\n"

    def tail(self, language: str | None, duration: float) -> str:
        return ""


class TsvWriter:
    """Tab-separated start and end in milliseconds and text, of a segment or a word in each line.

    With separate channels, the last column is the channel's name.
    """

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        self._by_word = layout.word_timestamps
        self._has_channels = about.has_channels

    def head(self) -> str:
        return f"start\tend\ttext{self._column('channel')}\n"

    def add(self, segment: Segment) -> str:
        rows = segment.words if self._by_word else (segment,)
        return "".join(map(self._line, rows))

    def tail(self, language: str | None, duration: float) -> str:
        return ""

    def _line(self, row: Segment | Word) -> str:
        start, end = round(1000 * row.start), round(1000 * row.end)
        return f"{start}\t{end}\t{one_line(row.text)}{self._column(row.channel or '')}\n"

    def _column(self, text: str) -> str:
        return f"\t{text}" if self._has_channels else ""


#: The formats by name, which is also the files' extension.
FORMATS: dict[str, type[Writer]] = {
    "txt": TxtWriter,
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
    "tsv": TsvWriter,
    "srt": SrtWriter,
    "vtt": VttWriter,
}


_NOTHING = Provenance(
    file="",
    model="",
    model_revision=None,
    precision="",
    runtime="",
    lookahead=0,
    requested_language="auto",
)


def write_whole(result: WholeTranscript, name: str, layout: CueLayout = DEFAULT_LAYOUT) -> str:
    """Return the document of a whole transcript, in one of the FORMATS."""
    return "".join(_pieces(result, FORMATS[name](result.about, layout)))


def write_transcript(transcript: Transcript, name: str, layout: CueLayout = DEFAULT_LAYOUT) -> str:
    """The document of a transcript of which no more is known, in a format that says no more."""
    return write_whole(WholeTranscript(_NOTHING, transcript), name, layout)


def json_line(result: WholeTranscript) -> str:
    """Return the JSON document of a whole transcript on a single line."""
    return json_text(json.loads(write_whole(result, "json"))) + "\n"


def _pieces(result: WholeTranscript, writer: Writer) -> Iterator[str]:
    about, transcript = result.about, result.transcript
    yield writer.head()
    for segment in split_segments(transcript.words, transcript.tokens, about.fixed_language):
        yield writer.add(segment)
    if isinstance(writer, JsonWriter):
        yield from writer.whole(transcript, result.warnings)
    else:
        yield writer.tail(transcript.language, transcript.duration)
    if isinstance(writer, JsonLinesWriter):
        yield from (json_text(warning.to_json()) + "\n" for warning in result.warnings)

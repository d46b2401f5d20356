"""The written formats: plain text, JSON, JSON lines, TSV, and the subtitles SRT and WebVTT."""

import json
from collections.abc import Iterator

from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.cues import one_line
from nemocli.transcript.json_documents import JsonLinesWriter, JsonWriter, json_text
from nemocli.transcript.segments import Segment, split_segments
from nemocli.transcript.subtitles import SrtWriter, VttWriter
from nemocli.transcript.types import Word
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
    """One segment a line; nothing for silence."""

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        pass

    def head(self) -> str:
        return ""

    def add(self, segment: Segment) -> str:
        return one_line(segment.text) + "\n"

    def tail(self, language: str | None, duration: float) -> str:
        return ""


class TsvWriter:
    """Start and end in milliseconds, and the text, between tabs; a line is a segment or a word."""

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        self._by_word = layout.word_timestamps

    def head(self) -> str:
        return "start\tend\ttext\n"

    def add(self, segment: Segment) -> str:
        rows = segment.words if self._by_word else (segment,)
        return "".join(map(_tsv_line, rows))

    def tail(self, language: str | None, duration: float) -> str:
        return ""


#: By the name that is also the files' extension.
FORMATS: dict[str, type[Writer]] = {
    "txt": TxtWriter,
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
    "tsv": TsvWriter,
    "srt": SrtWriter,
    "vtt": VttWriter,
}


def write_whole(result: WholeTranscript, name: str, layout: CueLayout = DEFAULT_LAYOUT) -> str:
    """The document of a whole transcript, in one of the FORMATS."""
    return "".join(_pieces(result, FORMATS[name](result.about, layout)))


def json_line(result: WholeTranscript) -> str:
    """The JSON document of a whole transcript on a single line."""
    return json_text(json.loads(write_whole(result, "json"))) + "\n"


def _pieces(result: WholeTranscript, writer: Writer) -> Iterator[str]:
    about, transcript = result.about, result.transcript
    yield writer.head()
    for segment in split_segments(transcript.words, transcript.tokens, about.fixed_language):
        yield writer.add(segment)
    if isinstance(writer, JsonWriter):
        yield from writer.whole(transcript)
    else:
        yield writer.tail(transcript.language, transcript.duration)


def _tsv_line(row: Segment | Word) -> str:
    return f"{round(1000 * row.start)}\t{round(1000 * row.end)}\t{one_line(row.text)}\n"

"""The written formats: plain text, JSON, JSON lines, TSV, and the subtitles SRT and WebVTT.

Each is a writer that takes segments one by one, so that a whole file and a stream that goes on for
hours are written by the same code.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from nemocli.transcript.segments import Segment, split_segments
from nemocli.transcript.types import Transcript

#: Version of the JSON format; rises when a reader of the old one would break.
JSON_VERSION = 1

#: Seconds a subtitle stands at least, if the next one leaves it the time.
MIN_CUE_SECONDS = 1.0


@dataclass(frozen=True)
class About:
    """What a transcript was made from and with."""

    file: str
    model: str
    runtime: str
    lookahead: int
    #: The locale that was asked for, or `auto`.
    requested_language: str


@dataclass(frozen=True)
class Result:
    """A whole transcript, and what it was made with."""

    about: About
    transcript: Transcript


class Writer(Protocol):
    """One document: the head, what each segment adds, and a tail.

    Head, all that was added and the tail make a valid document after every segment.
    """

    def __init__(self, about: About) -> None: ...

    def head(self) -> str:
        """What the document begins with."""

    def add(self, segment: Segment) -> str:
        """What is certain now that this segment has come; it may be due to the one before."""

    def tail(self, language: str | None, duration: float) -> str:
        """What ends the document here: language heard last, seconds of sound so far."""


class TxtWriter:
    """One segment a line; nothing for silence."""

    def __init__(self, about: About) -> None:
        pass

    def head(self) -> str:
        return ""

    def add(self, segment: Segment) -> str:
        return segment.text + "\n"

    def tail(self, language: str | None, duration: float) -> str:
        return ""


class TsvWriter(TxtWriter):
    """Start and end in milliseconds, and the text, between tabs."""

    def head(self) -> str:
        return "start\tend\ttext\n"

    def add(self, segment: Segment) -> str:
        start, end = round(1000 * segment.start), round(1000 * segment.end)
        return f"{start}\t{end}\t{segment.text}\n"


class JsonLinesWriter(TxtWriter):
    """One segment a line: id, times in seconds, text, words."""

    def add(self, segment: Segment) -> str:
        return json.dumps(segment_fields(segment), ensure_ascii=False) + "\n"


class JsonWriter:
    """One object: what it was made with, segments with their words, language and duration."""

    def __init__(self, about: About) -> None:
        self._about = about
        self._separator = ""

    def head(self) -> str:
        fields: dict[str, Any] = {"version": JSON_VERSION, **asdict(self._about)}
        return json.dumps(fields, ensure_ascii=False, indent=2)[:-2] + ',\n  "segments": ['

    def add(self, segment: Segment) -> str:
        text = json.dumps(segment_fields(segment), ensure_ascii=False, indent=2)
        indented = text.replace("\n", "\n    ")  # there is no line break within a JSON string
        added = f"{self._separator}\n    {indented}"
        self._separator = ","
        return added

    def tail(self, language: str | None, duration: float) -> str:
        return self._end({"language": language, "duration": round(duration, 3)})

    def whole(self, transcript: Transcript) -> str:
        """The tail of a whole transcript, with its text and every token."""
        fields = {
            "language": transcript.language,
            "duration": round(transcript.duration, 3),
            "text": transcript.text,
            "tokens": [
                {
                    "id": token.id,
                    "piece": token.piece,
                    "frame": token.frame,
                    "time": token.time,
                    "confidence": round(token.confidence, 4),
                }
                for token in transcript.tokens
            ],
        }
        return self._end(fields)

    def _end(self, fields: dict[str, Any]) -> str:
        close = "\n  ],\n" if self._separator else "],\n"
        return close + json.dumps(fields, ensure_ascii=False, indent=2)[2:] + "\n"


class SubtitleWriter:
    """Cues in order, never overlapping, never empty.

    The last cue is in the tail, since how long it stands depends on the next one.
    """

    #: Between seconds and milliseconds.
    point: str

    def __init__(self, about: About) -> None:
        self._last: Segment | None = None
        self._number = 0
        #: In milliseconds: when the cue before the last one ended.
        self._free_from = 0

    def head(self) -> str:
        return ""

    def cue(self, number: int, times: str, text: str) -> str:
        raise NotImplementedError

    def add(self, segment: Segment) -> str:
        written = ""
        if self._last is not None:
            start, end = self._times(self._last, segment.start)
            written = self._cue(self._last, start, end)
            self._free_from = end
        self._last = segment
        self._number += 1
        return written

    def tail(self, language: str | None, duration: float) -> str:
        if self._last is None:
            return ""
        return self._cue(self._last, *self._times(self._last, float("inf")))

    def _times(self, segment: Segment, limit: float) -> tuple[int, int]:
        """Start and end in milliseconds of a cue that may be prolonged up to a limit."""
        start = max(round(1000 * segment.start), self._free_from)
        wanted = max(segment.end, min(segment.start + MIN_CUE_SECONDS, limit))
        return start, max(round(1000 * wanted), start + 1)

    def _cue(self, segment: Segment, start: int, end: int) -> str:
        times = f"{clock(start, self.point)} --> {clock(end, self.point)}"
        return self.cue(self._number, times, segment.text)


class SrtWriter(SubtitleWriter):
    """SubRip: numbered cues."""

    point = ","

    def cue(self, number: int, times: str, text: str) -> str:
        return f"{number}\n{times}\n{text}\n\n"


class VttWriter(SubtitleWriter):
    """WebVTT, with the signs escaped that would begin a tag."""

    point = "."

    def head(self) -> str:
        return "WEBVTT\n\n"

    def cue(self, number: int, times: str, text: str) -> str:
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return f"{times}\n{escaped}\n\n"


#: By the name that is also the files' extension.
FORMATS: dict[str, type[Writer]] = {
    "txt": TxtWriter,
    "json": JsonWriter,
    "jsonl": JsonLinesWriter,
    "tsv": TsvWriter,
    "srt": SrtWriter,
    "vtt": VttWriter,
}


def write_whole(result: Result, name: str) -> str:
    """The document of a whole transcript, in one of the FORMATS."""
    return "".join(_pieces(result, FORMATS[name](result.about)))


def json_line(result: Result) -> str:
    """The JSON document of a whole transcript on a single line."""
    return json.dumps(json.loads(write_whole(result, "json")), ensure_ascii=False) + "\n"


def _pieces(result: Result, writer: Writer) -> Iterator[str]:
    transcript = result.transcript
    yield writer.head()
    for segment in split_segments(transcript.words):
        yield writer.add(segment)
    if isinstance(writer, JsonWriter):
        yield writer.whole(transcript)
    else:
        yield writer.tail(transcript.language, transcript.duration)


def segment_fields(segment: Segment) -> dict[str, Any]:
    """A segment as JSON has it."""
    words = [asdict(word) | {"confidence": round(word.confidence, 4)} for word in segment.words]
    for word in words:
        del word["space_before"]
    return {
        "id": segment.id,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "words": words,
    }


def clock(milliseconds: int, point: str = ".") -> str:
    """Hours, minutes, seconds and milliseconds, as `01:02:03.456`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"

"""The written formats: plain text, JSON, and the subtitles SRT and WebVTT."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from nemocli.transcript.segments import Segment, split_segments
from nemocli.transcript.types import Transcript

#: Version of the JSON format; rises when a reader of the old one would break.
JSON_VERSION = 1

#: Seconds a subtitle stands at least, if the next one leaves it the time.
MIN_CUE_SECONDS = 1.0


@dataclass(frozen=True)
class Result:
    """A transcript and what it was made with."""

    file: str
    transcript: Transcript
    model: str
    runtime: str
    lookahead: int
    #: The locale that was asked for, or `auto`.
    requested_language: str


def to_txt(result: Result) -> str:
    """One segment a line; nothing for silence."""
    return "".join(s.text + "\n" for s in split_segments(result.transcript.words))


def to_json(result: Result, indent: int | None = 2) -> str:
    """Text, language, segments with words, and tokens; times in seconds."""
    transcript = result.transcript
    document: dict[str, Any] = {
        "version": JSON_VERSION,
        "file": result.file,
        "model": result.model,
        "runtime": result.runtime,
        "lookahead": result.lookahead,
        "requested_language": result.requested_language,
        "language": transcript.language,
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "segments": [_segment(segment) for segment in split_segments(transcript.words)],
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
    return json.dumps(document, ensure_ascii=False, indent=indent) + "\n"


def to_srt(result: Result) -> str:
    """SubRip: numbered cues."""
    return "".join(
        f"{number}\n{_clock(start, ',')} --> {_clock(end, ',')}\n{text}\n\n"
        for number, (start, end, text) in enumerate(_cues(result), 1)
    )


def to_vtt(result: Result) -> str:
    """WebVTT, with the signs escaped that would begin a tag."""
    cues = (
        f"{_clock(start, '.')} --> {_clock(end, '.')}\n{_escape(text)}\n\n"
        for start, end, text in _cues(result)
    )
    return "WEBVTT\n\n" + "".join(cues)


FORMATS: dict[str, Callable[[Result], str]] = {
    "txt": to_txt,
    "json": to_json,
    "srt": to_srt,
    "vtt": to_vtt,
}


def _segment(segment: Segment) -> dict[str, Any]:
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


def _cues(result: Result) -> Iterator[tuple[int, int, str]]:
    """Start and end in milliseconds, and text: in order, never overlapping, never empty."""
    segments: Sequence[Segment] = split_segments(result.transcript.words)
    free_from = 0
    for n, segment in enumerate(segments):
        start = max(round(1000 * segment.start), free_from)
        wanted = segment.start + MIN_CUE_SECONDS
        limit = segments[n + 1].start if n + 1 < len(segments) else wanted
        end = max(round(1000 * max(segment.end, min(wanted, limit))), start + 1)
        free_from = end
        yield start, end, segment.text


def _clock(milliseconds: int, point: str) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")

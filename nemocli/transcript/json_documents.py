"""The formats for programs: a JSON document, and lines of JSON.

`nemocli/schemas` describes both by JSON Schema.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from nemocli.sound_warning import SoundWarning
from nemocli.transcript.alignment import ALIGNED
from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.segments import Segment, split_segments
from nemocli.transcript.speakers import Speaker, Turn
from nemocli.transcript.types import Token, Transcript, Word
from nemocli.transcript.writer import Writer
from nemocli.version import __version__

#: Version of the JSON document; raised when a reader of older ones would break.
JSON_VERSION = 2

#: Members of an aligned word for its times by the model.
_MODEL_TIMES = ("model_start", "model_end")

#: Characters that a terminal would obey or reorder text by; and surrogates, which Python uses for
#: bytes of a file's name that are not text.
ESCAPED = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class JsonLinesWriter(Writer):
    """Lines of JSON, one for each segment: id, times in seconds, text, confidence, words, ..."""

    name = "jsonl"

    def add(self, segment: Segment) -> str:
        return format_json(describe_segment(segment)) + "\n"

    def write_whole_tail(
        self, transcript: Transcript, warnings: Sequence[SoundWarning]
    ) -> Iterator[str]:
        return (format_json(warning.to_json()) + "\n" for warning in warnings)


class JsonWriter(Writer):
    """One JSON object: what it was made with, segments with their words, language, duration."""

    name = "json"
    has_text_without_words = True

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        self._about = about
        self._separator = ""

    def write_head(self) -> str:
        fields = {"version": JSON_VERSION, "nemocli": __version__, **self._about.list_fields()}
        return f"{{\n{_format_members(fields)},\n" + '  "segments": ['

    def add(self, segment: Segment) -> str:
        fields = describe_segment(segment)
        words = _format_rows(fields.pop("words"), "      ")
        added = f'{self._separator}\n    {format_json(fields)[:-1]}, "words": [{words}\n    ]}}'
        self._separator = ","
        return added

    def write_tail(self, language: str | None, duration: float) -> str:
        return f"{self._end(language, duration)}\n}}\n"

    def write_whole_tail(
        self, transcript: Transcript, warnings: Sequence[SoundWarning]
    ) -> Iterator[str]:
        """Give the tail of a whole transcript: text, turns, tokens and warnings about the sound."""
        yield self._end(transcript.language, transcript.duration)
        yield f',\n  "text": {format_json(transcript.text)},\n'
        if transcript.turns is not None:
            turns = _format_rows(map(describe_turn, transcript.turns), "    ")
            yield f'  "turns": [{turns}' + ("\n  ],\n" if turns else "],\n")
        yield '  "tokens": ['
        tokens = _format_rows(map(describe_token, transcript.tokens), "    ")
        yield tokens + ("\n  ],\n" if tokens else "],\n") + '  "warnings": ['
        rows = _format_rows((warning.to_json() for warning in warnings), "    ")
        yield rows + ("\n  ]\n}\n" if rows else "]\n}\n")

    def _end(self, language: str | None, duration: float) -> str:
        fields = {
            "language": language or self._about.fixed_language,
            "duration": round(duration, 3),
        }
        return ("\n  ],\n" if self._separator else "],\n") + _format_members(fields)


def format_json(value: Any) -> str:
    """Return a value as JSON on one line; letters of all scripts are not escaped."""
    text = json.dumps(value, ensure_ascii=False)
    return ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def describe_transcript(transcript: Transcript) -> dict[str, Any]:
    """Return the members of a document that a transcript alone knows, in a detected language."""
    segments = split_segments(transcript.words, transcript.tokens)
    return {
        "version": JSON_VERSION,
        "nemocli": __version__,
        "segments": [describe_segment(segment) for segment in segments],
        "language": transcript.language,
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        **(
            {}
            if transcript.turns is None
            else {"turns": list(map(describe_turn, transcript.turns))}
        ),
        "tokens": [describe_token(token) for token in transcript.tokens],
    }


def describe_segment(segment: Segment) -> dict[str, Any]:
    """Return the members of a segment in JSON."""
    return {
        "id": segment.id,
        **_describe_channel(segment.channel),
        **_describe_speaker(segment.speaker),
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "confidence": round(segment.confidence, 4),
        "language": segment.language,
        **describe_times(segment),
        "words": [describe_word(word) for word in segment.words],
    }


def describe_times(segment: Segment) -> dict[str, Any]:
    """Return the member that says that a segment's times are aligned; none for the model's."""
    return {"times": ALIGNED} if segment.is_aligned else {}


def describe_word(word: Word) -> dict[str, Any]:
    """Return the members of a word in JSON; some only if they apply to it."""
    by_model = word.model_times and dict(zip(_MODEL_TIMES, word.model_times, strict=True))
    return {
        **_describe_channel(word.channel),
        **_describe_speaker(word.speaker),
        "text": word.text,
        "start": word.start,
        "end": word.end,
        **(by_model or {}),
        "confidence": round(word.confidence, 4),
        **_describe_boosted(word.is_boosted),
        **({"overlap": True} if word.is_overlapped else {}),
    }


def describe_token(token: Token) -> dict[str, Any]:
    """Return the members of a token in JSON."""
    return {
        **_describe_channel(token.channel),
        "id": token.id,
        "piece": token.piece,
        "frame": token.frame,
        "time": token.time,
        "confidence": round(token.confidence, 4),
        **_describe_boosted(token.is_boosted),
    }


def _describe_channel(name: str | None) -> dict[str, Any]:
    """Return the member for a channel; none if channels are not separate."""
    return {} if name is None else {"channel": name}


def describe_turn(turn: Turn) -> dict[str, Any]:
    """Return the members of a speaker's turn in JSON."""
    return {"start": turn.start, "end": turn.end, "speaker": turn.speaker.id}


def _describe_speaker(speaker: Speaker | None) -> dict[str, Any]:
    """Return the member for who speaks; none if that is not known."""
    return {} if speaker is None else {"speaker": speaker.id}


def _describe_boosted(is_boosted: bool) -> dict[str, Any]:
    """Return the member for what a phrase decided; none if the model did."""
    return {"boosted": True} if is_boosted else {}


def _format_members(fields: dict[str, Any]) -> str:
    """Write an object's members, each on a line."""
    return ",\n".join(
        f"  {format_json(name)}: {format_json(value)}" for name, value in fields.items()
    )


def _format_rows(items: Iterable[dict[str, Any]], indent: str) -> str:
    """Write an array's items, each on a line."""
    return ",".join(f"\n{indent}{format_json(item)}" for item in items)


WRITERS = (JsonWriter, JsonLinesWriter)

"""Transcripts in the formats of OpenAI's transcription interface."""

import math
import re
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nemocli.network.tokenizer_file import SPACE
from nemocli.server.fields import TranscriptionRequest
from nemocli.transcript.json_documents import describe_token
from nemocli.transcript.segments import Segment, split_segments
from nemocli.transcript.types import Token, Transcript, Word
from nemocli.units import FRAME_SECONDS

#: The code of an unknown language, by ISO 639.
UNKNOWN_LANGUAGE = "und"

#: Who says words where nobody is known to speak: clients rely on a text.
UNKNOWN_SPEAKER = "unknown"

#: A token that is one byte of a character.
_BYTE = re.compile("<0x([0-9A-F]{2})>")


def describe_languages(tag: str | None) -> dict[str, Any]:
    """Return the member that names a language by its code and locale; none if it is unknown."""
    return {"languages": [{"code": _strip_region(tag), "locale": tag}]} if tag else {}


def find_fixed_language(requested: str) -> str | None:
    """Return the requested locale; None if it is `auto`."""
    return None if requested == "auto" else requested


def _strip_region(tag: str) -> str:
    """Return the code of a locale: `de` of `de-DE`."""
    return tag.partition("-")[0]


def make_json_answer(transcript: Transcript, request: TranscriptionRequest) -> dict[str, Any]:
    """Return the object for `json`."""
    answer: dict[str, Any] = {"text": transcript.text, "usage": count_duration(transcript)}
    if request.has_logprobs:
        answer["logprobs"] = list_logprobs(transcript.tokens)
    answer |= describe_languages(transcript.language or find_fixed_language(request.language))
    if request.warnings:
        answer["warnings"] = list(request.warnings)
    return answer


def describe_end(transcript: Transcript, request: TranscriptionRequest) -> dict[str, Any]:
    """Return the last event of a stream: what `json` has, and for `verbose_json` what that has."""
    is_verbose = request.response_format == "verbose_json"
    return {
        **(make_verbose_answer(transcript, request) if is_verbose else {}),
        **make_json_answer(transcript, request),
        "type": "transcript.text.done",
        "usage": count_tokens(transcript),
    }


def make_verbose_answer(
    transcript: Transcript, request: TranscriptionRequest, warnings: Sequence[str] = ()
) -> dict[str, Any]:
    """Return the object for `verbose_json`; `warnings` are about the sound."""
    answer: dict[str, Any] = {
        "task": "transcribe",
        "language": _strip_region(
            transcript.language or find_fixed_language(request.language) or UNKNOWN_LANGUAGE
        ),
        "duration": round(transcript.duration, 3),
        "text": transcript.text,
        "usage": count_duration(transcript),
    }
    if transcript.language:
        answer["locale"] = transcript.language
    if request.has_segments:
        fixed = find_fixed_language(request.language)
        segments = split_segments(transcript.words, transcript.tokens, fixed)
        by_segment = _group_by_segment(segments, transcript.tokens)
        answer["segments"] = [
            _describe_segment(*each) for each in zip(segments, by_segment, strict=True)
        ]
    if request.has_words:
        answer["words"] = [describe_word(word) for word in transcript.words]
    if request.has_tokens:
        answer["tokens"] = [describe_token(token) for token in transcript.tokens]
    if all_warnings := [*request.warnings, *warnings]:
        answer["warnings"] = all_warnings
    return answer


def make_diarized_answer(transcript: Transcript, request: TranscriptionRequest) -> dict[str, Any]:
    """Return the object for `diarized_json`: who says what, and when."""
    return {
        "task": "transcribe",
        "duration": round(transcript.duration, 3),
        **make_json_answer(transcript, request),
        "segments": list_diarized_segments(transcript),
    }


def list_diarized_segments(transcript: Transcript) -> list[dict[str, Any]]:
    """Return an object for each segment, which is an event of a stream too.

    OpenAI's speakers are A, B and so on, in the order of their first words.
    """
    return [
        {
            "type": "transcript.text.segment",
            "id": f"seg_{segment.id}",
            "start": segment.start,
            "end": segment.end,
            "text": segment.text,
            "speaker": _name_speaker(segment),
        }
        for segment in split_segments(transcript.words)
    ]


def _name_speaker(segment: Segment) -> str:
    speaker = segment.speaker
    return UNKNOWN_SPEAKER if speaker is None else chr(ord("A") + speaker.number)


def describe_word(word: Word) -> dict[str, Any]:
    """Return the object for a word; OpenAI's has its text and its times only.

    The confidence is not rounded: clients compute that of segments from it.
    """
    return {
        "word": word.text,
        "start": word.start,
        "end": word.end,
        "confidence": float(word.confidence),
        "space_before": word.space_before,
        **({"boosted": True} if word.is_boosted else {}),
    }


def count_duration(transcript: Transcript) -> dict[str, Any]:
    """Return what was used, in seconds of sound."""
    return {"type": "duration", "seconds": round(transcript.duration, 3)}


def count_tokens(transcript: Transcript) -> dict[str, Any]:
    """Return what was used, in encoder frames that came in and tokens that went out."""
    frames = math.ceil(transcript.duration / FRAME_SECONDS)
    return {
        "type": "tokens",
        "input_tokens": frames,
        "output_tokens": len(transcript.tokens),
        "total_tokens": frames + len(transcript.tokens),
        "input_token_details": {"audio_tokens": frames, "text_tokens": 0},
    }


def list_logprobs(tokens: Sequence[Token]) -> list[dict[str, Any]]:
    """Return the logarithms of the tokens' probabilities; language tags are no text."""
    return [
        {"token": text, "logprob": _log(token.confidence), "bytes": list(data)}
        for token in tokens
        if token.language is None
        for text, data in [_decode_piece(token.piece)]
    ]


def _decode_piece(piece: str) -> tuple[str, bytes]:
    if byte := _BYTE.fullmatch(piece):
        data = bytes.fromhex(byte[1])
        return data.decode("utf-8", "replace"), data
    text = piece.replace(SPACE, " ")
    return text, text.encode()


def _log(probability: float) -> float:
    return round(math.log(max(probability, 1e-12)), 6)


def _describe_segment(segment: Segment, tokens: Sequence[Token]) -> dict[str, Any]:
    text = segment.text.encode()
    chances = [_log(token.confidence) for token in tokens] or [_log(segment.confidence)]
    return {
        "id": segment.id,
        "seek": 0,
        "start": segment.start,
        "end": segment.end,
        "text": segment.text,
        "tokens": [token.id for token in tokens],
        "temperature": 0.0,
        "avg_logprob": round(sum(chances) / len(chances), 6),
        "compression_ratio": round(len(text) / max(1, len(zlib.compress(text))), 4),
        "no_speech_prob": 0.0,
        "language": segment.language,
    }


def _group_by_segment(
    segments: Sequence[Segment], tokens: Sequence[Token]
) -> Sequence[Sequence[Token]]:
    """Return the tokens of each segment, by the time at which the next one begins."""
    times = [token.time for token in tokens]
    begins = [segment.words[0].times_by_model[0] for segment in segments]
    cuts = [0, *(bisect_left(times, begin) for begin in begins[1:]), len(tokens)]
    return [tokens[first:end] for first, end in pairwise(cuts)][: len(segments)]

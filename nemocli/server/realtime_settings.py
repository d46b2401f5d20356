"""The settings of a realtime session, as clients send and read them: OpenAI's, and the older ones.

Each update is merged: what it does not name stays. In `turn_detection`, null is a value.
"""

import math
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from nemocli.boosting.phrases import Phrases
from nemocli.live.stream import StreamLimits
from nemocli.server.errors import ApiError
from nemocli.server.fields import find_language
from nemocli.server.phrases import RequestPhrases, add_phrases
from nemocli.server.settings import ServerSettings
from nemocli.server.sound_format import SoundFormat
from nemocli.transcriber import Transcriber

#: Milliseconds of silence that end a turn, if the client names none, and what it may name.
SILENCE_MS, MIN_SILENCE_MS, MAX_SILENCE_MS = 500, 80, 10_000

#: Factors of that silence by `eagerness`, for semantic_vad.
EAGERNESS = {"high": 0.5, "medium": 1.0, "auto": 1.0, "low": 2.0}

#: Encodings by their names in the present shape, and in the older one.
FORMATS = {"audio/pcm": "pcm16", "audio/pcmu": "pcmu", "audio/pcma": "pcma"}
OLD_FORMATS = {"pcm16": "audio/pcm", "g711_ulaw": "audio/pcmu", "g711_alaw": "audio/pcma"}

#: Rate without one in the settings; of telephony's encodings it is the only one.
RATE, TELEPHONY_RATE = 24000, 8000

#: What a client may ask for by `include`: the tokens' probabilities, which OpenAI has; and the
#: tokens, and an event when chunks were transcribed, which it does not have.
LOGPROBS, TOKENS, PROGRESS = "item.input_audio_transcription.logprobs", "tokens", "progress"
INCLUDABLE = frozenset((LOGPROBS, TOKENS, PROGRESS))

#: The most levels of settings.
MAX_DEPTH = 8


@dataclass(frozen=True)
class RealtimeSettings:
    """Checked settings of a session."""

    sound: SoundFormat
    language: str
    #: None if the client ends each turn itself.
    endpoint_s: float | None
    requested: RequestPhrases
    #: What the client would like besides the text: some of INCLUDABLE.
    includes: frozenset[str]

    @property
    def keeps_tokens(self) -> bool:
        """Whether what is included needs the tokens of turns."""
        return not self.includes.isdisjoint((LOGPROBS, TOKENS))

    @property
    def limits(self) -> StreamLimits:
        """The limits of the stream."""
        return StreamLimits(endpoint=math.inf if self.endpoint_s is None else self.endpoint_s)


def make_first_session(model: str) -> dict[str, Any]:
    """Return the session of a new connection, in the present shape."""
    return {
        "type": "transcription",
        "audio": {
            "input": {
                "format": {"type": "audio/pcm", "rate": RATE},
                "noise_reduction": None,
                "transcription": {"model": model},
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": SILENCE_MS,
                },
            }
        },
        "include": None,
    }


def merge_session(session: dict[str, Any], update: Any) -> dict[str, Any]:
    """Return the session with an update merged into it; ApiError for an update that is wrong."""
    if not isinstance(update, dict):
        raise ApiError(400, "session must be an object.", "session")
    if is_old_shape(update):
        update = _to_present_shape(update)
    if update.get("type", "transcription") not in ("transcription", "realtime"):
        raise ApiError(400, "session.type must be 'transcription' or 'realtime'.", "session.type")
    audio = update.get("audio") or {}
    if not isinstance(audio, dict) or not isinstance(audio.get("input") or {}, dict):
        raise ApiError(400, "session.audio.input must be an object.", "session.audio.input")
    merged = deepcopy(session)
    known = merged["audio"]["input"]
    for name, value in (audio.get("input") or {}).items():
        if name not in known:
            continue
        if isinstance(value, dict) and _measure_depth(value) > MAX_DEPTH:
            raise ApiError(400, f"{name} has too many levels.", f"session.audio.input.{name}")
        is_same_kind = isinstance(known[name], dict) and isinstance(value, dict)
        if is_same_kind and value.get("type", known[name].get("type")) == known[name].get("type"):
            known[name] = known[name] | value
        elif value is not None or name in ("turn_detection", "noise_reduction"):
            known[name] = value
    if "include" in update:
        merged["include"] = update["include"]
    return merged


def is_old_shape(update: dict[str, Any]) -> bool:
    """Tell whether an update has the flat members of the interface before 2026."""
    return any(name.startswith("input_audio_") for name in update) or (
        "turn_detection" in update and "audio" not in update
    )


def read_settings(
    session: dict[str, Any], transcriber: Transcriber, settings: ServerSettings
) -> RealtimeSettings:
    """Check a session; `settings` has the language without one. ApiError names the wrong member."""
    given = session["audio"]["input"]
    transcription = _read_object(given["transcription"], "transcription")
    return RealtimeSettings(
        _read_format(given["format"]),
        _read_language(transcription, transcriber, settings.lang),
        _read_turn_detection(given["turn_detection"]),
        _read_phrases(transcription, settings.phrases),
        _read_include(session["include"]),
    )


def convert_to_old_session(session: dict[str, Any]) -> dict[str, Any]:
    """Return a session in the older, flat shape."""
    given = session["audio"]["input"]
    sound = _read_object(given["format"], "format")
    names = {present: old for old, present in OLD_FORMATS.items()}
    return {
        "input_audio_format": names.get(str(sound.get("type")), "pcm16"),
        "input_audio_transcription": given["transcription"],
        "input_audio_noise_reduction": given["noise_reduction"],
        "turn_detection": given["turn_detection"],
        "include": session["include"],
    }


def _to_present_shape(update: dict[str, Any]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if "input_audio_format" in update:
        name = update["input_audio_format"]
        if not isinstance(name, str) or name not in OLD_FORMATS:
            known = ", ".join(OLD_FORMATS)
            raise ApiError(400, f"input_audio_format must be one of {known}.", "input_audio_format")
        given["format"] = {"type": OLD_FORMATS[name]}
    for name in ("transcription", "noise_reduction"):
        if f"input_audio_{name}" in update:
            given[name] = update[f"input_audio_{name}"]
    if "turn_detection" in update:
        given["turn_detection"] = update["turn_detection"]
    return {"audio": {"input": given}} | {k: update[k] for k in ("include",) if k in update}


def _read_format(value: Any) -> SoundFormat:
    given = _read_object(value, "format")
    encoding = FORMATS.get(str(given.get("type", "audio/pcm")))
    if encoding is None:
        raise ApiError(400, f"format.type must be one of {', '.join(FORMATS)}.", "format.type")
    usual = RATE if encoding == "pcm16" else TELEPHONY_RATE
    rate = given.get("rate", usual) if encoding == "pcm16" else usual
    if not isinstance(rate, int) or isinstance(rate, bool):
        raise ApiError(
            400, "format.rate must be a whole number of samples a second.", "format.rate"
        )
    return SoundFormat(encoding, rate)


def _read_language(given: dict[str, Any], transcriber: Transcriber, lang: str) -> str:
    language, hints = given.get("language"), given.get("languages")
    if not language and isinstance(hints, list) and len(hints) == 1:
        language = hints[0]
    elif not language and hints:
        language = "auto"
    if language is not None and not isinstance(language, str):
        raise ApiError(400, "transcription.language must be a text such as 'de'.", "language")
    return find_language(transcriber, language or lang)


def _read_turn_detection(value: Any) -> float | None:
    if value is None:
        return None
    given = _read_object(value, "turn_detection")
    kind = given.get("type", "server_vad")
    if kind == "none":
        return None
    if kind == "server_vad":
        silence = given.get("silence_duration_ms", SILENCE_MS)
        if not isinstance(silence, int | float) or not 0 <= silence < math.inf:
            raise ApiError(
                400,
                "turn_detection.silence_duration_ms must be a number of milliseconds.",
                "silence_duration_ms",
            )
        return min(max(silence, MIN_SILENCE_MS), MAX_SILENCE_MS) / 1000
    if kind == "semantic_vad":
        eagerness = given.get("eagerness", "auto")
        if not isinstance(eagerness, str) or eagerness not in EAGERNESS:
            known = ", ".join(EAGERNESS)
            raise ApiError(400, f"turn_detection.eagerness must be one of {known}.", "eagerness")
        return EAGERNESS[eagerness] * SILENCE_MS / 1000
    raise ApiError(
        400,
        "turn_detection must be null, or its type server_vad or semantic_vad.",
        "type",
    )


def _read_phrases(given: dict[str, Any], standing: Phrases) -> RequestPhrases:
    return add_phrases(standing, {"keywords": given.get("keywords")})


def _read_include(value: Any) -> frozenset[str]:
    """Return what is known of a list; other servers know other names, so those are ignored."""
    if not isinstance(value or [], list):
        raise ApiError(400, "session.include must be a list of texts.", "session.include")
    return INCLUDABLE.intersection(each for each in value or () if isinstance(each, str))


def _read_object(value: Any, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ApiError(400, f"{name} must be an object.", name)
    return value


def _measure_depth(value: Any) -> int:
    """Return how many levels of objects and lists a value has."""
    levels, inner = 0, [value]
    while inner and levels <= MAX_DEPTH:
        levels += 1
        inner = [
            child
            for each in inner
            if isinstance(each, dict | list)
            for child in (each.values() if isinstance(each, dict) else each)
        ]
    return levels

"""Events of realtime clients, as they are read."""

import base64
import binascii
import json
from typing import Any

from nemocli.server.errors import ApiError


def parse_event(text: str | None) -> dict[str, Any]:
    """Return an event; ApiError for a text that is not an object in JSON."""
    try:
        event: Any = json.loads(text or "", parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict):
        raise ApiError(400, "An event must be an object in JSON, as text.", code="invalid_json")
    return event


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")


def explain_kind(kind: Any) -> str:
    """Return a sentence about an event that this server does not know."""
    if isinstance(kind, str):
        return f"This server does not know the event {kind[:60]!r}."
    return "An event must have a type, such as 'input_audio_buffer.append'."


def decode_sound(audio: Any) -> bytes:
    """Return the bytes of an event's sound; ApiError for a value that is not base64."""
    if not isinstance(audio, str):
        raise ApiError(400, "audio must be a text in base64.", "audio")
    try:
        return base64.b64decode(audio, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(400, "audio must be valid base64.", "audio", "invalid_base64") from None

"""The events of a live stream as lines of JSON, for other programs."""

from typing import Any

from nemocli.transcript.events import Event, Partial, Status
from nemocli.transcript.json_documents import describe_segment, describe_times, format_json

#: Version of the lines; raised when a reader of older ones would break.
EVENT_VERSION = 1

#: Members of a segment for whose it is, where that is known.
_WHOSE: tuple[str, ...] = ("channel", "speaker")


def format_event(event: Event) -> str:
    """Return an event as JSON, without a line break; times in seconds, levels in dB full scale.

    `heard` and `dropped` are exact to the sample.
    """
    fields: dict[str, Any] = {"version": EVENT_VERSION}
    if isinstance(event, Status):
        fields |= _describe_status(event)
    else:
        segment = describe_segment(event.segment)
        fields |= {
            "type": "partial" if isinstance(event, Partial) else "final",
            "id": segment["id"],
            **{name: segment[name] for name in _WHOSE if name in segment},
            "t0": segment["start"],
            "t1": segment["end"],
            "text": segment["text"],
            "words": segment["words"],
            "language": event.language,
            **describe_times(event.segment),
        }
    return format_json(fields)


def _describe_status(status: Status) -> dict[str, Any]:
    return {
        "type": "status",
        "kind": status.kind,
        "heard": round(status.heard, 6),
        "dropped": round(status.dropped, 6),
        "gaps": round(status.gaps, 6),
        "rescued": round(status.rescued, 3),
        "lag": round(status.lag, 3),
        "level": round(status.level, 1),
        "language": status.language,
        "message": status.message,
    }

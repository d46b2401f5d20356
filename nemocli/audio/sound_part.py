"""A stretch of sound within a file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SoundPart:
    """Where a stretch of sound lies (bytes), and what the file's own header says of it."""

    start: int
    end: int
    #: Header to put in front of its bytes; empty if they begin with one.
    header: bytes = b""
    #: Bytes, and seconds, that it has by the file's header; None if unknown.
    promised: int | None = None
    promised_seconds: float | None = None
    #: Bytes behind it that are neither sound nor tags.
    bytes_behind: int = 0
    #: Whether libsndfile alone would read the same, if there is no other part.
    is_plain: bool = False

"""The frames of the Wyoming protocol: a line of JSON, then perhaps more JSON, and perhaps bytes."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from nemocli.server.errors import ApiError

#: The most bytes of a frame's line, its further JSON, and its payload.
MAX_LINE, MAX_DATA, MAX_PAYLOAD = 1 << 16, 1 << 20, 4 << 20

#: Version of the protocol that is written.
VERSION = "1.10.2"


@dataclass(frozen=True)
class Frame:
    """An event: its type, its data, and bytes that belong to it."""

    type: str
    data: dict[str, Any] = field(default_factory=dict)
    payload: bytes = b""


async def read_frame(reader: asyncio.StreamReader) -> Frame | None:
    """Read a frame; None at the end of the connection. ApiError for bytes that are not a frame."""
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return None
    except (asyncio.LimitOverrunError, ValueError):
        raise ApiError(413, "The line of a frame is too long.") from None
    head = _parse_object(line)
    kind = head.get("type")
    if not isinstance(kind, str):
        raise ApiError(400, "A frame must have a type.")
    data = head.get("data") or {}
    if not isinstance(data, dict):
        raise ApiError(400, "The data of a frame must be an object.")
    try:
        if size := _read_length(head, "data_length", MAX_DATA):
            data = data | _parse_object(await reader.readexactly(size))
        size = _read_length(head, "payload_length", MAX_PAYLOAD)
        payload = await reader.readexactly(size) if size else b""
    except asyncio.IncompleteReadError:
        return None
    return Frame(kind, data, payload)


def write_frame(frame: Frame) -> bytes:
    """Return a frame as bytes; its data is behind its line, as the protocol's own library does."""
    head: dict[str, Any] = {"type": frame.type, "version": VERSION}
    data = json.dumps(frame.data, ensure_ascii=False).encode() if frame.data else b""
    if data:
        head["data_length"] = len(data)
    if frame.payload:
        head["payload_length"] = len(frame.payload)
    return json.dumps(head).encode() + b"\n" + data + frame.payload


def _parse_object(text: bytes) -> dict[str, Any]:
    try:
        value: Any = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise ApiError(400, "A frame must begin with an object in JSON.")
    return value


def _read_length(head: dict[str, Any], name: str, most: int) -> int:
    length = head.get(name) or 0
    if not isinstance(length, int) or not 0 <= length <= most:
        raise ApiError(413, f"{name} must be from 0 to {most}.")
    return length

"""The reader of SentencePiece models: the few fields of the protobuf that decoding needs."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from nemocli.errors import ModelError


class PieceKind(IntEnum):
    """`SentencePiece.Type` of sentencepiece_model.proto."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True)
class SentencePieces:
    """The piece and kind of each id, in the order of ids."""

    pieces: tuple[tuple[str, PieceKind], ...]


# Field numbers of sentencepiece_model.proto.
_MODEL_PIECES = 1
_PIECE_TEXT = 1
_PIECE_TYPE = 3


def read_sentencepiece(data: bytes, where: str) -> SentencePieces:
    """Read the pieces of a serialized ModelProto. Raises ModelError, naming `where`, for others."""
    try:
        found = tuple(
            _read_piece(value)
            for number, value in _read_fields(data)
            if number == _MODEL_PIECES and isinstance(value, bytes)
        )
    except (ValueError, IndexError):
        found = ()
    if not found:
        raise ModelError(f"{where} is not a SentencePiece model; download it again.")
    return SentencePieces(found)


def _read_piece(data: bytes) -> tuple[str, PieceKind]:
    text, kind = "", PieceKind.NORMAL
    for number, value in _read_fields(data):
        if number == _PIECE_TEXT and isinstance(value, bytes):
            text = value.decode("utf-8")
        elif number == _PIECE_TYPE and isinstance(value, int):
            kind = PieceKind(value)
    return text, kind


def _read_fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Give the number and value of each field of a message: a whole number, or bytes.

    Raises ValueError or IndexError for what is not a message.
    """
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _read_varint(data, at)
            yield number, value
            continue
        size = {1: 8, 5: 4}.get(wire)
        if wire == 2:
            size, at = _read_varint(data, at)
        if size is None or at + size > len(data):
            raise ValueError("not a protobuf message")
        yield number, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("not a varint")

"""NeMo's checkpoint format: archive, names of tensors, tokenizer."""

import io
import struct
import tarfile
from collections.abc import Iterable
from pathlib import Path

from nemocli.network.nemo import RENAMED
from nemocli.network.sentencepiece import PieceKind


def tar(entries: Iterable[tuple[str | tarfile.TarInfo, bytes]]) -> bytes:
    """Return an archive of these names, or members, with their contents in this order."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:") as archive:
        for entry, data in entries:
            info = entry if isinstance(entry, tarfile.TarInfo) else tarfile.TarInfo(entry)
            if data:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return content.getvalue()


def members(path: Path) -> dict[str, bytes]:
    """Return the contents of an archive's members, by name."""
    with tarfile.open(path) as archive:
        return {m.name.removeprefix("./"): archive.extractfile(m).read() for m in archive}  # type: ignore[union-attr]


def nemo_name(name: str) -> str:
    """Return NeMo's name of a tensor, by its name in the hub's layout."""
    for nemo, hub in RENAMED:
        # Only attention has biases of position; the LSTM's keep their names.
        if hub.strip(".") in name and not (hub == ".bias_" and "lstm" in name):
            name = name.replace(hub, nemo)
    return name


def sentencepiece_model(pieces: Iterable[tuple[str, PieceKind]]) -> bytes:
    """Return a serialized ModelProto: pieces with falling scores, and a unigram trainer_spec."""
    each = [
        message(1, message(1, piece.encode()) + _score(-float(number)) + _whole(3, kind))
        for number, (piece, kind) in enumerate(pieces)
    ]
    trainer = message(2, _whole(3, 1) + _whole(4, len(each)))
    return b"".join(each) + trainer + message(3, _whole(3, 1))


def message(field: int, data: bytes) -> bytes:
    """Return a protobuf field of bytes."""
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _whole(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _score(value: float) -> bytes:
    return _varint(2 << 3 | 5) + struct.pack("<f", value)


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])

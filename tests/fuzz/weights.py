"""Fuzz targets: files with the weights and the vocabulary of a model."""

import io
import json
import struct
from collections.abc import Hashable
from pathlib import Path
from random import Random

import numpy as np
from safetensors.numpy import save

from nemocli.network.checkpoint import SafetensorsFiles
from nemocli.network.parameters import Parameters
from nemocli.network.sentencepiece import read_sentencepiece
from nemocli.network.tokenizer import from_hub, from_sentencepiece
from nemocli.network.torch_file import TorchFile
from nemocli.transcript.token_decoder import TokenDecoder
from tests.fuzz import tiny
from tests.fuzz.archives import damage_zip
from tests.fuzz.mutations import (
    EDGES,
    Mutate,
    damage,
    damage_json,
    damage_pickle,
    damage_value,
    dumped,
)
from tests.fuzz.target import BrokenError, Target
from tests.nemo import message

DTYPES = "BOOL U8 I8 I16 U16 F16 BF16 I32 U32 F32 F64 I64 U64 F8_E5M2 F8_E4M3 F4 C64 Q8 F8_E8M0"


def safetensors(folder: Path) -> Target:
    """The headers of a safetensors file, and every tensor of it."""
    path = folder / "model.safetensors"
    arrays = {"a": np.arange(6, dtype=np.float16).reshape(2, 3), "b": np.ones(1, np.float64)}
    some = save(arrays | {"c": np.zeros((0, 2), np.int32), "d": np.ones((2, 2), np.uint8)})
    config = tiny.config()

    def check(data: bytes) -> Hashable:
        path.write_bytes(data)
        source = SafetensorsFiles(folder)
        shapes = source.shapes()
        kinds = []
        for name, shape in shapes.items():
            array = source.read(name)
            if array.shape != shape or array.dtype != np.float32:
                raise BrokenError(f"{name}: {array.dtype} {array.shape} for {shape}")
            kinds.append(len(shape))
        if len(kinds) > 9:
            Parameters(config, source)
        return len(kinds), sum(kinds)

    return Target([some, tiny.safetensors()], _damage_safetensors, check)


def _damage_safetensors(data: bytes, random: Random) -> bytes:
    length = int.from_bytes(data[:8], "little")
    if random.random() < 0.2 or length > len(data):
        return damage(data, random)
    header, body = data[8 : 8 + length], data[8 + length :]
    try:
        value = json.loads(header)
        entries = [entry for entry in value.values() if isinstance(entry, dict)]
        entry = random.choice(entries)
        what = random.randrange(6)
        if what == 0:
            entry["dtype"] = random.choice(DTYPES.split())
        elif what == 1:
            entry["shape"] = [random.choice(EDGES) for _ in range(random.randrange(5))]
        elif what == 2:
            entry["shape"] = [0, *entry["shape"]] if random.random() < 0.5 else [1] * 70
        elif what == 3:
            entry["data_offsets"][random.randrange(2)] = random.choice(EDGES)
        elif what == 4:
            other = random.choice(entries)
            entry["dtype"], entry["shape"] = other["dtype"], other["shape"]
        else:
            value = damage_value(value, random)
        header = dumped(value)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        header = damage(header, random, (b'"__metadata__":{"a":"b"},', b"[[[[", b"1e99"))
    if random.random() < 0.1:
        body = body[: random.randrange(len(body) + 1)] + b"\0" * random.choice((0, 1, 100))
    return struct.pack("<Q", len(header)) + header + body


def torch_file(folder: Path) -> Target:
    """A file that torch.save wrote: the zip archive, the pickle, every tensor."""
    small = {"a": np.ones((2, 3), np.float32), "b.c": np.zeros(2, np.float32)}
    seeds = [tiny.torch_tensors(small), tiny.torch_tensors({})]

    def check(data: bytes) -> Hashable:
        file = TorchFile(io.BytesIO(data), memoryview(data), "weights.ckpt")
        shapes = file.shapes()
        for name, shape in shapes.items():
            if not isinstance(name, str):
                raise BrokenError(f"a tensor is called {name!r}")
            array = file.read(name)
            if array.shape != shape or array.dtype != np.float32:
                raise BrokenError(f"{name}: {array.dtype} {array.shape} for {shape}")
        return len(shapes)

    return Target(seeds, _damage_torch_file, check)


def _damage_torch_file(data: bytes, random: Random) -> bytes:
    return damage_zip(data, random, torch_member)


def torch_member(name: str) -> Mutate:
    """How a member of such a file is damaged."""
    return damage_pickle if name.endswith(".pkl") else damage


def pickles(folder: Path) -> Target:
    """The pickle of such a file alone, which is quicker."""
    small = {"a": np.ones((2, 3), np.float32), "b.c": np.zeros(2, np.float32)}
    storages = {str(number): array.tobytes() for number, array in enumerate(small.values())}
    around = tiny.torch_file(b"@" * 4096, storages)
    start = around.index(b"@@@@")

    def check(data: bytes) -> Hashable:
        data = data[:4096].ljust(4096, b".")  # what follows the end is not read
        whole = around[:start] + data + around[start + 4096 :]
        file = TorchFile(io.BytesIO(whole), memoryview(whole), "weights.ckpt")
        for name in file.shapes():
            file.read(name)
        return len(file.shapes())

    return Target([tiny.pickled(small)], damage_pickle, check)


def sentencepiece(folder: Path) -> Target:
    """The pieces of a SentencePiece model."""

    def check(data: bytes) -> Hashable:
        pieces = read_sentencepiece(data, "tokenizer.model").pieces
        for piece, kind in pieces:
            piece.encode()
            int(kind)
        return len(pieces)

    tokens = (b"\x0a", b"\x0a\x80\x80\x80\x80\x08", b"\x18\x06", b"\x12", b"\xff" * 10, b"\x0b\x0c")

    def mutate(data: bytes, random: Random) -> bytes:
        return damage(data, random, tokens)

    return Target([tiny.sentencepiece(), message(1, message(1, b"a"))], mutate, check)


def vocabulary(folder: Path) -> Target:
    """The tokenizer that is made of a SentencePiece model, and the text it makes of every id."""
    config = tiny.config()

    def check(data: bytes) -> Hashable:
        pieces = read_sentencepiece(data, "tokenizer.model")
        return _decode_all(from_sentencepiece(pieces, config), config.vocab_size)

    def mutate(data: bytes, random: Random) -> bytes:
        return damage(data, random, (b"<blank>", b"<unk>", b"<1>", b"<9>", "▁".encode()))

    return Target([tiny.sentencepiece()], mutate, check)


def tokenizer(folder: Path) -> Target:
    """A checkpoint's tokenizer.json, and the one of a model folder that is made of it."""
    path = folder / "tokenizer.json"
    config = tiny.config()

    def check(data: bytes) -> Hashable:
        path.write_bytes(data)
        return _decode_all(from_hub(path, config), config.vocab_size)

    return Target([tiny.tokenizer_json(), _bpe_json()], damage_json, check)


def _decode_all(text: str, size: int) -> int:
    pieces = TokenDecoder(text)
    shown = 0
    for token in (*range(size + 2), 10**6):
        piece = pieces.get_piece(token)
        shown += bool(piece) + bool(pieces.decode_text([token]))
    pieces.decode_text(list(range(size)) * 2)
    return shown


def _bpe_json() -> bytes:
    """A tokenizer with merges and everything that a tokenizer.json may hold."""
    data = json.loads(tiny.tokenizer_json())
    vocabulary = data["model"]["vocab"]
    data["model"] = {
        "type": "BPE",
        "dropout": None,
        "unk_token": "<unk>",
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": True,
        "byte_fallback": True,
        "ignore_merges": False,
        "vocab": vocabulary | {"▁ab": 10, "ab": 11},
        "merges": [["▁a", "b"]],
    }
    data["normalizer"] = {
        "type": "Sequence",
        "normalizers": [
            {"type": "NFKC"},
            {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": "▁"},
        ],
    }
    data["pre_tokenizer"] = {
        "type": "Split",
        "pattern": {"Regex": "(a|b)+"},
        "behavior": "Isolated",
        "invert": False,
    }
    data["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    return json.dumps(data).encode()

"""Fuzz targets: model folders, whose manifest and graphs a stranger may have made."""

import hashlib
import json
from collections.abc import Callable, Hashable
from pathlib import Path
from random import Random
from typing import Any

from nemocli.errors import NemocliError
from nemocli.models.convert import convert
from nemocli.models.folder import (
    FORMAT,
    MODEL_MANIFEST,
    FileRecord,
    Manifest,
    read_manifest,
    record_files,
    write_manifest,
)
from nemocli.models.integrity import check_folder
from nemocli.models.resolve import resolve
from nemocli.models.runtime_and_precision import choose_lookahead
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.coreml.runtime import CoreMLRuntime
from nemocli.runtimes.onnx.names import name_graph_file
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from tests.fuzz import tiny
from tests.fuzz.models import SOUND, use_config
from tests.fuzz.mutations import damage, damage_json, damage_value, dumped
from tests.fuzz.target import BrokenError, Target
from tests.nemo import tar


def _folder(path: Path, kind: str, files: dict[str, bytes]) -> Manifest:
    """Write a model folder of these files."""
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    records = record_files(path, files)
    hashes = "0" * 64
    made = Manifest(FORMAT, kind, "fp32", (0, 3), "x", hashes, "1.0", tiny.config(), records)
    write_manifest(path, made)
    return made


def _signed(data: bytes) -> bytes:
    """Return a manifest with the right checksum, as a stranger could write it."""
    try:
        value = json.loads(data)
        value.pop("checksum", None)
        digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
        return dumped({**value, "checksum": digest})
    except (ValueError, AttributeError, TypeError, RecursionError):
        return data


def _damage_manifest(data: bytes, random: Random) -> bytes:
    try:
        value = json.loads(data)
        part = value[random.choice(("config", "files"))] if random.random() < 0.6 else value
        damage_value(part, random)
        changed = dumped(value)
    except (ValueError, TypeError, KeyError, RecursionError):
        changed = damage_json(data, random)
    return _signed(changed) if random.random() < 0.8 else damage_json(changed, random)


def _used(folder: Path, run: Callable[[Manifest], Hashable]) -> Hashable:
    manifest = read_manifest(folder)
    check_folder(folder, manifest)
    for name, record in manifest.files.items():
        if not isinstance(record, FileRecord) or not (folder / name).is_file():
            raise BrokenError(f"the file {name}")
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise BrokenError(f"a file outside: {name}")
    use_config(manifest.config)
    return run(manifest)


def model_folder(folder: Path) -> Target:
    """The manifest of a model folder, also of one that a stranger has signed."""
    own = folder / "model"
    files = {"a.onnx": b"x", "b/c.bin": b"y", "tokenizer.json": tiny.tokenizer_json()}
    (folder / "outside").write_bytes(b"x")
    own.mkdir()
    _folder(own, "onnx", files)
    seed = (own / MODEL_MANIFEST).read_bytes()

    def check(data: bytes) -> Hashable:
        (own / MODEL_MANIFEST).write_bytes(data)

        def run(manifest: Manifest) -> Hashable:
            try:
                resolve(ModelSpec(own)).load()
            except NemocliError as error:
                if "onnxruntime cannot load" not in str(error) and "lacks" not in str(error):
                    raise
            return manifest.kind

        return _used(own, run)

    return Target([seed], _damage_manifest, check)


class _NoCoreML:
    """A replacement of Core ML: packages are read, and give no output."""

    system = "15.5"

    def compile(self, package: Path, destination: Path) -> None:
        destination.mkdir()

    def load(self, compiled: Path, compute_units: str, function: str) -> Any:
        return lambda inputs: {}


def mlpackage(folder: Path) -> Target:
    """A folder of Core ML packages, as far as nemocli itself reads it."""
    own = folder / "model"
    graphs = ("pre_first", "pre", "conformer_a", "conformer_b", "predict", "joint")
    files = {f"{graph}.mlpackage/Manifest.json": b"{}" for graph in graphs}
    files |= {f"{graph}.mlpackage/Data/model.mlmodel": b"x" for graph in graphs}
    own.mkdir()
    _folder(own, "coreml", files | {"tokenizer.json": tiny.tokenizer_json()})
    seed = (own / MODEL_MANIFEST).read_bytes()

    def check(data: bytes) -> Hashable:
        (own / MODEL_MANIFEST).write_bytes(data)

        def run(manifest: Manifest) -> Hashable:
            chosen = choose_lookahead(manifest.config, manifest.lookaheads, None)
            hashes = {name: record.sha256 for name, record in manifest.files.items()}
            kept = folder / "compiled"
            CoreMLRuntime(own, manifest.config, chosen, hashes, kept, backend=_NoCoreML())
            return chosen

        return _used(own, run)

    return Target([seed], _damage_manifest, check)


def mlx(folder: Path) -> Target:
    """A model folder for MLX whose weights a stranger made: it runs, or is refused."""
    from nemocli.runtimes.mlx.files import WEIGHTS_FILE

    source = folder / "model.nemo"
    source.write_bytes(tar(tiny.nemo_members().items()))
    own = folder / "model"
    convert(source, own, "mlx", "int8")
    manifest = read_manifest(own)
    seed = (own / WEIGHTS_FILE).read_bytes()
    header = json.loads(seed[8 : 8 + int.from_bytes(seed[:8], "little")])
    content = seed[8 + int.from_bytes(seed[:8], "little") :]

    def check(data: bytes) -> Hashable:
        (own / WEIGHTS_FILE).write_bytes(data)
        records = manifest.files | record_files(own, [WEIGHTS_FILE])
        write_manifest(own, Manifest(**{**vars(manifest), "files": records}))
        opened = resolve(ModelSpec(own)).load()
        session = Transcriber(opened.runtime, TokenDecoder(opened.tokenizer_json), "x").session()
        session.feed(SOUND)
        return len(session.finish().tokens)

    def mutate(data: bytes, random: Random) -> bytes:
        """Damage bytes, or exchange what the header says of some tensors."""
        if random.random() < 0.3:
            return damage(data, random, (b"F32", b"U32", b"F16", b"[2,4]", b"shape"))
        changed = dict(header)
        for _ in range(random.randint(1, 3)):
            one, other = random.sample(sorted(header), 2)
            changed[one] = changed[other] if random.random() < 0.5 else dict(changed[one])
            if random.random() < 0.5:
                changed[one]["shape"] = random.choice(
                    [[], [0], [1], changed[one]["shape"][::-1], [1, *changed[one]["shape"]]]
                )
        text = dumped(changed)
        return len(text).to_bytes(8, "little") + text + content

    return Target([seed], mutate, check, seconds=5.0, memory=600_000_000)


def onnx(folder: Path) -> Target:
    """A model folder whose graphs a stranger made: it runs, or is refused."""
    source = folder / "model.nemo"
    source.write_bytes(tar(tiny.nemo_members().items()))
    own = folder / "model"
    convert(source, own, "onnx")
    manifest = read_manifest(own)
    names = [
        name_graph_file(graph, 3) for graph in ("pre_block", "conformer_block", "predict", "joint")
    ]
    contents = {name: (own / name).read_bytes() for name in names}

    def check(data: bytes) -> Hashable:
        name = names[data[0] % len(names)] if data else names[0]
        for other, content in contents.items():
            (own / other).write_bytes(data[1:] if other == name else content)
        records = manifest.files | record_files(own, [name])
        write_manifest(own, Manifest(**{**vars(manifest), "files": records}))
        opened = resolve(ModelSpec(own)).load()
        session = Transcriber(opened.runtime, TokenDecoder(opened.tokenizer_json), "x").session()
        session.feed(SOUND)
        return name, len(session.finish().tokens)

    def mutate(data: bytes, random: Random) -> bytes:
        tokens = (*map(str.encode, names), b"MatMul", b"Add", b"weights.bin", b"../weights.bin")
        return data[:1] + damage(data[1:], random, (*tokens, b"/etc/passwd", b"If", b"Loop"))

    seeds = [bytes([number]) + contents[name] for number, name in enumerate(names)]
    return Target(seeds, mutate, check, seconds=5.0, memory=600_000_000)

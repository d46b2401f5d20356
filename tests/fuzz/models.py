"""Fuzz targets: checkpoints and model folders as a whole."""

import json
from collections.abc import Hashable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from nemocli.engine.languages import Languages
from nemocli.engine.mel import MelStream
from nemocli.models.runtime_and_precision import choose_lookahead
from nemocli.network.checkpoint import CONFIGS, Checkpoint
from nemocli.network.config import ModelConfig, read_config
from nemocli.network.nemo import NemoCheckpoint
from nemocli.network.nemo_config import make_hub_configs
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from tests.fuzz import tiny
from tests.fuzz.archives import damage_tar, damage_zip
from tests.fuzz.mutations import Mutate, damage, damage_json, damage_lines
from tests.fuzz.target import BrokenError, Target
from tests.fuzz.weights import torch_member
from tests.nemo import tar

SOUND = np.sin(np.arange(9600) / 9).astype(np.float32) / 3


def use_config(config: ModelConfig) -> None:
    """Make everything that a session takes from a configuration, without weights."""
    MelStream(config.features).push(SOUND[:800])
    languages = Languages(config)
    prompts = [languages.find(tag).prompt for tag in ("auto", *languages.tags[:3])]
    if config.has_prompts and not all(0 <= prompt < config.num_prompts for prompt in prompts):
        raise BrokenError(f"prompts {prompts} of {config.num_prompts}")
    choose_lookahead(config, config.lookaheads, None)
    if ModelConfig.from_json(json.loads(json.dumps(config.to_json()))) != config:
        raise BrokenError("a configuration that is not read back")


def _hear(checkpoint: Any) -> int:
    """Open a session and feed it a sound."""
    use_config(checkpoint.config)
    runtime = NumpyRuntime(checkpoint.parameters, checkpoint.config.default_lookahead)
    session = Transcriber(runtime, TokenDecoder(checkpoint.tokenizer), "x").session()
    session.feed(SOUND)
    return len(session.finish().tokens)


def config(folder: Path) -> Target:
    """config.json, generation_config.json and processor_config.json, without weights."""

    def check(data: bytes) -> Hashable:
        try:
            parts = json.loads(data)
        except (ValueError, RecursionError):
            return "no JSON"
        if not isinstance(parts, list) or [type(part) for part in parts] != [dict] * 3:
            return "no objects"
        use_config(read_config(*parts))
        return "read"

    return Target([tiny.configurations()], damage_json, check)


def checkpoint(folder: Path) -> Target:
    """A checkpoint folder whose configuration, index of shards or tokenizer is damaged."""
    files: dict[str, bytes] = {
        name: json.dumps(content).encode()
        for name, content in zip(
            CONFIGS, (tiny.CONFIG_JSON, tiny.GENERATION_JSON, tiny.PROCESSOR_JSON), strict=True
        )
    }
    files["tokenizer.json"] = tiny.tokenizer_json()
    own = folder / "checkpoint"
    own.mkdir()
    (own / "shard.safetensors").write_bytes(tiny.safetensors())
    (folder / "outside.safetensors").write_bytes(tiny.safetensors())
    index = {"weight_map": {"a": "shard.safetensors", "b": "shard.safetensors"}}
    files["model.safetensors.index.json"] = json.dumps(index).encode()
    names = sorted(files)

    def check(data: bytes) -> Hashable:
        # The first byte says which of the files the others are.
        name = names[data[0] % len(names)] if data else names[0]
        for other, content in files.items():
            (own / other).write_bytes(data[1:] if other == name else content)
        opened = Checkpoint(own)
        if any(path.parent != own for path in opened.weights.paths):
            raise BrokenError(f"weights in {opened.weights.paths}")
        opened.sha256  # noqa: B018
        _hear(opened)
        return name

    def mutate(data: bytes, random: Random) -> bytes:
        return data[:1] + damage_json(data[1:], random)

    seeds = [bytes([number]) + files[name] for number, name in enumerate(names)]
    return Target(seeds, mutate, check)


YAML = (
    *(
        b"&a [*a]",
        b"*a",
        b"&a {x: *a}",
        b"<<: *a",
        b"? [a]\n: b",
        b"!!python/object/apply:os.system [x]",
    ),
    *(b"!!timestamp 2001-99-99", b"2001-99-99", b"!!int x", b"!!float x", b"!!binary /", b"1:99"),
    *(b"!!set {a}", b"!!omap [a]", b"!!pairs [a: b]", b"!x y", b"%YAML 9.9\n---", b"---", b"..."),
    *(b"0x", b"0b2", b"1e999", b".nan", b".inf", b"-1", b"10000000000000000000000", b"~", b"no"),
    *(
        b"[" * 1500,
        b"{a: " * 300,
        b"|\n  x",
        b">-",
        b"'",
        b'"\\x',
        b"\x00",
        b"\xff\xfe",
        b"\xe2\x80\xa8",
    ),
    *(b"&a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]", b"9" * 5000, b"[]", b"{}"),
)


def nemo_member(name: str) -> Mutate:
    """How a member of a .nemo archive is damaged."""
    if name.endswith(".yaml"):
        return lambda data, random: damage_lines(data, random, YAML)
    if name.endswith(".ckpt"):
        return lambda data, random: damage_zip(data, random, torch_member)
    return damage


def nemo(folder: Path) -> Target:
    """A .nemo archive: the tar, the YAML, the pickle, the SentencePiece model."""
    path = folder / "model.nemo"

    def check(data: bytes) -> Hashable:
        path.write_bytes(data)
        opened = NemoCheckpoint(path)
        tokens = _hear(opened)
        opened.sha256  # noqa: B018
        return tokens > 0

    def mutate(data: bytes, random: Random) -> bytes:
        return damage_tar(data, random, nemo_member)

    return Target([tar(tiny.nemo_members().items())], mutate, check)


def nemo_yaml(folder: Path) -> Target:
    """model_config.yaml of such an archive alone."""
    path = folder / "model.nemo"
    members = tiny.nemo_members()
    seed = members["model_config.yaml"]

    def check(data: bytes) -> Hashable:
        path.write_bytes(tar((members | {"model_config.yaml": data}).items()))
        use_config(NemoCheckpoint(path).config)
        return "read"

    def mutate(data: bytes, random: Random) -> bytes:
        return damage_lines(data, random, YAML)

    return Target([seed], mutate, check)


def nemo_settings(folder: Path) -> Target:
    """The values of a model_config.yaml, after it is read."""
    pieces = len(tiny.PIECES)
    settings = tiny.nemo_settings()
    settings["model_defaults"]["prompt_dictionary"] = {"en-US": 0, "de-DE": 1, "auto": 2}

    def check(data: bytes) -> Hashable:
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            return "no JSON"
        if not isinstance(value, dict):
            return "no settings"
        use_config(read_config(*make_hub_configs(value, 4, pieces, "x.nemo")))
        return "read"

    return Target([json.dumps(settings).encode()], damage_json, check)

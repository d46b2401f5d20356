"""What a model is, without loading it."""

from dataclasses import dataclass
from pathlib import Path

from nemocli.models.folder import read_manifest
from nemocli.models.named import find_model
from nemocli.models.opening import choose_lookahead, precision_here
from nemocli.network.checkpoint import open_checkpoint
from nemocli.network.config import ModelConfig


@dataclass(frozen=True)
class Described:
    """What a Transcriber would say of itself; see there."""

    name: str
    runtime: str
    precision: str
    revision: str
    lookahead: int
    config: ModelConfig


def describe_model(model: str | Path, runtime: str, lookahead: int | None) -> Described:
    """What `open_model` would open. Raises ModelError and UsageError for a model or lookahead."""
    found = find_model(model, runtime)
    if found.is_converted:
        manifest = read_manifest(found.path)
        config, present = manifest.config, manifest.lookaheads
        kind, precision, revision = manifest.kind, manifest.precision, manifest.source_sha256
    else:
        checkpoint = open_checkpoint(found.path)
        config, present = checkpoint.config, checkpoint.config.lookaheads
        kind = "onnx" if runtime == "auto" else runtime
        precision = "fp32" if kind == "numpy" else precision_here(kind)
        revision = checkpoint.sha256
    chosen = choose_lookahead(config, present, lookahead)
    return Described(found.name, kind, precision, revision, chosen, config)

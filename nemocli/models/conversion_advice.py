"""The command that converts a checkpoint again, for a model folder that is damaged or outdated."""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nemocli.models.hub import parse_hub_model
from nemocli.models.paths import DEMO, DIARIZATION_DEMO


def advise_conversion(folder: Path, manifest: Mapping[str, Any] | None = None) -> str:
    """Return what to do about a model folder: a clause that ends with a command.

    `manifest` is what the folder's manifest says, as JSON: it names the checkpoint and the options.
    Without it, or if it lacks them, the user has to know both.
    """
    place = f"-o {shlex.quote(str(folder))}"
    try:
        return (
            "convert the checkpoint again with: nemocli convert"
            f" {' '.join(_list_arguments(manifest or {}))} {place}"
        )
    except (LookupError, TypeError):
        return (
            "convert the checkpoint again, with the options that it was converted with: nemocli"
            f" convert CHECKPOINT {place} --force"
        )


def _list_arguments(manifest: Mapping[str, Any]) -> list[str]:
    """Return the checkpoint and the options of a conversion, quoted for a shell.

    Raises LookupError or TypeError if the manifest lacks any of them.
    """
    source, kind, precision = (manifest[key] for key in ("source", "kind", "precision"))
    arguments = [_name_checkpoint(source), "--to", kind, "--precision", precision]
    chosen = sorted(manifest["lookaheads"])
    if chosen != sorted(manifest["config"].get("lookaheads", ())):
        arguments += ["--lookahead", ",".join(map(str, chosen))]
    return list(map(shlex.quote, arguments))


def _name_checkpoint(source: str) -> str:
    """Return how a command names a checkpoint: only the last part of a local path is known."""
    is_name = source in (DEMO, DIARIZATION_DEMO) or parse_hub_model(source) is not None
    return source if is_name else f"path/to/{source}"

"""What a manifest would say of a bundle, which has none."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from nemocli.errors import ModelError
from nemocli.models.bundle import advise_on, open_bundle, record_bundle
from nemocli.models.folder import FORMAT, MODEL_MANIFEST, FileRecord, Manifest, read_manifest
from nemocli.models.hub import describe_source
from nemocli.models.integrity import check_files
from nemocli.network.small_file import check_small, read_text
from nemocli.runtimes.coreai.bundle import GRAPHS, METADATA, Bundle
from nemocli.runtimes.coreai.bundle_sizes import read_config

#: What nemocli writes about a bundle's source into the metadata of its first graph: the
#: checkpoint's name, its SHA-256, and the version of nemocli.
SOURCE_KEYS = ("nemocli.source", "nemocli.source_sha256", "nemocli.version")

_SHA256 = re.compile(r"[0-9a-f]{64}")


def read_bundle(path: Path) -> Manifest:
    """Return what a manifest would say of the bundle in a folder.

    Names, precision and hashes come from the files, sizes from the graphs, and everything else is
    that of the released model. Raises ModelError if it is incomplete or damaged, UnsupportedError
    without Core AI.
    """
    bundle = open_bundle(path)
    files = record_bundle(path)
    check_files(path, files, advise_on(path))  # before native code reads them
    config = read_config(bundle)
    source = read_source(bundle)
    return Manifest(
        format=FORMAT,
        kind="coreai",
        precision=bundle.precision,
        lookaheads=config.lookaheads,
        source=source.get(SOURCE_KEYS[0], describe_source(path)),
        source_sha256=source.get(SOURCE_KEYS[1]) or _hash_bundle(bundle, files),
        nemocli=source.get(SOURCE_KEYS[2], ""),
        config=config,
        files=files,
    )


def read_any_manifest(path: Path) -> Manifest:
    """Return the manifest of a model folder, or what `read_bundle` says of a bundle."""
    return read_manifest(path) if (path / MODEL_MANIFEST).is_file() else read_bundle(path)


def read_source(bundle: Bundle) -> dict[str, str]:
    """Return what nemocli wrote about the source by `SOURCE_KEYS`; empty for other bundles."""
    path = bundle.get_package_path(GRAPHS[0]) / METADATA
    try:
        described: Any = json.loads(read_text(path))
        custom = described["creatorDefinedMetadata"]
        values = {key: custom[key] for key in SOURCE_KEYS}
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
    except (LookupError, TypeError):
        return {}
    except (ValueError, RecursionError):
        raise ModelError(f"{path} is damaged; {advise_on(bundle.folder)}") from None
    is_sound = all(isinstance(value, str) for value in values.values())
    return values if is_sound and _SHA256.fullmatch(values[SOURCE_KEYS[1]]) else {}


def _hash_bundle(bundle: Bundle, files: dict[str, FileRecord]) -> str:
    """Return a SHA-256 of the hashes of all programs, and of the tokenizer."""
    try:
        check_small(bundle.tokenizer)
        tokenizer = hashlib.sha256(bundle.tokenizer.read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{bundle.tokenizer} cannot be read: {error.strerror}.") from None
    hashes = [record.sha256 for record in files.values()]
    return hashlib.sha256(" ".join([*hashes, tokenizer]).encode()).hexdigest()

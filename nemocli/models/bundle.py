"""A bundle of Core AI graphs as a model: its files, and their hashes."""

import hashlib
from contextlib import suppress
from pathlib import Path

from nemocli.errors import ModelError
from nemocli.models.conversion_advice import advise_conversion
from nemocli.models.folder import MODEL_MANIFEST, FileRecord, parse_manifest
from nemocli.models.hub import describe_source, parse_hub_model
from nemocli.network.config import ModelConfig
from nemocli.network.small_file import check_small
from nemocli.runtimes.coreai.bundle import (
    GRAPHS,
    HALVES,
    HASH,
    IOS,
    MACOS,
    PROGRAM,
    Bundle,
    find_bundle,
    has_only_ios,
)
from nemocli.runtimes.coreai.layout import LAYOUT


def is_bundle(path: Path) -> bool:
    """Tell whether a folder is a bundle, complete or not. Raises OSError."""
    return path.is_dir() and (find_bundle(path) is not None or has_only_ios(path))


def open_bundle(path: Path) -> Bundle:
    """Return the complete bundle in a folder; ModelError if files are missing."""
    try:
        bundle = find_bundle(path)
        if bundle is None or not any(bundle.get_package_path(half).exists() for half in HALVES):
            raise ModelError(
                f"{path} has only the half of a bundle that is for iPhones ({IOS}); nemocli runs"
                f" the other one, so get its folder {MACOS} too."
            )
        if missing := bundle.missing:
            raise ModelError(f"{missing} is missing; {advise_on(path)}")
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.") from None
    return bundle


def read_bundle_tokenizer(path: Path, config: ModelConfig) -> str:
    """Return the canonical text of the tokenizer of a bundle with the given sizes.

    Raises ModelError if it is damaged, or another model's.
    """
    from nemocli.network.tokenizer import from_hub  # here: it imports a library in native code

    try:
        return from_hub(open_bundle(path).tokenizer, config)
    except ModelError as error:
        raise ModelError(f"{str(error).rstrip('.')}; {advise_on(path)}") from None


def advise_on(path: Path) -> str:
    """Return what to do about a damaged model folder or bundle: the end of a sentence."""
    if (path / MODEL_MANIFEST).is_file():
        with suppress(ModelError):
            return advise_conversion(path, parse_manifest(path).to_json())
        return advise_conversion(path)
    hub = parse_hub_model(describe_source(path))
    return "get the bundle again." if hub is None else f"get it again with: {hub.pull_command}"


def describe_form(path: Path) -> str:
    """Return the form of a bundle, as it is listed, such as `coreai fp16 (coreaikit)`."""
    return f"coreai {open_bundle(path).precision} ({LAYOUT})"


def record_bundle(path: Path) -> dict[str, FileRecord]:
    """Return size and hash of a bundle's programs, by name; ModelError if it is incomplete.

    The hash is the one beside a program, and the size only what is there.
    """
    bundle, records = open_bundle(path), {}
    for graph in GRAPHS:
        package = bundle.get_package_path(graph)
        try:
            check_small(package / HASH)
            expected = (package / HASH).read_bytes()
            size = (package / PROGRAM).stat().st_size
        except OSError as error:
            raise ModelError(f"{package} cannot be read: {error.strerror}.") from None
        if len(expected) != hashlib.sha256().digest_size:
            raise ModelError(f"{package / HASH} is damaged; {advise_on(path)}")
        name = (package / PROGRAM).relative_to(path).as_posix()
        records[name] = FileRecord(size, expected.hex())
    return records

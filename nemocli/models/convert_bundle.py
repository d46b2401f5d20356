"""Turn a checkpoint into a bundle in the layout of coreaikit, which apps of that kit take."""

import os
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from nemocli.errors import ModelError, UsageError
from nemocli.models.bundle import open_bundle, record_bundle
from nemocli.models.bundle_manifest import SOURCE_KEYS, read_source
from nemocli.models.conversion_place import (
    Occupant,
    check_space,
    clear,
    explain_place,
    is_done,
    write_in_place,
)
from nemocli.models.convert import name_folder
from nemocli.models.find import find_checkpoint
from nemocli.models.folder import read_manifest
from nemocli.models.hub import describe_source
from nemocli.models.integrity import check_checkpoint, explain_damage, find_changed
from nemocli.models.runtime_and_precision import choose_folder_kind, choose_precision
from nemocli.network.checkpoint import TOKENIZER, AnyCheckpoint, open_checkpoint
from nemocli.network.small_file import read_text
from nemocli.runtimes.coreai.bundle import (
    GRAPHS,
    HALVES,
    HASH,
    IOS,
    LOOKAHEAD,
    MACOS,
    METADATA,
    PROGRAM,
    Bundle,
    find_bundle,
)
from nemocli.runtimes.coreai.bundle_sizes import fit_config_to_bundle, read_config
from nemocli.runtimes.coreai.layout import LAYOUT
from nemocli.runtimes.kind import GraphProgress
from nemocli.runtimes.kinds import AUTO_RUNTIME
from nemocli.version import __version__
from nemocli.whole_file import is_part

#: The only runtime that has bundles.
KIND = "coreai"

TOKENIZER_CONFIG = "tokenizer_config.json"

#: For checkpoints without such a file: archives have none.
_DEFAULT_TOKENIZER_CONFIG = '{"tokenizer_class": "ParakeetTokenizer"}\n'

#: What may lie in a bundle's folder that is replaced.
_OWN_NAMES = (MACOS, IOS, ".DS_Store")


def choose_bundle_precision(
    to: str, precision: str | None, lookaheads: Sequence[int] | None
) -> str:
    """Return the precision of a bundle; UsageError for options that no bundle can have."""
    if to not in (AUTO_RUNTIME, KIND):
        raise UsageError(f"The layout {LAYOUT} is for {KIND}, not for {to}; use --to {KIND}.")
    if lookaheads is not None and list(lookaheads) != [LOOKAHEAD]:
        raise UsageError(
            f"The layout {LAYOUT} has only lookahead {LOOKAHEAD}; leave out --lookahead."
        )
    return choose_precision(choose_folder_kind(KIND), precision)


def choose_default_bundle_folder(checkpoint: str | Path, precision: str) -> Path:
    """Return the default folder of a bundle, one that `nemocli models` lists."""
    return name_folder(checkpoint, LAYOUT, precision)


def convert_to_bundle(
    checkpoint: str | Path,
    out: Path,
    precision: str,
    progress: GraphProgress,
    force: bool,
    note: Callable[[str], None],
    check: Callable[[Path], None] | None,
) -> None:
    """Write the bundle `out` from a checkpoint folder, a .nemo archive, or `owner/name`.

    It is replaced and checked as `convert` does with a model folder. Raises UsageError for a model
    that the layout cannot express, and what `convert` raises.
    """
    from nemocli.runtimes.coreai.bundle_files import write_bundle

    found = find_checkpoint(checkpoint)
    with explain_damage(found):
        source = open_checkpoint(found)
    fit_config_to_bundle(source.config)
    check_checkpoint(source)
    values = (describe_source(source.path), source.sha256, __version__)
    about = dict(zip(SOURCE_KEYS, values, strict=True))
    tokenizers = {TOKENIZER: source.tokenizer, TOKENIZER_CONFIG: _read_tokenizer_config(source)}
    if is_done(out, partial(_examine, precision, about, tokenizers), force, note):
        return
    check_space(source, out, choose_folder_kind(KIND).precisions[precision])
    place = Path(os.path.realpath(out))  # the target of a link: the link stays
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        clear(place)
        with write_in_place(place) as part:
            part.mkdir()
            write_bundle(source.parameters, part, precision, tokenizers, about, progress)
            if check:
                check(part)
    except OSError as error:
        raise explain_place(out, error) from None


def _read_tokenizer_config(source: AnyCheckpoint) -> str:
    path = source.path / TOKENIZER_CONFIG
    try:
        return read_text(path) if path.is_file() else _DEFAULT_TOKENIZER_CONFIG
    except ValueError:
        raise ModelError(f"{path} is damaged; get the checkpoint again.") from None


def _examine(
    precision: str, about: dict[str, str], tokenizers: dict[str, str], out: Path
) -> Occupant:
    """Compare what is in a place with a planned bundle.

    Raises UsageError for what nemocli has not written, and OSError for what cannot be read.
    """
    names = os.listdir(out) if out.is_dir() else []
    names = [name for name in names if not is_part(out / name)]
    if find_bundle(out) is None or not set(names) <= set(_OWN_NAMES):
        try:
            read_manifest(out)
        except ModelError:
            raise UsageError(f"{out} exists and is not a bundle; choose another place.") from None
        return Occupant.OTHER
    try:
        bundle = open_bundle(out)
        source, version = read_source(bundle), SOURCE_KEYS[2]
        if bundle.precision != precision or {**source, version: about[version]} != about:
            return Occupant.OTHER
        if source != about:
            return Occupant.OUTDATED
        return Occupant.SAME if _is_whole(out, bundle, tokenizers) else Occupant.DAMAGED
    except ModelError:
        return Occupant.DAMAGED


def _is_whole(out: Path, bundle: Bundle, tokenizers: dict[str, str]) -> bool:
    """Tell whether both halves are as they were written; ModelError if a package is not one.

    The packages for phones are copies of the others.
    """
    read_config(bundle)
    records, phones = record_bundle(out), Bundle(out / IOS, bundle.precision)
    for graph in GRAPHS:
        if graph not in HALVES:
            package, copy = bundle.get_package_path(graph), phones.get_package_path(graph)
            records[_name_program(out, copy)] = records[_name_program(out, package)]
            if not all(
                _has(copy / part, (package / part).read_bytes()) for part in (METADATA, HASH)
            ):
                return False
    texts = {name: text.encode() for name, text in tokenizers.items()}
    halves = (bundle.folder, phones.folder)
    if not all(_has(half / name, text) for half in halves for name, text in texts.items()):
        return False
    return not find_changed(out, records)


def _name_program(out: Path, package: Path) -> str:
    return (package / PROGRAM).relative_to(out).as_posix()


def _has(path: Path, content: bytes) -> bool:
    """Tell whether a file is there and has this content."""
    is_candidate = path.is_file() and path.stat().st_size == len(content)
    return is_candidate and path.read_bytes() == content

"""What `nemocli bench --choose` found to be fastest, remembered for each model and machine.

Each has a file in the data folder. It is written whole or not at all, and one that is damaged, or
was made on another machine, is left out of account.
"""

import hashlib
import json
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nemocli.errors import NemocliError, UnsupportedError
from nemocli.models.paths import find_data_folder
from nemocli.models.spec import ModelSpec, Purpose
from nemocli.network.small_file import read_text
from nemocli.runtimes.kinds import AUTO_RUNTIME, KINDS
from nemocli.runtimes.machine import describe_machine
from nemocli.runtimes.system import System
from nemocli.whole_file import remove_abandoned, write_whole_file

SCHEMA = "nemocli-choice"

#: Version of the file; rises when a reader of the old one would break.
VERSION = 1

#: How to measure again, said where a file is left out of account.
COMMAND = "nemocli bench --choose"


@dataclass(frozen=True)
class Variant:
    """A way to run a model."""

    runtime: str
    precision: str
    #: None where the runtime has no choice.
    compute_units: str | None
    #: How arrays go in and out, such as `direct`; None for the runtime's default.
    transfer: str | None = None

    def __str__(self) -> str:
        units = f" on {self.compute_units}" if self.compute_units else ""
        transfer = f", {self.transfer}" if self.transfer else ""
        return f"{self.runtime} {self.precision}{units}{transfer}"


@dataclass(frozen=True)
class Choice:
    """The variants of a model whose tokens were exact on a machine, the fastest first."""

    #: As the user named it.
    model: str
    #: SHA-256 of the checkpoint, in hexadecimal.
    revision: str
    #: When it was measured, in ISO 8601.
    date: str
    machine: Mapping[str, str | int]
    live: tuple[Variant, ...]
    files: tuple[Variant, ...]

    def get_variants(self, purpose: Purpose) -> tuple[Variant, ...]:
        """Return the variants for a purpose, the fastest first."""
        return self.live if purpose == "live" else self.files

    def to_json(self) -> dict[str, Any]:
        """Return the choice as plain data."""
        return {"schema": SCHEMA, "version": VERSION} | asdict(self)


class ChoiceError(NemocliError):
    """A file of a choice that cannot be used: it is damaged, or from another machine."""


def find_choice_file(revision: str, system: System) -> Path:
    """Return the file for a checkpoint and this machine, whether it is there or not."""
    machine = json.dumps(describe_machine(system), sort_keys=True)
    key = hashlib.sha256(machine.encode()).hexdigest()[:8]
    return find_data_folder() / "choices" / f"{revision[:32]}-{key}.json"


def check_choices_folder() -> None:
    """Make the folder in which choices are remembered; NemocliError if it cannot be written."""
    folder = find_data_folder() / "choices"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _explain_unwritable(folder, error) from None


def write_choice(choice: Choice, system: System, details: Mapping[str, Any] | None = None) -> Path:
    """Remember a choice; return its file. Raises NemocliError if it cannot be written.

    `details` are further members of the file, for people and other programs.
    """
    path = find_choice_file(choice.revision, system)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(path)
        data = choice.to_json() | dict(details or {})
        write_whole_file(path, json.dumps(data, indent=1) + "\n")
    except OSError as error:
        raise _explain_unwritable(path, error) from None
    return path


def _explain_unwritable(path: Path, error: OSError) -> NemocliError:
    return NemocliError(
        f"The choice cannot be remembered in {path}: {error.strerror}; set NEMOCLI_DATA_DIR to a"
        " folder that can be written."
    )


def read_choice(revision: str, system: System) -> Choice | None:
    """Return what was measured for a checkpoint on this machine; None if nothing was.

    Raises ChoiceError for a file that cannot be used.
    """
    try:
        path = find_choice_file(revision, system)
        choice = read_choice_file(path, system) if path.exists() else None
    except UnsupportedError:  # a user without a home folder
        return None
    except OSError as error:
        raise ChoiceError(f"{error.filename} cannot be read ({error.strerror}).") from None
    if choice is not None and choice.revision != revision:
        raise ChoiceError(f"{path} belongs to another model and is ignored. {_advise(choice)}")
    return choice


def read_choice_file(path: Path, system: System) -> Choice:
    """Read a file of this machine; ChoiceError, which says how to make it anew, for any other."""
    try:
        choice = _parse(json.loads(read_text(path)))
    except OSError as error:
        raise ChoiceError(f"{path} cannot be read ({error.strerror}) and is ignored.") from None
    except (ValueError, LookupError, TypeError, RecursionError, NemocliError):
        raise ChoiceError(f"{path} is damaged and is ignored; measure again: {COMMAND}") from None
    if choice.machine != describe_machine(system):
        raise ChoiceError(f"{path} was made on another machine and is ignored. {_advise(choice)}")
    return choice


def is_first_use(revision: str, system: System) -> bool:
    """Tell whether a model runs on this machine for the first time without a measurement.

    It is remembered, so that the next call says no; where that is impossible, it says no at once.
    """
    try:
        path = find_choice_file(revision, system)
        mark = path.with_suffix(".suggested")
        if path.exists() or mark.exists():
            return False
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
    except (OSError, UnsupportedError):
        return False
    return True


def list_choice_files(system: System) -> list[Path]:
    """Return the files of this machine's choices; a home folder may be that of several machines."""
    name = find_choice_file("*", system).name
    return sorted((find_data_folder() / "choices").glob(name))


def has_choices(system: System) -> bool:
    """Tell whether anything was measured on this machine."""
    try:
        return bool(list_choice_files(system))
    except (OSError, UnsupportedError):
        return False


def rank_measured(revision: str, spec: ModelSpec, system: System) -> Iterator[Variant]:
    """Yield what was measured for a checkpoint and suits a spec, the fastest first.

    Nothing if nothing was measured here, if the user named a runtime, or if the file cannot be
    used, which `read_choice` explains. What this machine does not have any more is left out.
    """
    if spec.runtime != AUTO_RUNTIME:
        return
    try:
        choice = read_choice(revision, system)
    except ChoiceError:
        return
    for variant in choice.get_variants(spec.purpose) if choice else ():
        has_precision = spec.precision in (None, variant.precision)
        has_units = spec.compute_units in (None, variant.compute_units or "cpu")
        if has_precision and has_units and is_here(variant, system):
            yield variant


def is_here(variant: Variant, system: System) -> bool:
    """Tell whether this machine still has everything that a variant needs."""
    kind = KINDS.get(variant.runtime)
    if kind is None or not kind.runs_on(system) or variant.precision not in kind.precisions:
        return False
    units = kind.compute_units if kind.has_units_on(system) else (None,)
    transfers = (None, *kind.list_transfers(system))
    return variant.compute_units in units and variant.transfer in transfers


def _advise(choice: Choice) -> str:
    return f"Measure on this one: {COMMAND} --model {shlex.quote(choice.model)}"


def _parse(data: Any) -> Choice:
    """Parse a choice of this version; ValueError, LookupError or TypeError for other data."""
    if (data["schema"], data["version"]) != (SCHEMA, VERSION):
        raise ValueError("of another version")
    model, revision, date, machine = (data[n] for n in ("model", "revision", "date", "machine"))
    if not all(isinstance(text, str) for text in (model, revision, date)):
        raise TypeError("of another type")
    live, files = (tuple(map(_parse_variant, data[purpose])) for purpose in ("live", "files"))
    return Choice(model, revision, date, machine, live, files)


def _parse_variant(data: Any) -> Variant:
    variant = Variant(
        data["runtime"], data["precision"], data["compute_units"], data.get("transfer")
    )
    named = isinstance(variant.runtime, str) and isinstance(variant.precision, str)
    optional = (variant.compute_units, variant.transfer)
    if not named or not all(isinstance(text, str | None) for text in optional):
        raise TypeError("of another type")
    return variant

"""Findings about `auto`: which runtime it is here and why, and what was measured here."""

import shlex
from collections.abc import Iterator
from contextlib import suppress

from nemocli.doctor.finding import Finding
from nemocli.errors import NemocliError
from nemocli.models.measured_choices import (
    COMMAND,
    Choice,
    ChoiceError,
    is_here,
    list_choice_files,
    read_choice_file,
)
from nemocli.runtimes.kind import Kind
from nemocli.runtimes.kinds import KINDS, choose_runtime, order_for_auto
from nemocli.runtimes.system import System, read_system


def examine_auto(system: System | None = None) -> Iterator[Finding]:
    """Say which runtime `auto` is, what would give a faster one, and what was measured here."""
    system = system or read_system()
    yield _examine_choice(system)
    with suppress(NemocliError, OSError):  # a user without a home folder, or without rights
        for number, path in enumerate(list_choice_files(system), 1):
            name = f"measured {number}" if number > 1 else "measured"
            try:
                yield _examine_measured(name, read_choice_file(path, system), system)
            except ChoiceError as error:
                yield Finding(name, str(error), False, COMMAND)


def _examine_choice(system: System) -> Finding:
    order = order_for_auto(system)
    names = [kind.name for kind in order]
    chosen = choose_runtime(KINDS, system)
    passed = order[: names.index(chosen)] if chosen in names else order
    if system.is_apple_silicon:
        why = f"the first of {', '.join(names)} whose needs this Mac meets"
    else:
        why = "as everywhere but on Apple silicon"
    advice = "; ".join(f"{kind.name} {_explain(kind, system)}" for kind in passed)
    if system.is_translated:
        advice = "use a Python for Apple silicon; this one is for Intel, and translated by Rosetta"
    advice = f"for a faster one: {advice}" if advice else ""
    return Finding("runtime auto", f"{chosen}: {why}", advice=advice)


def _explain(kind: Kind, system: System) -> str:
    """Say what a runtime lacks here."""
    library = kind.library
    if (missing := kind.find_missing_for_auto(system)) is not None:
        return f"needs {missing}"
    if (missing := library.find_missing_system(system)) is not None:
        return f"needs {library.package}, which is for {missing}"
    return f"needs {library.package}: {library.install}"


def _examine_measured(name: str, choice: Choice, system: System) -> Finding:
    """Say what was the fastest of what is still here, and what was faster but is gone."""
    parts, gone = [], []
    for purpose, variants in (("live", choice.live), ("files", choice.files)):
        here = next((one for one in variants if is_here(one, system)), None)
        if here is not None:
            parts.append(f"{here} for {purpose}")
        if variants and here != variants[0]:
            gone.append(str(variants[0]))
    found = ", ".join(parts) or "nothing that is here gave the reference tokens"
    model = shlex.quote(choice.model)
    advice = ""
    if gone:
        advice = f"faster, but not here any more: {', '.join(dict.fromkeys(gone))}; measure again:"
        advice += f" {COMMAND} --model {model}"
    return Finding(name, f"{model}: {found} ({choice.date[:10]})", advice=advice)

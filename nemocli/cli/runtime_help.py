"""Help texts about runtimes, made from their kinds."""

from collections.abc import Iterable

from nemocli.runtimes.kind import PORTABLE
from nemocli.runtimes.kinds import (
    AUTO_ON_APPLE_SILICON,
    KINDS,
    list_folder_kinds,
    list_runtime_names,
)


def list_words(words: Iterable[str]) -> str:
    """Join words as `a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


#: What `auto` means, in one sentence.
AUTO_SENTENCE = (
    "On Apple silicon, auto is the first of"
    f" {', '.join(name for name in AUTO_ON_APPLE_SILICON if name in KINDS)} whose needs the Mac"
    f" meets, elsewhere {PORTABLE}; or the one that 'nemocli bench --choose' found to be fastest."
)


def describe_runtimes() -> str:
    """Return the help of `--runtime`."""
    return f"{list_words(list_runtime_names())}. {AUTO_SENTENCE}"


def describe_precisions() -> str:
    """Return the precisions of each kind, of which the first is the default."""
    kinds = list_folder_kinds().values()
    texts = [f"{kind.name}: {list_words(kind.offered_precisions)}." for kind in kinds]
    return " ".join(texts)


def describe_compute_units() -> str:
    """Return the help of `--compute-units`."""
    by_units: dict[tuple[str, ...], list[str]] = {}
    for kind in KINDS.values():
        if kind.compute_units:
            by_units.setdefault(kind.compute_units, []).append(kind.name)
    texts = [f"{' and '.join(names)}: {', '.join(units)}" for units, names in by_units.items()]
    return f"For {'; for '.join(texts)}."

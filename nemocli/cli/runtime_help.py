"""Help texts about runtimes, made from their kinds."""

from collections.abc import Iterable

from nemocli.runtimes.kinds import KINDS, folder_kinds, runtime_names


def list_words(words: Iterable[str]) -> str:
    """Join words as `a, b or c`."""
    *first, last = words
    return f"{', '.join(first)} or {last}" if first else last


def runtimes() -> str:
    """Return the help of `--runtime`."""
    return f"{list_words(runtime_names())}."


def precisions_by_kind() -> str:
    """Return the precisions of each kind, of which the first is the default."""
    kinds = folder_kinds().values()
    texts = [f"{kind.name}: {list_words(kind.offered_precisions)}." for kind in kinds]
    return " ".join(texts)


def compute_units() -> str:
    """Return the help of `--compute-units`."""
    by_units: dict[tuple[str, ...], list[str]] = {}
    for kind in KINDS.values():
        if kind.compute_units:
            by_units.setdefault(kind.compute_units, []).append(kind.name)
    texts = [f"{' and '.join(names)}: {', '.join(units)}" for units, names in by_units.items()]
    return f"For {'; for '.join(texts)}."

"""The forms a model can be run in on this machine: runtime, precision, compute units."""

import sys
from collections.abc import Iterator
from importlib.util import find_spec

from nemocli.errors import UnsupportedError
from nemocli.runtimes.kinds import KINDS

#: Core ML in float32 is for comparisons of the packages, not for use.
NOT_FOR_USE = ("coreml", "fp32")


def list_variants() -> Iterator[tuple[str, str]]:
    """Kind and precision of every conversion that is worth running."""
    for kind, about in KINDS.items():
        for precision in about.precisions:
            is_slow = (kind, precision) == ("coreai", "fp16") and sys.platform != "darwin"
            if (kind, precision) != NOT_FOR_USE and not is_slow:
                yield kind, precision


def check_runs_here(kind: str) -> None:
    """UnsupportedError before a conversion that this machine could not use."""
    if kind == "coreml":
        from nemocli.runtimes.coreml.runtime import CoreML

        CoreML()
    if kind == "coreai" and find_spec("coreai") is None:
        from nemocli.runtimes.coreai.runtime import MISSING

        raise UnsupportedError(MISSING)


def compute_units(runtime: str) -> tuple[str | None, ...]:
    """The compute units that a runtime can be told to use; (None,) where it has no choice."""
    if sys.platform == "darwin" and runtime in ("coreml", "coreai"):
        return ("cpu", "gpu", "ane", "all")
    return (None,)

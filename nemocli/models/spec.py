"""The user's choice of a model, and of how it runs."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelSpec:
    """A model and how to run it, as the user chose; None for defaults. See `resolve`."""

    #: `demo`, a path, the name of a converted model, `owner/name` of the hub; None: the released
    #: model.
    model: str | Path | None = None
    #: A runtime's name, or `auto`.
    runtime: str = "auto"
    #: Precision of the encoder's weights, such as `int8`.
    precision: str | None = None
    #: Lookahead in encoder frames of 80 ms.
    lookahead: int | None = None
    #: `cpu`, `gpu`, `ane` or `all`.
    compute_units: str | None = None

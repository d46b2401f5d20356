"""The user's choice of a model, and of how it runs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

#: What a model is loaded for: one stream as it is spoken, or files in blocks. What was measured to
#: be fastest may differ.
Purpose = Literal["live", "files"]


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
    purpose: Purpose = "live"
    #: How arrays go in and out of the library, one of the runtime's `transfers`; None: as measured.
    transfer: str | None = None
    #: Whether the lookahead may be one that the model was not trained for.
    untrained_lookahead: bool = False

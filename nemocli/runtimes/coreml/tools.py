"""The imports from coremltools, without its progress bars and with an error that helps."""

import logging
from functools import partial
from typing import Any

from nemocli.errors import UnsupportedError
from nemocli.runtimes.coreml.kind import KIND

# coremltools warns that it cannot run models on this system, and of packages not needed here.
logging.getLogger("coremltools").setLevel(logging.ERROR)

try:
    import coremltools
    from coremltools.converters.mil.mil import Builder, Function, Program, types
    from coremltools.converters.mil.mil.passes import pass_pipeline
    from coremltools.optimize.coreml._quantization_passes import linear_quantize_weights as quantize
    from coremltools.optimize.coreml._quantization_passes import palettize_weights as palettize
except ImportError as error:
    raise UnsupportedError(f"{KIND.missing_library} ({error})") from None

__all__ = [
    "Builder",
    "Function",
    "Program",
    "coremltools",
    "palettize",
    "quantize",
    "types",
]

_progress_bars: Any = pass_pipeline
_progress_bars.tqdm = partial(pass_pipeline.tqdm, disable=True)

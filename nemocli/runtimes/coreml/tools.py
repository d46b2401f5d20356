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
    import coremltools.optimize.coreml as optimize
    from coremltools.converters.mil.mil import Builder, Function, Program, types
    from coremltools.converters.mil.mil.passes import pass_pipeline
    from coremltools.optimize.coreml import _quantization_passes
except ImportError as error:
    raise UnsupportedError(f"{KIND.missing_library} ({error})") from None

__all__ = ["Builder", "Function", "Program", "coremltools", "optimize", "types"]

_progress_bars: list[Any] = [pass_pipeline, _quantization_passes]
for _module in _progress_bars:
    _module.tqdm = partial(_module.tqdm, disable=True)

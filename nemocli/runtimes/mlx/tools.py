"""The import of MLX, with an error that helps where it cannot be imported."""

import ctypes
import sys

from nemocli.errors import UnsupportedError
from nemocli.runtimes.mlx.kind import KIND

_METAL = "/System/Library/Frameworks/Metal.framework/Metal"


def check_metal() -> None:
    """Raise UnsupportedError on a Mac whose GPU cannot be seen, as from a login by SSH or in a VM.

    MLX ends the program there when it is imported: https://github.com/ml-explore/mlx/issues/3148.
    """
    if sys.platform != "darwin":
        return
    try:
        find_device = ctypes.CDLL(_METAL).MTLCreateSystemDefaultDevice
    except (OSError, AttributeError):
        device = None
    else:
        find_device.restype = ctypes.c_void_p
        device = find_device()
    if not device:
        raise UnsupportedError(
            "The mlx runtime needs a GPU with Metal, which macOS does not offer here; use another"
            " runtime, such as onnx."
        )


check_metal()
try:
    import mlx.core as mx
except ImportError as error:
    raise UnsupportedError(f"{KIND.missing_library} ({' '.join(str(error).split())})") from None

__all__ = ["mx"]

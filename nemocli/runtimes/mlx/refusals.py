"""What MLX and Metal say when they cannot compute, as sentences for the user."""

from collections.abc import Iterator
from contextlib import contextmanager

from nemocli.errors import ModelError, NemocliError, UnsupportedError, lacks_memory

#: Words of errors that come from the GPU or the system, and not from the model.
_DEVICE_WORDS = ("metal", "gpu", "command buffer")


@contextmanager
def explain_failures(what: str) -> Iterator[None]:
    """Turn what MLX raises into a NemocliError; `what` is the sentence's beginning.

    A lack of memory is raised as MemoryError, which the command line explains.
    """
    try:
        yield
    except (NemocliError, MemoryError):
        raise
    except Exception as error:  # MLX raises RuntimeError, ValueError and others
        words = " ".join(str(error).split())
        if lacks_memory(error):
            raise MemoryError(words) from None
        if any(word in words.lower() for word in _DEVICE_WORDS):
            raise UnsupportedError(
                f"{what} on this machine: {words.rstrip('.')}. Use another runtime, such as onnx,"
                " or --compute-units cpu."
            ) from None
        raise ModelError(f"{what}: {words.rstrip('.')}. Convert the model again.") from None

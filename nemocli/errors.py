"""The failures that nemocli explains in one sentence, each with its exit code.

| code | meaning |
|---|---|
| 0 | done |
| 1 | failed while running, or some files failed |
| 2 | wrong usage |
| 3 | the model is missing or cannot be read |
| 4 | not supported on this machine |
"""

import errno
import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: The most characters of a message, which may quote a file of any size.
MAX_MESSAGE_LENGTH = 1000

#: Words by which native libraries say that memory is lacking: to compute, to load, for a thread, on
#: a GPU. The last ones are Python's, about a module that gives no reason why it cannot begin.
_NO_MEMORY = (
    "bad_alloc",
    "bad allocation",
    "failed to allocate memory",
    "failed to map segment",
    "cannot allocate memory",
    "unable to allocate",
    "insufficient memory",
    "maximum allowed buffer size",
    "resource limit",
    "can't start new thread",
    "failed without setting an exception",
)

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_SHORT.maxlevel = 3

#: The most characters of a quoted value.
_MAX_QUOTED_LENGTH = 200


def quote(value: object) -> str:
    """Return a value from a file as a sentence quotes it: a long one is cut."""
    try:
        text = _SHORT.repr(value)
    except ValueError:  # a number of more digits than Python writes
        text = "a number of thousands of digits"
    return text if len(text) <= _MAX_QUOTED_LENGTH else f"{text[:_MAX_QUOTED_LENGTH]}…"


class NemocliError(Exception):
    """A failure whose message is one sentence for the user.

    Raised instead of a library's own exception wherever the user can act on it.
    """

    exit_code = 1

    def __init__(self, message: str) -> None:
        if len(message) > MAX_MESSAGE_LENGTH:
            half = MAX_MESSAGE_LENGTH // 2
            message = f"{message[:half]} ... {message[-half:]}"
        super().__init__(message)


class UsageError(NemocliError):
    """An option or argument that does not exist or contradicts another: an unknown language."""

    exit_code = 2


class ModelError(NemocliError):
    """The model folder is missing, incomplete, damaged, or of an unknown architecture."""

    exit_code = 3


class UnsupportedError(NemocliError):
    """This machine lacks what was requested, such as a runtime for another system."""

    exit_code = 4


class AudioError(NemocliError):
    """Sound that cannot be opened or decoded: `reason`, and for a file, `path`.

    For a file, the sentence is its path and the reason: `AudioError("is empty: ...", path)`. For a
    device or a pipe, the reason is a whole sentence.
    """

    def __init__(self, reason: str, path: Path | None = None) -> None:
        super().__init__(reason if path is None else f"{path} {reason}")
        self.reason = reason
        self.path = path

    def rename(self, name: str | Path) -> "AudioError":
        """Return the same error, with another name for the file: the one that the user knows."""
        return self if self.path is None else AudioError(self.reason, Path(name))


class OutputError(NemocliError):
    """Results can no longer be written: the run ends, and the same command continues it later."""


def lacks_memory(error: Exception) -> bool:
    """Tell whether an error means that memory was lacking, or that its limit was reached."""
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return any(words in str(error).lower() for words in _NO_MEMORY)


@contextmanager
def explain_model_errors(what: str) -> Iterator[None]:
    """Turn whatever a library raises for a model's file into a ModelError: `what`, and the reason.

    A lack of memory is raised on. BaseException is caught because panics of libraries written in
    Rust are no Exception.
    """
    try:
        yield
    except (NemocliError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        if isinstance(error, Exception) and lacks_memory(error):
            raise
        raise ModelError(f"{what}: {error}.") from None

"""Reading values of a configuration file; every error names the file and the key."""

from collections.abc import Mapping
from typing import Any

from nemocli.errors import ModelError, quote

#: The largest size accepted: far above every model's, and far below what would exhaust the memory
#: before the shapes of the weights are compared with it.
MAX_SIZE = 1_000_000

#: The same for the number of layers, frames, mels and the like: each of them costs time or memory.
MAX_COUNT = 4096


class Numbers:
    """Reads whole numbers of one JSON object; its errors name the file and the key."""

    def __init__(
        self, data: Mapping[str, Any], where: str, limits: Mapping[str, tuple[int, int]]
    ) -> None:
        self.data, self.where, self.limits = data, where, limits

    def __call__(self, size: str, key: str, frames_more: int = 0) -> int:
        """Read a size and check its limits; the value under the key is `frames_more` larger."""
        value: int = get_value(self.data, key, self.where, int)
        least, most = (limit + frames_more for limit in self.limits[size])
        if not least <= value <= most:
            raise ModelError(
                f"{self.where} gives {key} as {quote(value)}; it must be from {least} to {most}."
            )
        return value - frames_more


def get_value(data: Mapping[str, Any], key: str, where: str, kind: type) -> Any:
    """Return the value of a key; ModelError if it is missing or of another type."""
    if key not in data:
        raise ModelError(f"{where} lacks the key {key!r}.")
    if not isinstance(data[key], kind) or isinstance(data[key], bool):
        raise ModelError(
            f"{where} gives {key} as {quote(data[key])}, where a {kind.__name__} belongs."
        )
    return data[key]


def is_number(value: Any, least: int, most: int) -> bool:
    """Tell whether a value is a whole number within limits."""
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most

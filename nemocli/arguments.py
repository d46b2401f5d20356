"""Checks of the types of arguments: a program may pass anything."""

from typing import Any

from nemocli.errors import UsageError, quote


def check_argument(name: str, value: object, kinds: Any, description: str) -> None:
    """Raise UsageError, which names the argument, for a value of another type.

    `kinds` are a type, or several, as `isinstance` takes them; `description` names them in words.
    True and False are not numbers.
    """
    allowed = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
        raise UsageError(f"{name} takes {description}, not {quote(value)}.")

"""What an option of another kind than text takes, for the sentence that refuses a value."""

from typing import Any, get_args

from nemocli.errors import quote

_KINDS = {bool: "true or false (1 or 0)", int: "a whole number", float: "a number"}


def explain_value(annotation: Any, value: object) -> str | None:
    """Return what is wrong with a value of an option, as its annotation declares it.

    None if the option takes neither a number nor true and false.
    """
    kind, *declared = get_args(annotation) or (annotation,)
    name = next((_KINDS[one] for one in (kind, *get_args(kind)) if one in _KINDS), None)
    if name is None:
        return None
    least, greatest = (
        next((limit for one in declared if (limit := getattr(one, end, None)) is not None), None)
        for end in ("min", "max")
    )
    if least is not None and greatest is not None:
        name += f" from {least:g} to {greatest:g}"
    elif least is not None:
        name += f" of at least {least:g}"
    elif greatest is not None:
        name += f" of at most {greatest:g}"
    return f"it takes {name}, not {quote(value)}."

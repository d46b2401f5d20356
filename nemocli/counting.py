"""Numbers of things in sentences: `1 file`, `2,000 files`."""


def count_things(number: int, thing: str) -> str:
    """Return a number and the thing's name, to which an s is added unless the number is 1."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"

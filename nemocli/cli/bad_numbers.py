"""Sentences about options whose text is no number, or not one that they take."""

from collections.abc import Sequence

from nemocli.cli.config_values import list_all_subcommands


def explain_number(words: Sequence[str], field: str) -> str | None:
    """Return which numbers an option of a subcommand takes; None if it takes no number."""
    options = [
        option
        for subcommand in list_all_subcommands()
        for option in subcommand.options
        if subcommand.words == tuple(words) and option.field == field
    ]
    if not options or options[0].kind not in (int, float):
        return None
    (option,) = options
    number = "a whole number" if option.kind is int else "a number"
    if option.least is None and option.greatest is None:
        return f"give {number}."
    if option.greatest is None:
        return f"give {number} of at least {option.least:g}."
    if option.least is None:
        return f"give {number} of at most {option.greatest:g}."
    return f"give {number} from {option.least:g} to {option.greatest:g}."

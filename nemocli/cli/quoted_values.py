"""Whether an error's sentence is about an option: it names the option, or quotes its value."""

import os
import re

#: Options whose value is a model's name or path, which sentences have without quotes.
_MODELS = ("model", "speaker_model")


def is_quoted(parameter: str, value: object, sentence: str) -> bool:
    """Tell whether a sentence quotes the value of a parameter.

    A model is named where a sentence says what is wrong, before the advice behind its colon, which
    may name others.
    """
    if parameter not in _MODELS:
        return repr(str(value)) in sentence
    wrong = re.split(r"[:;] ", sentence, maxsplit=1)[0]
    return has_word(wrong, str(value)) or has_word(wrong, os.path.expanduser(str(value)))


def has_word(sentence: str, name: str) -> bool:
    """Tell whether a name is in a sentence, and not only as a part of a longer one."""
    return re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", sentence) is not None

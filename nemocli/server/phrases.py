"""Phrases that a client would like to be preferred, by whatever name its protocol has for them.

This is the one place that knows them: `keywords` of OpenAI, `hotwords` of other servers, and
`speech_contexts` of Riva in a form; `keywords` of a realtime session; names and terms of Wyoming.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

#: Limits on the phrases of one request: their number, and their characters together.
MAX_PHRASES, MAX_PHRASE_CHARACTERS = 1000, 100_000

#: What a response says if it had any.
NO_EFFECT = "This version does not prefer phrases yet: {} had no effect."


class _HasFields(Protocol):
    def text(self, name: str) -> str: ...

    def texts(self, name: str, is_split: bool = True) -> list[str]: ...


@dataclass(frozen=True)
class Phrases:
    """Phrases of a request, and the names of the fields that they came in."""

    texts: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """A sentence if there are phrases, which have no effect."""
        return (NO_EFFECT.format(", ".join(self.fields)),) if self.texts else ()


NO_PHRASES = Phrases()


def read_phrases(fields: _HasFields) -> Phrases:
    """Read the phrases of a form."""
    by_field = {name: fields.texts(name) for name in ("keywords", "hotwords")}
    by_field["speech_contexts"] = _read_contexts(fields.text("speech_contexts"))
    return make_phrases(by_field)


def make_phrases(by_field: Mapping[str, Sequence[str]]) -> Phrases:
    """Return the phrases of some fields, without what is over the limits."""
    texts = _limit(text for found in by_field.values() for text in found)
    return Phrases(tuple(texts), tuple(name for name, found in by_field.items() if found))


def _limit(texts: Iterable[str]) -> Iterable[str]:
    room = MAX_PHRASE_CHARACTERS
    for count, text in enumerate(texts):
        room -= len(text)
        if room < 0 or count >= MAX_PHRASES:
            return
        yield text


def _read_contexts(text: str) -> list[str]:
    """Return the phrases of a JSON list of objects, each with a list `phrases`."""
    try:
        contexts: Any = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return []
    lists = [
        context.get("phrases")
        for context in (contexts if isinstance(contexts, list) else [])
        if isinstance(context, dict)
    ]
    return [phrase for found in lists if isinstance(found, list) for phrase in map(str, found)]

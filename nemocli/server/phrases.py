"""Phrases that a client would like to be preferred, by whatever name its protocol has for them.

This is the one place that knows them: `keywords` of OpenAI, `hotwords` of other servers, and
`speech_contexts` of Riva in a form; `keywords` of a realtime session; names and terms of Wyoming.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from nemocli.boosting.phrases import MAX_NAMED, Phrase, Phrases, make_phrase
from nemocli.errors import UsageError

#: Limits on the phrases of one request: their number, and their characters together.
MAX_PHRASES, MAX_PHRASE_CHARACTERS = 1000, 100_000


class _HasFields(Protocol):
    def get_text(self, name: str) -> str: ...

    def list_texts(
        self, name: str, is_split: bool = True, has_commas: bool = False
    ) -> list[str]: ...


@dataclass(frozen=True)
class RequestPhrases:
    """Phrases to prefer in one request or session, those of the server among them."""

    phrases: Phrases
    #: Sentences about phrases that have no effect.
    warnings: tuple[str, ...] = ()


def read_phrases(fields: _HasFields, standing: Phrases) -> RequestPhrases:
    """Read the phrases of a form, and add them to the server's, which are `standing`."""
    by_field = {name: fields.list_texts(name, has_commas=True) for name in ("keywords", "hotwords")}
    contexts, warnings = _read_contexts(fields.get_text("speech_contexts"))
    return add_phrases(standing, by_field | {"speech_contexts": contexts}, warnings)


def add_phrases(
    standing: Phrases, by_field: Mapping[str, Any], warnings: Sequence[str] = ()
) -> RequestPhrases:
    """Add the phrases of some fields, of any values, to a list.

    What cannot be a phrase or a list of them is named by warnings, behind those that are given.
    """
    warnings, texts = list(warnings), []
    for name, found in by_field.items():
        if isinstance(found, list):
            texts += [each for each in found if not isinstance(each, str) or each.strip()]
        elif found is not None:
            warnings.append(f"{name} must be a list of texts: it has no effect.")
    kept = list(_limit(texts))
    if len(kept) < len(texts):
        warnings.append(
            f"Only the first {len(kept):,} of {len(texts):,} phrases are preferred: at most"
            f" {MAX_PHRASES:,} are allowed, with {MAX_PHRASE_CHARACTERS:,} characters together."
        )
    phrases: list[Phrase] = []
    refused: list[str] = []
    for text in kept:
        try:
            phrases.append(make_phrase(text))
        except UsageError as error:
            refused.append(str(error))
    warnings += refused[:MAX_NAMED]
    if len(refused) > MAX_NAMED:
        warnings.append(f"{len(refused) - MAX_NAMED} more phrases were left out as well.")
    try:
        return RequestPhrases(standing.adding(phrases), tuple(warnings))
    except UsageError as error:  # too many, with those of the server
        return RequestPhrases(standing, (*warnings, str(error)))


def _limit(texts: Iterable[object]) -> Iterable[object]:
    room = MAX_PHRASE_CHARACTERS
    for count, text in enumerate(texts):
        room -= len(text) if isinstance(text, str) else 0
        if room < 0 or count >= MAX_PHRASES:
            return
        yield text


def _read_contexts(text: str) -> tuple[list[object], list[str]]:
    """Return the phrases of a JSON list of objects, each with a list `phrases`, and warnings."""
    try:
        contexts: Any = json.loads(text) if text else []
    except (ValueError, RecursionError):
        contexts = None
    parts = contexts if isinstance(contexts, list) else [contexts]
    lists = [part.get("phrases") if isinstance(part, dict) else None for part in parts]
    known = [phrases for phrases in lists if isinstance(phrases, list)]
    if isinstance(contexts, list) and len(known) == len(lists):
        warnings = []
    else:
        warnings = [
            "speech_contexts must be a list of objects in JSON, each with a list 'phrases': what is"
            " different has no effect."
        ]
    return [phrase for phrases in known for phrase in phrases], warnings

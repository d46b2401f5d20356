"""Phrases that a server is asked to prefer, and what it says of them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from nemocli.boosting.phrases import Phrase, Phrases
from nemocli.errors import NemocliError
from nemocli.remote.forms import Form
from nemocli.remote.model import RemoteModel
from nemocli.remote.server import explain_status, read_json, request
from nemocli.transcript.provenance import PhraseProvenance

#: Statuses that say why a list cannot be used: no key, too long, too busy.
TELLING = (401, 413, 429)


@dataclass(frozen=True)
class RemotePhrases:
    """The phrases that a server is sent, what documents say of them, and sentences about them."""

    phrases: Phrases
    about: PhraseProvenance | None
    notes: tuple[str, ...] = ()


def prepare_phrases(model: RemoteModel, phrases: Phrases | None) -> RemotePhrases:
    """Ask a server what becomes of phrases, those that it prefers by itself included.

    Only `nemocli serve` knows. Raises NemocliError if it refuses the list.
    """
    phrases = phrases or Phrases(())
    plain = replace(phrases, phrases=tuple(Phrase(each.text) for each in phrases.phrases))
    notes = []
    if plain.phrases != phrases.phrases:
        notes.append("Servers take no weights of phrases: all are preferred alike.")
    if model.is_ours:
        form = Form(list_phrase_fields(model, plain))
        status, _, data = request(
            model.address, "POST", "/phrases", form.encode(), content_type=form.content_type
        )
        if status == 200:
            answer = read_json(data)
            warnings = answer.get("warnings")
            notes += map(str, warnings if isinstance(warnings, list) else ())
            return RemotePhrases(plain, _read_about(answer.get("phrases")), tuple(notes))
        if status in TELLING or status >= 500:  # others are of an older server, or of a proxy
            raise NemocliError(explain_status(model.address, status, data))
    if not plain:
        return RemotePhrases(plain, None)
    notes.append("This server does not say whether it prefers phrases.")
    return RemotePhrases(
        plain, PhraseProvenance(len(plain), plain.sha256, None, None), tuple(notes)
    )


def list_phrase_fields(model: RemoteModel, phrases: Phrases) -> Iterator[tuple[str, str]]:
    """Give the fields of a form that name the phrases, none without any."""
    texts = [phrase.text for phrase in phrases.phrases]
    if not model.is_ours:
        yield from (("keywords[]", text) for text in texts)
    elif texts:  # so that a comma in a phrase is one
        yield "keywords", json.dumps(texts, ensure_ascii=False)


def explain_refused_phrases(model: RemoteModel, error: Any) -> str | None:
    """Return a sentence if a server's error says that it does not know phrases; else None."""
    if not isinstance(error, dict):
        return None
    said = [str(error.get(name) or "") for name in ("param", "message")]
    if not any("keyword" in text.lower() for text in said):
        return None
    return (
        f"The server {model.address} does not take phrases: leave out --phrase and --phrases. It"
        f" says: {said[1] or said[0]}"
    )


def _read_about(value: Any) -> PhraseProvenance | None:
    """Read what documents say of a list; None if the value is no description."""
    if not isinstance(value, dict):
        return None
    count, sha256 = value.get("count"), value.get("sha256")
    boost, over_blank = value.get("boost"), value.get("over_blank")
    if type(count) is not int or not isinstance(sha256, str):
        return None
    return PhraseProvenance(
        count,
        sha256,
        boost if type(boost) in (int, float) else None,
        over_blank if isinstance(over_blank, bool) else None,
    )

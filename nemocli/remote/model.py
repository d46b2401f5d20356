"""A server's model, with what is known of it here."""

from dataclasses import dataclass
from typing import Any

from nemocli.engine.language_names import find_code
from nemocli.engine.languages import AUTO_LANGUAGE, MACROLANGUAGES
from nemocli.errors import NemocliError, UsageError
from nemocli.remote.server import ServerAddress, explain_status, read_json, request
from nemocli.transcript.provenance import PhraseProvenance, Provenance

#: Values for a model of which a server does not say more than its name.
UNKNOWN_RUNTIME, UNKNOWN_PRECISION = "server", "unknown"


@dataclass(frozen=True)
class RemoteModel:
    """A model of a server; `is_ours` says that nemocli serves it, which tells more of it."""

    address: ServerAddress
    name: str
    is_ours: bool = False
    languages: tuple[str, ...] = ()
    runtime: str = UNKNOWN_RUNTIME
    precision: str = UNKNOWN_PRECISION
    lookahead: int = 0
    revision: str | None = None

    def resolve_language(self, lang: str) -> str:
        """Return the language for the server: a locale of its model, or a code as it was typed.

        Servers that do not list their languages decide what they know. UsageError for what is no
        code or name, and for a language that is not on the list.
        """
        if not lang.strip() or len(lang) > 40:
            raise UsageError(f"--lang takes a language such as de, not {lang[:40]!r}.")
        typed = lang.strip().replace("_", "-")
        by_lower = {tag.lower(): tag for tag in self.languages}
        if typed.lower() in by_lower:
            return by_lower[typed.lower()]
        same = [tag for tag in self.languages if tag.lower().startswith(f"{typed.lower()}-")]
        if same:
            return same[0]
        if self.languages and not self._may_know(typed):
            raise UsageError(
                f"The model of the server {self.address} does not know the language {lang!r}. It"
                f" knows: {', '.join(self.languages)}; or {AUTO_LANGUAGE}."
            )
        return typed

    def _may_know(self, typed: str) -> bool:
        """Tell whether a name or code may be of a listed language, whatever its region is."""
        language = typed.lower().partition("-")[0]
        codes = {tag.partition("-")[0].lower() for tag in self.languages}
        found = {find_code(typed.replace("-", " ")), find_code(language), language}
        found |= {MACROLANGUAGES.get(code or "") for code in found}
        return typed.lower() == AUTO_LANGUAGE or not codes.isdisjoint(found)

    def make_provenance(
        self, file: str, lang: str, phrases: PhraseProvenance | None = None
    ) -> Provenance:
        """Return what a document says of a transcript, besides its words."""
        return Provenance(
            file=file,
            model=self.name,
            model_revision=self.revision,
            precision=self.precision,
            runtime=self.runtime,
            lookahead=self.lookahead,
            requested_language=lang,
            phrases=phrases,
        )


def find_model(address: ServerAddress, name: str | None) -> RemoteModel:
    """Ask a server for its model: that of the name, or its first. NemocliError if it has none."""
    status, _, data = request(address, "GET", "/models")
    if status != 200:
        if name is not None and status == 404:  # a server that does not list its models
            return RemoteModel(address, name)
        raise NemocliError(explain_status(address, status, data))
    listed = read_json(data).get("data")
    models: list[dict[str, Any]] = [
        each
        for each in (listed if isinstance(listed, list) else [])
        if isinstance(each, dict) and isinstance(each.get("id"), str)
    ]
    ours = [each for each in models if each.get("owned_by") == "nemocli"]
    if ours:
        return _describe(address, ours[0])
    if name is not None:
        return RemoteModel(address, name)
    if not models:
        raise NemocliError(f"The server {address} lists no models: name one by --model.")
    return RemoteModel(address, models[0]["id"])


def _describe(address: ServerAddress, model: dict[str, Any]) -> RemoteModel:
    languages = model.get("languages")
    lookahead = model.get("lookahead")
    revision = model.get("revision")
    return RemoteModel(
        address,
        model["id"],
        is_ours=True,
        languages=tuple(map(str, languages)) if isinstance(languages, list) else (),
        runtime=str(model.get("runtime", UNKNOWN_RUNTIME)),
        precision=str(model.get("precision", UNKNOWN_PRECISION)),
        lookahead=lookahead if isinstance(lookahead, int) else 0,
        revision=revision if isinstance(revision, str) else None,
    )

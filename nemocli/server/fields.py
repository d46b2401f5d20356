"""The fields of a transcription request, in the forms in which clients send them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.datastructures import FormData, UploadFile

from nemocli.boosting.phrases import Phrases
from nemocli.errors import UsageError
from nemocli.server.errors import ApiError
from nemocli.server.phrases import read_phrases
from nemocli.server.settings import ServerSettings
from nemocli.transcriber import Transcriber

#: What `response_format` takes.
FORMATS = ("json", "text", "srt", "verbose_json", "vtt", "diarized_json")

_TRUE, _FALSE = ("true", "1", "yes", "on"), ("", "false", "0", "no", "off")


@dataclass(frozen=True)
class TranscriptionRequest:
    """A checked request."""

    file: UploadFile
    #: A locale of the model, or `auto`.
    language: str
    response_format: str
    is_streamed: bool
    #: What `verbose_json` has.
    has_words: bool
    has_segments: bool
    has_logprobs: bool
    #: Whether `verbose_json` has the model's tokens, as documents of `nemocli file` do.
    has_tokens: bool
    phrases: Phrases
    #: Sentences about fields that have no effect.
    warnings: tuple[str, ...] = ()

    @property
    def has_speakers(self) -> bool:
        """Whether to find who speaks, which takes time."""
        return self.response_format == "diarized_json"

    @property
    def file_name(self) -> str:
        """What the client calls its file, for messages."""
        return self.file.filename or "The file"


class Fields:
    """The fields of a form; a list is sent as `name[]` or `name` several times, or with commas."""

    def __init__(self, form: FormData) -> None:
        self._form = form

    def get_text(self, name: str) -> str:
        """Return a field's text, without spaces around it; empty if there is none.

        ApiError if the field is there several times, with different texts.
        """
        texts = {text.strip() for text in self._form.getlist(name) if isinstance(text, str)}
        if len(texts) > 1:
            raise ApiError(400, f"The form has several texts for {name}: send one.", name)
        return texts.pop() if texts else ""

    def list_texts(self, name: str, is_split: bool = True, has_commas: bool = False) -> list[str]:
        """Return the texts of a list; `is_split` allows several in one field, with commas.

        With `has_commas`, those of `name[]` are not split: a phrase may have commas of its own.
        """
        texts: list[str] = []
        for key, splits in ((f"{name}[]", is_split and not has_commas), (name, is_split)):
            for value in self._form.getlist(key):
                if isinstance(value, str):
                    texts += _parse_list(value) or (value.split(",") if splits else [value])
        return [text.strip() for text in texts if text.strip()]

    def read_flag(self, name: str) -> bool:
        """Return a field that is true or false; ApiError for another value."""
        value = self.get_text(name).lower()
        if value not in (*_TRUE, *_FALSE):
            raise ApiError(400, f"{name} must be true or false, not {value[:40]!r}.", name)
        return value in _TRUE

    def get_file(self) -> UploadFile:
        """Return the file; ApiError if there is none, or if there are several."""
        files = [part for part in self._form.getlist("file") if isinstance(part, UploadFile)]
        if not files:
            raise ApiError(400, "The form has no file: send it as the field 'file'.", "file")
        if len(files) > 1:
            raise ApiError(400, "The form has several files: send each in a request.", "file")
        return files[0]


def read_request(
    form: FormData, transcriber: Transcriber, settings: ServerSettings
) -> TranscriptionRequest:
    """Read a form; `settings` has the language without a field for it. ApiError for wrong values.

    Fields that nemocli does not know have no effect, and nor have those of other kinds of models,
    such as `temperature`.
    """
    fields = Fields(form)
    response_format = fields.get_text("response_format") or "json"
    if response_format not in FORMATS:
        known = ", ".join(FORMATS)
        raise ApiError(
            400,
            f"response_format must be one of {known}, not {response_format[:40]!r}.",
            "response_format",
            "unsupported_value",
        )
    if response_format == "diarized_json" and settings.speakers is None:
        raise ApiError(
            400,
            "This server does not find who speaks: it must be started with --speakers.",
            "response_format",
            "unsupported_value",
        )
    for name in ("known_speaker_names", "known_speaker_references"):
        if fields.list_texts(name, is_split=False):
            raise ApiError(400, f"{name}: this server does not know voices.", name)
    granularities = fields.list_texts("timestamp_granularities")
    if unknown := set(granularities) - {"word", "segment"}:
        raise ApiError(
            400,
            f"timestamp_granularities must be word and segment, not {sorted(unknown)[0][:40]!r}.",
            "timestamp_granularities",
        )
    requested = read_phrases(fields, settings.phrases)
    language = _read_language(fields, transcriber, settings.lang)
    warning = transcriber.warn_of_language(language)
    return TranscriptionRequest(
        file=fields.get_file(),
        language=language,
        response_format=response_format,
        is_streamed=fields.read_flag("stream"),
        has_words="word" in granularities,
        has_segments="segment" in granularities or not granularities,
        has_logprobs="logprobs" in fields.list_texts("include"),
        has_tokens="tokens" in fields.list_texts("include"),
        phrases=requested.phrases,
        warnings=requested.warnings if warning is None else (warning, *requested.warnings),
    )


def _read_language(fields: Fields, transcriber: Transcriber, lang: str) -> str:
    """Return the language's locale; of several hints none can be chosen, so that is `auto`."""
    name = fields.get_text("language")
    hints = fields.list_texts("languages")
    if not name and hints:
        name = hints[0] if len(hints) == 1 else "auto"
    return find_language(transcriber, name or lang)


def find_language(transcriber: Transcriber, name: str, param: str = "language") -> str:
    """Return the locale that `name` stands for, or `auto`; ApiError if it is unknown."""
    try:
        return transcriber.resolve_language(name)
    except UsageError as error:
        raise ApiError(400, str(error), param, "unsupported_language") from None


def _parse_list(text: str) -> Sequence[str]:
    """Return the texts and numbers of a JSON list, as texts; empty for anything else."""
    if not text.lstrip().startswith("["):
        return ()
    try:
        values: Any = json.loads(text)
    except (ValueError, RecursionError):
        return ()
    if not isinstance(values, list):
        return ()
    return [str(value) for value in values if isinstance(value, str | int | float)]

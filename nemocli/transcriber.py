"""A loaded model, as `nemocli.load` gives it: what it is, its streams, and many files at once."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nemocli.engine.languages import AUTO, Languages
from nemocli.engine.session import Session
from nemocli.network.graphs import chunk_rows
from nemocli.runtimes.base import Runtime
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.transcript.writer import Provenance

if TYPE_CHECKING:
    from nemocli.batch.many import FileProgress, FileResult


class Transcriber:
    """A model loaded by `nemocli.load`. Any number of sessions may share it, one call at a time."""

    def __init__(
        self,
        runtime: Runtime,
        pieces: TokenDecoder,
        name: str,
        precision: str = "fp32",
        revision: str | None = None,
    ) -> None:
        self._runtime = runtime
        self._pieces = pieces
        self._languages = Languages(runtime.config)
        #: What the model was loaded as: `demo`, or its folder.
        self.model_name = name
        #: Of the encoder's weights, such as `fp32` or `int8`.
        self.precision = precision
        #: SHA-256 over the checkpoint that the weights come from, in hexadecimal.
        self.revision = revision

    @property
    def runtime(self) -> str:
        """The runtime's name, `numpy` or `onnx`."""
        return self._runtime.name

    @property
    def lookahead(self) -> int:
        """Encoder frames of 80 ms that are heard ahead of the one being decided."""
        return self._runtime.lookahead

    @property
    def chunk_rows(self) -> int:
        """Mel rows of a chunk."""
        return chunk_rows(self.lookahead + 1, first=False)

    @property
    def languages(self) -> tuple[str, ...]:
        """The locales that can be asked for, besides `auto`."""
        return self._languages.tags

    def resolve_language(self, lang: str) -> str:
        """The locale, or `auto`, that `lang` stands for; UsageError if there is none."""
        return self._languages.find(lang).tag

    def about(self, file: str, lang: str) -> Provenance:
        """What a document says of a transcript of `file`, asked for in a resolved language."""
        return Provenance(
            file=file,
            model=self.model_name,
            model_revision=self.revision,
            precision=self.precision,
            runtime=self.runtime,
            lookahead=self.lookahead,
            requested_language=lang,
        )

    def session(self, lang: str = AUTO, *, keep_encoder: bool = False) -> "Session":
        """Begin a stream in a language such as `ja-JP`, `en_us`, `de` or `auto`.

        `keep_encoder` collects the encoder's output in `Session.enc_proj`, for comparisons.
        Raises UsageError for a language the model does not know.
        """
        return Session(self._runtime, self._pieces, self._languages, lang, keep_encoder)

    def check_request(self, lang: str = AUTO, max_memory: int | None = None) -> None:
        """Raise what `transcribe_many` would raise for these arguments, and do nothing else.

        That is UsageError for a language the model does not know, or a `max_memory` that is too
        little for a single file.
        """
        from nemocli.batch.limits import choose_limits

        choose_limits(self._runtime, max_memory)
        self.resolve_language(lang)

    def transcribe_many(
        self,
        paths: Iterable[str | Path],
        lang: str = AUTO,
        *,
        max_memory: int | None = None,
        progress: "Callable[[FileProgress], None] | None" = None,
    ) -> "Iterator[FileResult]":
        """Transcribe files together, much faster than one after the other; each as it is finished.

        A path is taken from `paths` when there is room for another file. The tokens are those of
        a session that hears the file alone. A file that cannot be decoded comes with its error, and
        the others go on. `max_memory` bounds, in bytes, what is needed beside the model; `progress`
        hears how far each file is. Raises UsageError for a language the model does not know, or a
        `max_memory` that is too little.
        """
        from nemocli.batch.limits import choose_limits
        from nemocli.batch.many import transcribe_many

        room = choose_limits(self._runtime, max_memory)
        language = self.resolve_language(lang)
        return transcribe_many(
            lambda: self.session(language), self.chunk_rows, map(Path, paths), room, progress
        )

"""The transcriber: a loaded model, as `nemocli.load` returns it, for streams and files."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from numbers import Integral
from os import PathLike
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, TypeAlias

from numpy.typing import ArrayLike

from nemocli.arguments import check_argument
from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.boosting.compiled import CompiledPhrases
from nemocli.boosting.matcher import PhraseMatcher
from nemocli.boosting.phrases import Phrases, check_phrases, describe_phrases
from nemocli.closing import Closing
from nemocli.diarization.diarizer import Diarizer
from nemocli.diarization.options import SpeakerOptions
from nemocli.engine.languages import AUTO_LANGUAGE, Languages
from nemocli.engine.recognizer import Recognizer
from nemocli.engine.session import Session
from nemocli.engine.stream import Stream
from nemocli.errors import UsageError
from nemocli.freed_memory import return_freed_memory
from nemocli.models.resolve import ResolvedModel, resolve
from nemocli.models.spec import ModelSpec
from nemocli.models.word_delays import choose_alignment, find_word_delay
from nemocli.network.graphs import count_chunk_rows
from nemocli.runtimes.base import Runtime
from nemocli.scheduler.scheduler import Scheduler
from nemocli.transcript.alignment import Align, Alignment, check_align
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.transcript.types import Transcript

if TYPE_CHECKING:
    from nemocli.batch.limits import BatchLimits
    from nemocli.batch.many import FileProgress, FileResult

_PATHS = "a path or several, each a str or a Path"

#: What finds who speaks: a model, or options that have one.
AnySpeakers: TypeAlias = Diarizer | SpeakerOptions | None


def load_transcriber(
    spec: ModelSpec,
    progress: Callable[[str], None] | None = None,
    before_load: Callable[[ResolvedModel], None] | None = None,
) -> "Transcriber":
    """Load the model of a spec; `progress` is called with a sentence before what takes long.

    `before_load` is called once it is decided what will be loaded. Raises what `resolve`,
    `before_load` and `ResolvedModel.load` raise.
    """
    resolved = resolve(spec)
    if before_load is not None:
        before_load(resolved)
    loaded = resolved.load(progress)
    decoder = TokenDecoder(loaded.tokenizer_json)
    return Transcriber(
        loaded.runtime, decoder, resolved.name, resolved.precision, resolved.revision
    )


class Transcriber(Closing):
    """A model loaded by `nemocli.load`; in a `with` block, it is closed at the end.

    Any number of sessions and files may share it, and several threads may use it at once. Their
    calls into the model take turns, one at a time, each for a few seconds of sound at most.
    """

    def __init__(
        self,
        runtime: Runtime,
        pieces: TokenDecoder,
        name: str,
        precision: str = "fp32",
        revision: str | None = None,
    ) -> None:
        self._runtime = runtime
        self._recognizer = Recognizer(runtime)
        self._scheduler: Scheduler | None = None
        self._pieces = pieces
        self._languages = Languages(runtime.config)
        self._compiled = CompiledPhrases(lambda: _list_pieces(pieces, runtime))
        #: The name that the model was loaded by, such as `demo`, or its folder.
        self.model_name = name
        #: Precision of the encoder's weights, such as `fp32` or `int8`.
        self.precision = precision
        #: SHA-256 over the checkpoint that the weights come from, in hexadecimal; None if unknown.
        self.revision = revision

    @property
    def runtime(self) -> str:
        """The runtime's name, such as `onnx`."""
        return self._runtime.name

    @property
    def lookahead(self) -> int:
        """The number of encoder frames (of 80 ms) that a frame waits for before it is decided."""
        return self._runtime.lookahead

    @property
    def languages(self) -> tuple[str, ...]:
        """The locales that the model knows, besides `auto`."""
        return self._languages.tags

    def resolve_language(self, lang: str) -> str:
        """Return the locale, or `auto`, that `lang` stands for. Raises UsageError if unknown."""
        return self._languages.find(lang).tag

    def warn_of_language(self, lang: str) -> str | None:
        """Return a sentence if the model's card lists a language as one that needs adaptation.

        None for all others. Raises UsageError for an unknown language.
        """
        return self._languages.warn(self._languages.find(lang).tag)

    def make_provenance(
        self,
        file: str,
        lang: str,
        align: Align = None,
        phrases: "Phrases | Iterable[str] | None" = None,
    ) -> Provenance:
        """Return what a document says of a transcript of `file`, besides its words.

        `lang` is the requested language, resolved; `align` and `phrases` are as for `session`.
        """
        return Provenance(
            file=file,
            model=self.model_name,
            model_revision=self.revision,
            precision=self.precision,
            runtime=self.runtime,
            lookahead=self.lookahead,
            requested_language=lang,
            alignment=self._choose_alignment(align),
            phrases=describe_phrases(check_phrases(phrases)),
        )

    def find_unspelled(self, phrases: "Phrases | Iterable[str]") -> tuple[str, ...]:
        """Return the phrases that the model has no pieces to write, so that they have no effect."""
        matcher = self._compiled.find(check_phrases(phrases))
        return () if matcher is None else tuple(phrase.text for phrase in matcher.unspelled)

    def close(self) -> None:
        """Give back the memory of the model. Closing twice is fine.

        A call into the model that is running in another thread is waited for. Afterwards, what
        needs the model raises NemocliError, also in sessions that were begun before.
        """
        if self._scheduler is not None:
            self._scheduler.close()
        self._recognizer.close()
        return_freed_memory()

    def schedule(self, max_streams: int | None = None) -> Scheduler:
        """Begin to call the model in one thread, for the sessions and files of all threads.

        Chunks that wait at the same time then share a call: with many streams in many threads, this
        serves several times as many. The words are the same, and for a single stream nothing is
        won. It lasts until the returned Scheduler, or the transcriber, is closed. `max_streams`
        limits the streams that `Scheduler.take_live_place` admits; None chooses by what calls cost
        here. Raises UsageError for another `max_streams`.
        """
        self._recognizer.check_open()
        check_argument("max_streams", max_streams, (Integral, NoneType), "a whole number, or None")
        if max_streams is not None and max_streams < 1:
            raise UsageError(f"max_streams takes a number of at least 1, not {max_streams}.")
        if self._scheduler is not None:
            self._scheduler.close()
        self._scheduler = Scheduler(self._recognizer, max_streams)
        self._scheduler.measure(lambda: self._begin_stream(AUTO_LANGUAGE))
        return self._scheduler

    def session(
        self,
        lang: str = AUTO_LANGUAGE,
        *,
        align: Align = None,
        phrases: "Phrases | Iterable[str] | None" = None,
        keep_transcript: bool = True,
        keep_encoder: bool = False,
    ) -> Session:
        """Begin a stream in a language such as `ja-JP`, `en_us`, `de` or `auto`.

        Without `keep_transcript`, a stream of any length takes constant memory: the session keeps
        nothing that an update returned, and `finish` returns only what came after the last one.
        `align` moves the times of words to where they are in the sound, by its silences and by the
        delay of the model's tokens: a delay in seconds, `auto` for the one that was measured for
        the model, if there is one, or `sound` for none.
        `phrases` are names and terms that the decoder prefers, a list of texts or `Phrases`, which
        also says how strongly; a list is compiled once for all streams.
        `keep_encoder` collects the encoder's output in `Session.enc_proj`, for comparisons.
        Raises UsageError for a language that the model does not know, for another `align` and for
        what is no phrase, and NemocliError if the transcriber is closed.
        """
        self._recognizer.check_open()
        check_argument("keep_transcript", keep_transcript, bool, "True or False")
        check_argument("keep_encoder", keep_encoder, bool, "True or False")
        alignment = self._choose_alignment(align)
        checked = check_phrases(phrases)
        matcher = self._compiled.find(checked)
        stream = self._begin_stream(lang, keep_transcript, keep_encoder, alignment, phrases=matcher)
        language = self._languages.find(lang)
        return Session(stream, self._languages, language, checked, self._compiled.find)

    def transcribe(
        self,
        sound: "str | PathLike[str] | ArrayLike",
        lang: str = AUTO_LANGUAGE,
        *,
        align: Align = None,
        phrases: "Phrases | Iterable[str] | None" = None,
        speakers: AnySpeakers = None,
    ) -> Transcript:
        """Transcribe a file, or samples as `Session.feed` takes them.

        `align` and `phrases` are as for `session`, and `speakers` as for `transcribe_many`. Raises
        AudioError for a file that cannot be
        decoded; UsageError for a language that the model does not know, for a text that cannot be a
        phrase, and for anything but sound. For several files, `transcribe_many` is much faster.
        """
        if isinstance(sound, (str, PathLike)):
            (result,) = self.transcribe_many(
                [sound], lang, align=align, phrases=phrases, speakers=speakers
            )
            if result.error is not None:
                raise result.error
            assert result.transcript is not None
            return result.transcript
        options = self._check_speakers(speakers, DEFAULT_OPTIONS)
        session = self.session(lang, align=align, phrases=phrases)
        session.feed(sound)
        transcript = session.finish()
        if options is None:
            return transcript
        from nemocli.batch.file_speakers import find_speakers

        delay_s = find_word_delay(self.revision, self.lookahead)
        return find_speakers(transcript, sound, options, delay_s)

    def check_request(
        self,
        lang: str = AUTO_LANGUAGE,
        max_memory: int | None = None,
        *,
        sound: SoundOptions = DEFAULT_OPTIONS,
        speakers: AnySpeakers = None,
    ) -> None:
        """Check the arguments of `transcribe_many`, and do nothing else.

        Raises UsageError for a language that the model does not know, for a `max_memory` that is
        too little for a single file, and for `speakers` that do not fit the channels of `sound`;
        ModelError if their model takes other mel rows than this one.
        """
        self._check_request(lang, max_memory, self._check_speakers(speakers, sound))

    def transcribe_many(
        self,
        paths: "str | PathLike[str] | Iterable[str | PathLike[str]]",
        lang: str = AUTO_LANGUAGE,
        *,
        max_memory: int | None = None,
        progress: "Callable[[FileProgress], None] | None" = None,
        sound: SoundOptions = DEFAULT_OPTIONS,
        align: Align = None,
        phrases: "Phrases | Iterable[str] | None" = None,
        speakers: AnySpeakers = None,
    ) -> "Iterator[FileResult]":
        """Transcribe files together, much faster than one by one; give each when it is finished.

        `paths` is one path or several; the next is taken when there is room for another file. The
        tokens are those of a session that is fed this file only. For a file that cannot be decoded,
        the result has the error, and the other files continue. `max_memory` limits the memory, in
        bytes, that is used besides the models. `progress` is called with how far a file is. `sound`
        chooses track, channels and gain; separate channels are transcribed one by one and named in
        the transcript. `align` and `phrases` are as for `session`. `speakers`, a model loaded by
        `nemocli.load_diarizer` or `SpeakerOptions` with one, says who speaks each word, and when;
        separate channels are speakers without a model. Raises UsageError at once for a language
        that the model does not know, for a `max_memory` that is too little, for a text that
        cannot be a phrase, and for arguments of another type or that contradict each other.
        """
        from nemocli.batch.many import transcribe_many

        check_argument("progress", progress, (Callable, NoneType), "a function")
        check_argument("sound", sound, SoundOptions, "SoundOptions")
        checked_paths = _check_paths(paths)
        options = self._check_speakers(speakers, sound)
        limits, language = self._check_request(lang, max_memory, options)
        alignment = self._choose_alignment(align)
        matcher = self._compiled.find(check_phrases(phrases))
        return transcribe_many(
            lambda: self._begin_stream(
                language, alignment=alignment, is_live=False, phrases=matcher
            ),
            count_chunk_rows(self.lookahead + 1, first=False),
            checked_paths,
            limits,
            progress,
            replace(sound, language=language),
            options,
            find_word_delay(self.revision, self.lookahead),
        )

    def _check_request(
        self, lang: str, max_memory: int | None, speakers: SpeakerOptions | None
    ) -> "tuple[BatchLimits, str]":
        from nemocli.batch.limits import choose_limits

        self._recognizer.check_open()
        check_argument("max_memory", max_memory, (Integral, NoneType), "a whole number of bytes")
        diarizer = None if speakers is None else speakers.diarizer
        config = None if diarizer is None else diarizer.config
        limits = choose_limits(self._recognizer, max_memory, config)
        return limits, self.resolve_language(lang)

    def _check_speakers(self, speakers: AnySpeakers, sound: SoundOptions) -> SpeakerOptions | None:
        """Return the options; UsageError if the sound's channels and the model do not fit."""
        kinds = (Diarizer, SpeakerOptions, NoneType)
        check_argument("speakers", speakers, kinds, "a diarization model, or SpeakerOptions")
        options = SpeakerOptions(speakers) if isinstance(speakers, Diarizer) else speakers
        if options is None:
            return None
        if options.diarizer is None and not sound.is_separate:
            raise UsageError(
                "speakers needs a diarization model, such as load_diarizer() returns:"
                " SpeakerOptions(None) is for sound whose channels are separate."
            )
        if options.diarizer is not None and sound.is_separate:
            raise UsageError(
                "Each separate channel is a speaker, so speakers needs no diarization model: give"
                " SpeakerOptions(None), or choose other channels."
            )
        options.check_features(self._runtime.config.features)
        return options

    def _choose_alignment(self, align: Align) -> Alignment | None:
        return choose_alignment(check_align(align), self.revision, self.lookahead)

    def _begin_stream(
        self,
        lang: str,
        keep_transcript: bool = True,
        keep_encoder: bool = False,
        alignment: Alignment | None = None,
        is_live: bool = True,
        phrases: PhraseMatcher | None = None,
    ) -> Stream:
        prompt = self._languages.find(lang).prompt
        stream = Stream(
            *(self._recognizer, self._pieces, prompt, keep_transcript, keep_encoder, alignment),
            phrases=phrases,
        )
        stream.is_live = is_live
        return stream


def _list_pieces(pieces: TokenDecoder, runtime: Runtime) -> list[str | None]:
    """Return the piece of each id that the model emits; None for those that are no text."""
    config = runtime.config
    found = pieces.list_pieces()[: config.vocab_size]
    found += [None] * (config.vocab_size - len(found))
    found[config.blank_id] = None
    return found


def _check_paths(paths: "str | PathLike[str] | Iterable[str | PathLike[str]]") -> Iterator[Path]:
    """Give paths one by one; UsageError for other values, at once if they are in a list."""
    if isinstance(paths, (str, bytes, PathLike)):
        paths = [paths]
    check_argument("paths", paths, Iterable, _PATHS)
    if isinstance(paths, (list, tuple)):
        return iter([_check_path(path) for path in paths])
    return map(_check_path, paths)


def _check_path(path: "str | PathLike[str]") -> Path:
    check_argument("paths", path, (str, PathLike), _PATHS)
    return Path(os.fsdecode(path))

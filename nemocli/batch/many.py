"""Many files transcribed together by one model.

Threads decode the files and compute their mel rows, some seconds ahead. One call of the encoder
takes many chunks of several files, and their tokens are decoded together. The result for a file is
that of a session of its own.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.audio.sound import DecodedSound
from nemocli.batch.file_speakers import FileSpeakers
from nemocli.batch.limits import BatchLimits
from nemocli.batch.prefetch import PrefetchedFile, PrefetchedStream, Prefetcher
from nemocli.diarization.options import SpeakerOptions
from nemocli.engine.stream import Stream, advance
from nemocli.errors import AudioError
from nemocli.sound_warning import SoundWarning
from nemocli.transcript.channels import merge_channels, take_as_speaker
from nemocli.transcript.types import Transcript

#: How long the other files wait for one that is slow to read, such as a pipe.
READ_PATIENCE_S = 0.1

#: The fixed cost of a call, for reading the weights, in chunks.
CALL_COST = 6


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far the transcription of a file is."""

    path: Path
    #: The duration by the file's header, in seconds; None if it has none.
    promised: float | None
    #: The transcript so far; its duration is that of the sound transcribed so far.
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class FileResult:
    """The result for a file: its transcript, or why there is none."""

    path: Path
    transcript: Transcript | None
    error: AudioError | None = None
    #: The part of the file that was decoded; None if that failed.
    decoded: DecodedSound | None = None
    #: A sentence if one of several tracks was chosen.
    note: str | None = None
    #: Warnings about the sound, by time; one of them says why there are no words, if so.
    warnings: tuple[SoundWarning, ...] = ()


def transcribe_many(
    begin_stream: Callable[[], Stream],
    chunk_rows: int,
    paths: Iterator[Path],
    limits: BatchLimits,
    progress: Callable[[FileProgress], None] | None,
    options: SoundOptions = DEFAULT_OPTIONS,
    speakers: SpeakerOptions | None = None,
    word_delay_s: float = 0.0,
) -> Iterator[FileResult]:
    """Give results as files are finished; see Transcriber.transcribe_many.

    `begin_stream` makes the stream of a file or channel, whose chunks have `chunk_rows` mel rows.
    Words that are not aligned come `word_delay_s` late.
    """
    begin_speakers = None
    if speakers is not None and speakers.diarizer is not None:
        begin_speakers = partial(FileSpeakers, speakers, word_delay_s)
    reading = Prefetcher(limits, chunk_rows, begin_stream, options, begin_speakers)
    try:
        while _begin_more(reading, paths):
            reading.collect(READ_PATIENCE_S)
            advanced = _advance(reading.streams, limits)
            for file in reading.files:
                if file.speakers is not None:
                    file.speakers.advance()
            if progress is not None:
                for file in reading.files:
                    if any(stream in advanced for stream in file.streams):
                        transcript = _build_transcript_so_far(file)
                        progress(FileProgress(file.path, file.promised, transcript))
            for file in reading.take_finished():
                yield _make_result(file, speakers)
    finally:
        reading.stop()


#: Why all words have one speaker where each channel is one.
ONE_SPEAKER = (
    "The sound has one channel, so all words are one speaker's: leave out --channels separate, and"
    " a model finds who speaks."
)


def _make_result(file: PrefetchedFile, speakers: SpeakerOptions | None) -> FileResult:
    if file.error:
        return FileResult(file.path, None, file.error, file.decoded, file.note)
    transcript, warnings = _build_whole_transcript(file, speakers), file.warnings
    if not transcript.words:
        warnings = (*warnings, file.level.explain_no_words())
    elif quiet := file.level.warn_of_quiet():
        warnings = (quiet, *warnings)
    if speakers is not None and speakers.diarizer is None and len(file.streams) == 1:
        warnings = (*warnings, SoundWarning("channels", 0.0, ONE_SPEAKER))
    return FileResult(file.path, transcript, None, file.decoded, file.note, warnings)


def _begin_more(reading: Prefetcher, paths: Iterator[Path]) -> bool:
    """Begin as many files as there is room for; tell whether any is being transcribed."""
    while reading.has_room and (path := next(paths, None)) is not None:
        reading.begin(path)
    return bool(reading.files)


def _advance(
    streams: Sequence[PrefetchedStream], limits: BatchLimits
) -> Sequence[PrefetchedStream]:
    """Transcribe the next chunks, chosen by `choose`; return the streams that were advanced."""
    waiting = [(min(each.stream.chunks, limits.file_chunks), each.ended) for each in streams]
    chosen, chunks = choose(waiting, limits.chunks)
    if chosen:
        advance([streams[n].stream for n in chosen], chunks)
    return [streams[n] for n in chosen]


def _build_transcript_so_far(file: PrefetchedFile) -> Transcript:
    """Return the file's transcript so far: of several channels, that with the last token.

    Its duration is that of the sound that all channels have been transcribed to.
    """
    transcripts = [each.stream.build_transcript_so_far() for each in file.streams]
    if len(transcripts) == 1:
        return transcripts[0]
    latest = max(file.streams, key=lambda each: each.stream.last_token_frame or 0)
    return replace(
        transcripts[list(file.streams).index(latest)],
        duration=min(transcript.duration for transcript in transcripts),
    )


def _build_whole_transcript(file: PrefetchedFile, speakers: SpeakerOptions | None) -> Transcript:
    for each in file.streams:
        each.stream.finish()
    transcripts = [each.stream.build_transcript(final=True) for each in file.streams]
    if file.speakers is not None:
        return file.speakers.add_to(transcripts[0])
    names = None if speakers is None else speakers.names
    if file.channels:
        return merge_channels(dict(zip(file.channels, transcripts, strict=True)), names)
    return transcripts[0] if names is None else take_as_speaker(transcripts[0], names)


def choose(waiting: Sequence[tuple[int, bool]], most: int) -> tuple[list[int], int]:
    """Choose streams to advance together, and by how many chunks, at most `most` in all.

    `waiting` has, for each stream, the number of chunks that wait, and whether there will be no
    more. A stream that has ended may be advanced by more chunks than it has, at the cost of as
    many. The best choice has the most chunks for the cost of the call.
    """
    best: tuple[list[int], int] = [], 0
    best_yield = 0.0
    for chunks in sorted({min(count, most) for count, _ in waiting if count}):
        able = [
            n for n, (count, ended) in enumerate(waiting) if count >= chunks or (ended and count)
        ]
        able = able[: most // chunks]
        done = sum(min(waiting[n][0], chunks) for n in able)
        gain = done / (chunks * len(able) + CALL_COST)
        if gain > best_yield:
            best, best_yield = (able, chunks), gain
    return best

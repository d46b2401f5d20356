"""Many files transcribed together by one model.

Threads decode the files and compute their mel rows, some seconds ahead. Here, many chunks of
several files go through the encoder in one call, and their tokens are decoded in step. What is
computed for a file is what a session of its own would compute.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nemocli.batch.limits import BatchLimits
from nemocli.batch.prefetch import PrefetchedFile, Prefetcher
from nemocli.engine.stream import Stream, advance
from nemocli.errors import AudioError
from nemocli.transcript.types import Transcript

#: How long to wait for a file that is slow to read, such as a pipe, before the others go on.
READ_PATIENCE_S = 0.1

#: What a call costs however little is in it, in chunks: the weights are read once.
CALL_COST = 6


@dataclass(frozen=True, slots=True)
class FileProgress:
    """How far a file is."""

    path: Path
    #: Seconds that its header promises, if it promises anything.
    promised: float | None
    #: The transcript so far; its duration is that of the sound that was transcribed.
    transcript: Transcript


@dataclass(frozen=True, slots=True)
class FileResult:
    """What became of a file: its transcript, or why there is none."""

    path: Path
    transcript: Transcript | None
    error: AudioError | None = None


def transcribe_many(
    begin: Callable[[], Stream],
    chunk_rows: int,
    paths: Iterator[Path],
    limits: BatchLimits,
    progress: Callable[[FileProgress], None] | None,
) -> Iterator[FileResult]:
    """Give results as they come; see Transcriber.transcribe_many.

    `begin` gives a file's stream, whose chunks have `chunk_rows` mel rows.
    """
    reading = Prefetcher(limits.file_chunks, chunk_rows)
    try:
        while _begin_more(reading, paths, limits, begin):
            reading.collect(READ_PATIENCE_S)
            files = _advance(reading.files, limits)
            if progress is not None:
                for file in files:
                    progress(
                        FileProgress(file.path, file.promised, file.stream.transcript_so_far())
                    )
            for file in reading.take_finished():
                transcript = None if file.error else file.stream.transcript(final=True)
                yield FileResult(file.path, transcript, file.error)
    finally:
        reading.stop()


def _begin_more(
    reading: Prefetcher, paths: Iterator[Path], limits: BatchLimits, begin: Callable[[], Stream]
) -> bool:
    """Begin as many files as there may be under way; whether there is any."""
    while len(reading.files) < limits.files and (path := next(paths, None)) is not None:
        reading.begin(path, begin())
    return bool(reading.files)


def _advance(files: Sequence[PrefetchedFile], limits: BatchLimits) -> list[PrefetchedFile]:
    """Transcribe what is best done next; the files that it was done for."""
    waiting = [(min(file.stream.chunks, limits.file_chunks), file.ended) for file in files]
    chosen, chunks = choose(waiting, limits.chunks)
    if chosen:
        advance([files[n].stream for n in chosen], chunks)
    return [files[n] for n in chosen]


def choose(waiting: Sequence[tuple[int, bool]], most: int) -> tuple[list[int], int]:
    """Choose streams to advance together, and by how many chunks, at most `most` in all.

    `waiting` has, for each stream, the chunks that wait, and whether there will be no more. One
    that has ended may be asked for more than it has, and costs as if it had them. The best choice
    gets the most chunks done for what the call costs.
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

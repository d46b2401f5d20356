"""How many files are worked on at once, and how much of them in a call, by the memory there is."""

from dataclasses import dataclass
from math import prod

from nemocli.audio.options import MOST_SEPARATE
from nemocli.engine.recognizer import Recognizer
from nemocli.errors import UsageError
from nemocli.network.config import ModelConfig
from nemocli.network.graphs import conformer_cache_shapes

#: Files at once, and encoder frames of all of them in one call, where memory does not matter. More
#: frames gain nothing; more files have the predictor's weights read less often, but each brings its
#: caches along, which with fewer frames a file are a growing part of what is moved.
MAX_FILES, MAX_FRAMES = 8, 256

#: Encoder frames of one file in one call at most: attention grows with their square.
MAX_FILE_FRAMES = 128

#: Times a stream's caches are held: before and after a call, and within it.
CACHE_COPIES = 3

#: Reading a file takes so much: decoder, resampler, packets and thread.
READER_BYTES = 8_000_000


@dataclass(frozen=True)
class BatchLimits:
    """What may be under way at once."""

    files: int
    #: Chunks in one call: of all files, and of one.
    chunks: int
    file_chunks: int
    #: Streams of one file that has several, when it is the only one.
    channels: int = MOST_SEPARATE


def choose_limits(recognizer: Recognizer, max_memory: int | None) -> BatchLimits:
    """Choose the most that fits into `max_memory` bytes beside the model.

    Raises UsageError, which says the least that is possible, if nothing fits.
    """
    config, chunk = recognizer.runtime.config, recognizer.runtime.lookahead + 1
    files, frames = MAX_FILES, MAX_FRAMES
    if recognizer.encoder.max_streams is not None:  # one file more is read ahead meanwhile
        files = recognizer.encoder.max_streams + 1
        frames = files * chunk
    while max_memory is not None and _estimate_bytes(config, files, frames) > max_memory:
        if files > 1:
            files -= 1
            frames = max(chunk, min(frames, MAX_FILE_FRAMES * files))
        elif frames > chunk:
            frames = max(chunk, frames // 2)
        else:
            least = _estimate_bytes(config, files, frames) / 1e6
            raise UsageError(
                f"This model needs {least:.0f} MB beside its weights for a single file;"
                " allow more by --max-memory."
            )
    return BatchLimits(
        files,
        max(1, frames // chunk),
        max(1, min(frames, MAX_FILE_FRAMES) // chunk),
        MOST_SEPARATE if max_memory is None else files,
    )


def _estimate_bytes(config: ModelConfig, files: int, frames: int) -> int:
    """Estimate what so many files and frames take at most, in float32."""
    attention, conv = conformer_cache_shapes(config, config.num_layers)
    cache = 2 * prod(attention) + prod(conv)
    # A few of the widest values are alive at once, and the scores of every head over all keys.
    keys = config.left_context + min(frames, MAX_FILE_FRAMES)
    frame = 6 * config.ff_size + 12 * config.hidden_size + 4 * config.num_heads * keys
    # The first convolution makes half as many rows and mels as there are, of every channel.
    rows = 8 * min(frames, MAX_FILE_FRAMES // 4)
    stem = 3 * config.subsampling_channels * (rows // 2) * config.subsampled_mels[0]
    return files * (4 * CACHE_COPIES * cache + READER_BYTES) + 4 * (frames * frame + stem)

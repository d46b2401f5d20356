"""How many files are transcribed at once, and how much of them in a call, within a memory limit."""

from dataclasses import dataclass
from math import prod

from nemocli.audio.options import MAX_SEPARATE
from nemocli.diarization.modes import FRAME_S, OFFLINE, list_modes
from nemocli.engine.recognizer import Recognizer
from nemocli.errors import UsageError
from nemocli.network.config import ModelConfig
from nemocli.network.diarizer_config import ROWS_PER_FRAME, DiarizerConfig
from nemocli.network.graphs import (
    count_kept_frames,
    list_conformer_cache_shapes,
    list_slot_shapes,
)

#: The most files at once. With more files, the predictor's weights are read less often, but more
#: caches are moved.
MAX_FILES = 8

#: The most encoder frames of all files in one call. More frames are not faster.
MAX_FRAMES = 256

#: The most encoder frames of one file in one call: the cost of attention grows with their square.
MAX_FILE_FRAMES = 128

#: Copies of a stream's caches: before, after and within a call. Caches that streams share are not
#: copied, but may have twice as many slots as are needed.
CACHE_COPIES, SLOT_COPIES = 3, 2

#: Memory for reading a file: decoder, resampler, packets and thread.
READER_BYTES = 8_000_000


#: Seconds of a file that is long: all its speakers' probabilities are kept to its end.
LONG_FILE_S = 3600


@dataclass(frozen=True)
class BatchLimits:
    """How much may be transcribed at once."""

    files: int
    #: The most chunks of all files in one call.
    chunks: int
    #: The most chunks of one file in one call.
    file_chunks: int
    #: The most streams of one file, when it is the only file.
    channels: int = MAX_SEPARATE


def choose_limits(
    recognizer: Recognizer, max_memory: int | None, diarizer: DiarizerConfig | None = None
) -> BatchLimits:
    """Choose the largest limits that need no more than `max_memory` bytes besides the models.

    With `diarizer`, a diarization model finds the speakers of the files. Raises UsageError, which
    says the least possible memory, if even one file needs more.
    """
    config, chunk = recognizer.runtime.config, recognizer.runtime.lookahead + 1
    files, frames = MAX_FILES, MAX_FRAMES
    if recognizer.encoder.max_streams is not None:  # meanwhile, one more file is read ahead
        files = recognizer.encoder.max_streams + 1
        frames = files * chunk

    def estimate() -> int:
        speakers = 0 if diarizer is None else _estimate_speaker_bytes(diarizer, files)
        caches = _estimate_cache_bytes(recognizer, files, frames)
        return caches + _estimate_bytes(config, files, frames) + speakers

    while max_memory is not None and estimate() > max_memory:
        if files > 1:
            files -= 1
            frames = max(chunk, min(frames, MAX_FILE_FRAMES * files))
        elif frames > chunk:
            frames = max(chunk, frames // 2)
        else:
            models = "This model needs" if diarizer is None else "The two models need"
            raise UsageError(
                f"{models} {estimate() / 1e6:.0f} MB beside the weights for a single file;"
                " allow more by --max-memory."
            )
    return BatchLimits(
        files,
        max(1, frames // chunk),
        max(1, min(frames, MAX_FILE_FRAMES) // chunk),
        MAX_SEPARATE if max_memory is None else files,
    )


def _estimate_cache_bytes(recognizer: Recognizer, files: int, frames: int) -> int:
    """Estimate the most bytes of what the conformer's layers remember of files, in float32."""
    config = recognizer.runtime.config
    if recognizer.encoder.max_streams is None:
        slot = config.num_layers * sum(map(prod, list_slot_shapes(config).values()))
        slots = 1 + files * count_kept_frames(config) + frames
        return 4 * SLOT_COPIES * slots * slot
    attention, conv = list_conformer_cache_shapes(config, config.num_layers)
    return 4 * files * CACHE_COPIES * (2 * prod(attention) + prod(conv))


def _estimate_bytes(config: ModelConfig, files: int, frames: int) -> int:
    """Estimate the most bytes that so many files and frames take beside caches, in float32."""
    # A few of the largest values exist at once, and the scores of all heads over all keys.
    keys = config.left_context + min(frames, MAX_FILE_FRAMES)
    frame = 6 * config.ff_size + 12 * config.hidden_size + 4 * config.num_heads * keys
    # The first convolution halves rows and mels, and makes a copy for each channel.
    rows = 8 * min(frames, MAX_FILE_FRAMES // 4)
    stem = 3 * config.subsampling_channels * (rows // 2) * config.subsampled_mels[0]
    return files * READER_BYTES + 4 * (frames * frame + stem)


def _estimate_speaker_bytes(config: DiarizerConfig, files: int) -> int:
    """Estimate the most bytes that finding the speakers of so many files takes, in float32."""
    mode = list_modes(config)[OFFLINE]
    frames = mode.encode_frames
    # One step of one file at a time: as for the recognizer, a few of the largest values at once.
    step = frames * (6 * config.ff_size + 12 * config.hidden_size + 4 * config.num_heads * frames)
    remembered = CACHE_COPIES * frames * config.hidden_size
    rows = 2 * ROWS_PER_FRAME * mode.embed_frames * config.features.num_mels
    found = round(LONG_FILE_S / FRAME_S) * ROWS_PER_FRAME * config.num_speakers
    return 4 * (step + files * (remembered + rows + found))

"""Which mode of a diarization model a machine can carry beside the transcription."""

from nemocli.diarization.diarizer import Diarizer
from nemocli.diarization.modes import FRAME_S, LARGE_CHUNK, DiarizationMode
from nemocli.errors import UnsupportedError

#: The share of the time that a diarization model may take: the rest is for the transcription.
MAX_LOAD = 0.5


def choose_live_mode(diarizer: Diarizer) -> tuple[DiarizationMode, str]:
    """Time a step of the modes for live sound; return the first that is fast enough.

    The model's own default comes first, then the one of large chunks. Returns a sentence too that
    says what was chosen. Raises UnsupportedError, which says what to do, if neither is.
    """
    found = []
    for name in (diarizer.config.default_mode, LARGE_CHUNK):
        mode = diarizer.modes[name]
        step_s, chunk_s = diarizer.time_step(name), mode.chunk * FRAME_S
        times = f"{1000 * step_s:.0f} ms of computing for {1000 * chunk_s:.0f} ms of sound"
        if step_s <= MAX_LOAD * chunk_s:
            delay = f"{mode.latency_s:.1f} s after it was said"
            return mode, f"The speaker of a word is known {delay} (mode {name}: {times})."
        found.append(times)
    raise UnsupportedError(
        f"This machine is too slow to find who speaks in live sound ({found[-1]}): leave out"
        " --speakers, and run 'nemocli file --speakers' on what --save-audio keeps."
    )

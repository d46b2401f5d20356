"""Raw sound of live clients: samples of 16 bits, or of 8 by the laws of telephony, at any rate."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nemocli.audio.resample import Resampler, mix_down
from nemocli.server.errors import ApiError
from nemocli.units import SAMPLE_RATE

#: Rates that clients may send, in samples a second.
MIN_RATE, MAX_RATE = 8000, 48000

#: Bytes of a sample by encoding.
SAMPLE_BYTES = {"pcm16": 2, "pcmu": 1, "pcma": 1}


@dataclass(frozen=True)
class SoundFormat:
    """Encoding (`pcm16`, `pcmu` or `pcma`), rate, and interleaved channels."""

    encoding: str = "pcm16"
    rate: int = 24000
    channels: int = 1

    def __post_init__(self) -> None:
        if self.encoding not in SAMPLE_BYTES:
            raise ApiError(
                400,
                f"This server does not know the encoding {self.encoding!r} of raw sound.",
                "format",
            )
        if not MIN_RATE <= self.rate <= MAX_RATE:
            raise ApiError(400, f"The rate must be from {MIN_RATE} to {MAX_RATE} Hz.", "rate")
        if not 1 <= self.channels <= 8:
            raise ApiError(400, "The number of channels must be from 1 to 8.", "channels")


class SoundReader:
    """Turns bytes into samples, float32 [n] at 16 kHz; an odd byte waits for the next ones."""

    def __init__(self, sound_format: SoundFormat) -> None:
        self.format = sound_format
        self._frame = SAMPLE_BYTES[sound_format.encoding] * sound_format.channels
        self._held = b""
        self._resampler = Resampler(sound_format.rate)
        #: Frames received.
        self.frames = 0

    def read(self, data: bytes) -> NDArray[np.float32]:
        """Return the samples that these bytes complete."""
        data = self._held + data
        whole = len(data) // self._frame * self._frame
        self._held = data[whole:]
        self.frames += whole // self._frame
        return self._resampler.push(self._decode(data[:whole]))

    def finish(self) -> NDArray[np.float32]:
        """Return the last samples, which were held back for what might have followed."""
        last = self._resampler.finish()
        self.clear()
        return last

    def clear(self) -> None:
        """Forget what is held back; bytes that follow begin anew."""
        self._held = b""
        self._resampler = Resampler(self.format.rate)

    def close(self) -> None:
        """Free the resampler: soxr would list on stderr what it still holds when Python ends."""
        self._resampler = Resampler(SAMPLE_RATE)

    def _decode(self, data: bytes) -> NDArray[np.float32]:
        if self.format.encoding == "pcm16":
            samples = np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
        else:
            samples = TABLES[self.format.encoding][np.frombuffer(data, np.uint8)]
        if self.format.channels == 1:
            return samples
        return mix_down(samples.reshape(-1, self.format.channels))


def _make_mu_law() -> NDArray[np.float32]:
    """Return what each byte stands for by ITU-T G.711's mu-law; full scale at 1.0."""
    code = ~np.arange(256, dtype=np.uint8)
    step = (code >> 4 & 7).astype(np.int32)
    value = ((((code & 15).astype(np.int32) << 3) + 132) << step) - 132
    return (np.where(code & 128, -value, value) / 32768).astype(np.float32)


def _make_a_law() -> NDArray[np.float32]:
    """Return the same by its A-law."""
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    step = (code >> 4 & 7).astype(np.int32)
    base = ((code & 15).astype(np.int32) << 4) + 8
    value = np.where(step == 0, base, (base + 256) << np.maximum(step - 1, 0))
    return (np.where(code & 128, value, -value) / 32768).astype(np.float32)


TABLES = {"pcmu": _make_mu_law(), "pcma": _make_a_law()}

"""Sound from a pipe: raw samples, or a WAV stream, as ffmpeg and sox write them.

No sound of a pipe is ever dropped: its writer waits until it was read.
"""

from __future__ import annotations

import os
import select
from collections import Counter

import numpy as np
import numpy.typing as npt

from nemocli.audio.decoder import PLAUSIBLE_RATES
from nemocli.audio.packed_formats import LOOKED_AT, recognize_packed
from nemocli.audio.samples import SAMPLE_BYTES, decode_samples
from nemocli.audio.source import LiveSource, ReadingSource
from nemocli.audio.wav_header import WavHeader, read_wav_header
from nemocli.errors import AudioError, UsageError

#: Encodings of raw samples, and how many channels they may have.
RAW_ENCODINGS = ("s16le", "f32le")
MAX_CHANNELS = 64

#: Kinds whose end ffmpeg may have to read first, which it cannot in a pipe.
SEEKING = ("MP4",)

#: How a WAV stream may begin.
WAV = (b"RIFF", b"RF64", b"BW64")

#: Seconds of sound that are read ahead.
MAX_AHEAD_S = 0.5

#: Times full scale above which samples are not sound in the encoding that was given.
MAX_AMPLITUDE = 1000.0

#: Bytes read at once, whatever a header says of channels and rate.
MAX_READ_BYTES = 1 << 20

#: Raw samples are judged in parts of so many seconds, the first ones, until some have a fault.
JUDGED_PART_S, JUDGED_PARTS, FAULTY_PARTS = 0.25, 40, 2

#: Mean squares that no sound in 16 bits has: in any case, and where neighbours are correlated less.
ANY_POWER = 0.5
NOISE_POWERS = ((0.035, 0.3), (0.14, 0.7))

#: Mean square that samples have at least where neighbours are compared.
COMPARED_POWER = 1e-6

#: What may be wrong with raw samples in 16 bits.
NOISE = (
    "stdin sounds like noise at full scale: does it hold s16le? Other samples are named by"
    " --encoding, or turned into these by 'ffmpeg -f FORM -i - -f s16le -ar 16000 -ac 1 -'."
)
ZEROS = (
    "every other sample on stdin is zero: does it hold 32-bit samples, or two channels? --channels"
    " says so; other samples are turned into these by"
    " 'ffmpeg -f s32le -i - -f s16le -ar 16000 -ac 1 -'."
)
TWINS = "every sample on stdin is there twice: does it hold two channels? --channels says so."

#: Seconds after which the reading thread looks whether it should stop.
READ_TIMEOUT_S = 0.1


def open_pcm(stream: int, rate: int, channels: int, encoding: str) -> LiveSource:
    """Open sound from a file descriptor; `rate`, `channels` and `encoding` are for raw samples.

    Waits for the first bytes: a WAV stream says in them what it holds. Raises UsageError for a
    terminal or an impossible rate, and AudioError for an empty pipe, a WAV of another kind, or
    sound that is packed.
    """
    if os.isatty(stream):
        raise UsageError(
            "'--input -' reads sound from a pipe, and stdin is a terminal: try"
            " 'ffmpeg -i talk.mp3 -f s16le -ar 16000 -ac 1 - | nemocli live --input -'."
        )
    if encoding not in RAW_ENCODINGS:
        known = " or ".join(RAW_ENCODINGS)
        raise UsageError(f"Raw samples on stdin are {known}, not {encoding!r}.")
    if rate not in PLAUSIBLE_RATES:
        raise UsageError(f"--rate must be from 1000 to 10000000 samples per second, not {rate}.")
    if not 1 <= channels <= MAX_CHANNELS:
        raise UsageError(f"--channels must be from 1 to {MAX_CHANNELS}, not {channels}.")
    try:
        first = read_first(stream, LOOKED_AT)
        kind = recognize_packed(first)
        if first[:4] in WAV and not kind:
            return _open_wav(stream, first)
    except OSError as error:
        raise AudioError(f"stdin cannot be read: {error.strerror}.") from None
    if not first:
        raise AudioError("Nothing came down the pipe on stdin: check the command before it.")
    if kind:
        raise AudioError(_explain_refusal(kind))
    return PipedSound(stream, WavHeader(rate, channels, encoding, None), first, is_raw=True)


def _open_wav(stream: int, first: bytes) -> LiveSource:
    held = bytearray(first[4:])

    def read(count: int) -> bytes:
        taken = bytes(held[:count])
        del held[:count]
        return taken + read_exactly(stream, count - len(taken))

    # BW64 is RF64 under a newer name.
    header = read_wav_header(first[:4].replace(b"BW64", b"RF64"), read)
    return PipedSound(stream, header, bytes(held))


def _explain_refusal(kind: str) -> str:
    if kind in SEEKING:
        command = "'ffmpeg -i FILE -f s16le -ar 16000 -ac 1 - | nemocli live --input -'"
        return (
            f"stdin holds {kind}, and '--input -' reads raw samples or WAV: use {command}, or"
            " '--input FILE'."
        )
    return (
        f"stdin holds {kind}, and '--input -' reads raw samples or WAV: put"
        " 'ffmpeg -i - -f s16le -ar 16000 -ac 1 -' and a pipe before nemocli."
    )


def read_first(stream: int, most: int) -> bytes:
    """Read at most `most` bytes, or what there is before the end, or before the writer pauses."""
    data = b""
    while len(data) < most and (not data or _is_readable(stream)):
        more = os.read(stream, most - len(data))
        if not more:
            break
        data += more
    return data


def read_exactly(stream: int, count: int) -> bytes:
    """Read `count` bytes, or what there is before the end."""
    data = b""
    while len(data) < count:
        more = os.read(stream, count - len(data))
        if not more:
            break
        data += more
    return data


class PipedSound(ReadingSource):
    """A source of frames as they come; an odd part of one at the end is left out."""

    def __init__(
        self, stream: int, header: WavHeader, first: bytes, *, is_raw: bool = False
    ) -> None:
        super().__init__("stdin", header.rate, header.channels, max_lag=None)
        self.encoding = header.encoding
        if is_raw:
            self.doubt = (
                f"loud sound gives hardly a word: does stdin hold {header.encoding},"
                f" {header.channels} channel(s), {header.rate} Hz? --encoding, --channels and"
                " --rate say so."
            )
        # Raw samples that are still to be judged, the parts that may be, and those with a fault.
        self._unjudged = b""
        self._parts_left = JUDGED_PARTS if is_raw and header.encoding == "s16le" else 0
        self._faulty_parts: Counter[str] = Counter()
        self._warning: str | None = None
        self._stream = stream
        self._frame_bytes = SAMPLE_BYTES[header.encoding] * header.channels
        self._held = first[: header.data_bytes]
        #: Bytes of sound to come; None if only the end of the stream tells.
        self._left = None if header.data_bytes is None else header.data_bytes - len(self._held)

    def close(self) -> None:
        self.stop()

    def to_frames(self, data: bytes | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        assert isinstance(data, bytes)
        return decode_samples(data, self.encoding, self.channels)

    def take_warning(self) -> str | None:
        warning, self._warning = self._warning, None
        return warning or super().take_warning()

    def put_all(self) -> None:
        ahead = round(MAX_AHEAD_S * self.rate)
        try:
            while not self._stopped.is_set():
                self._running.wait()
                if self.waiting > ahead:
                    self.taken.wait(READ_TIMEOUT_S)
                    self.taken.clear()
                elif not self._move():
                    break
        except OSError as error:
            raise AudioError(f"stdin cannot be read any further: {error.strerror}.") from None

    def _move(self) -> bool:
        """Move what is there from the pipe to the queue; return False at the end of the pipe."""
        is_ended = self._left == 0
        if not is_ended and _is_readable(self._stream):
            tenth = self._frame_bytes * self.rate // 10
            most = max(self._frame_bytes, min(tenth, MAX_READ_BYTES))
            new = os.read(self._stream, most if self._left is None else min(most, self._left))
            is_ended = not new
            self._held += new
            if self._left is not None:
                self._left -= len(new)
        frames = len(self._held) // self._frame_bytes
        if frames:
            whole = self._held[: frames * self._frame_bytes]
            self._held = self._held[len(whole) :]
            self._check(whole)
            self._judge(whole)
            self.put(whole, frames)
        return not is_ended

    def _check(self, data: bytes) -> None:
        """Raise AudioError for a sample that is not a number: it would spoil what follows."""
        if not self.encoding.startswith("f"):
            return
        samples = np.frombuffer(data, "<f4" if self.encoding == "f32le" else "<f8")
        if not (np.abs(samples) <= MAX_AMPLITUDE).all():
            raise AudioError(
                f"After {self.heard / self.rate:.1f} s, stdin holds samples that are no sound in"
                f" {self.encoding} (not numbers, or far beyond 1.0): check what writes them."
            )

    def _judge(self, data: bytes) -> None:
        """Say so if the first seconds are evidently no sound in 16 bits."""
        if not self._parts_left:
            return
        self._unjudged += data
        size = self._frame_bytes * max(2, round(JUDGED_PART_S * self.rate))
        while self._parts_left and len(self._unjudged) >= size:
            part, self._unjudged = self._unjudged[:size], self._unjudged[size:]
            self._parts_left -= 1
            fault = _find_fault(part, self.channels)
            if fault is None:
                continue
            self._faulty_parts[fault] += 1
            if self._faulty_parts[fault] == FAULTY_PARTS:
                self._parts_left = 0
                self._warning = fault


def _find_fault(data: bytes, channels: int) -> str | None:
    """Return what shows that 16-bit samples are something else; None if nothing does."""
    samples = np.frombuffer(data[: len(data) // 2 * 2], "<i2") / 32768
    if _is_noise(samples[::channels]):
        return NOISE
    if channels == 1 and np.square(samples).mean() > COMPARED_POWER:
        pairs = samples[: len(samples) // 2 * 2].reshape(-1, 2)
        fewest, most = sorted(np.count_nonzero(pairs, axis=0))
        if fewest == 0 and most > len(pairs) / 2:
            return ZEROS
        if np.array_equal(pairs[:, 0], pairs[:, 1]) and np.ptp(samples):
            return TWINS
    return None


def _is_noise(first: npt.NDArray[np.float64]) -> bool:
    """Tell whether the samples of a channel are noise near full scale.

    Sound of any kind changes little from one sample to the next; halves of longer samples, pairs of
    shorter ones, or bytes in the other order change much.
    """
    power = float(np.square(first).mean())
    correlation = float((first[1:] * first[:-1]).mean()) / max(power, 1e-12)
    return power > ANY_POWER or any(
        power > least and abs(correlation) < most for least, most in NOISE_POWERS
    )


def _is_readable(stream: int) -> bool:
    """Return whether bytes, or the end, are there within a short time."""
    try:
        return bool(select.select([stream], [], [], READ_TIMEOUT_S)[0])
    except (OSError, ValueError):  # not for this kind of file, or this system
        return True

"""Sound that comes while it is transcribed: a bounded queue between its producer and its reader.

The producer (a device's callback, a reading thread) appends blocks of frames and does no more; the
reader mixes them to mono and resamples them. When the queue is full, the oldest sound goes, and is
counted to the frame. Where sound is interrupted, a mark stands in the queue.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from nemocli.audio.antiphase import Mixer
from nemocli.audio.channels import describe_antiphase
from nemocli.audio.gain import RunningGain
from nemocli.audio.options import name_channel
from nemocli.audio.resample import Resampler

#: Seconds that a packet stands for at most, so that the reader can look at other things.
PACKET_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in the sound where it was interrupted: what follows does not go on from before."""

    #: The kind of the status event that is sent when the sound before the mark was transcribed.
    kind: str
    #: Frames that the source should have given here, and did not.
    gap: int = 0
    #: A sentence for a person; may be empty.
    message: str = ""


@dataclass(frozen=True, slots=True)
class Silence:
    """What stands for a gap where sound is recorded, so that its times are those of the text."""

    frames: int


@dataclass(frozen=True, slots=True)
class Packet:
    """Samples, float32 [n], 16 kHz mono."""

    samples: npt.NDArray[np.float32]
    #: Frames of the source that the samples stand for, and that were dropped just before them.
    frames: int
    lost: int
    #: What stands behind the samples.
    mark: Mark | None = None


@dataclass(frozen=True, slots=True)
class _Block:
    #: Number of the first frame on the source's clock, which counts what came and the gaps.
    position: int
    frames: int
    data: bytes | npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class _MarkedPlace:
    position: int
    mark: Mark


class LiveSource:
    """A source of live sound; made by `open_microphone`, `open_paced` or `open_pcm`.

    At any moment, heard == dropped + gaps + waiting + what `read` gave out, to the frame.
    """

    #: A sentence for a person, if nothing can be made of the sound: what may be wrong with it.
    doubt = ""

    #: Whether sound that comes during a pause is thrown away; else its producer has to wait.
    discards_in_pause = False

    def __init__(self, name: str, rate: int, channels: int, max_lag: float | None) -> None:
        #: Name of the device or the file, for messages.
        self.name = name
        #: Frames a second, and channels, as they come.
        self.rate, self.channels = rate, channels
        #: Frames on the source's clock, those that were dropped, and those that it did not give.
        self.heard = 0
        self.dropped = 0
        self.gaps = 0
        #: When the first frame was recorded, in seconds by a clock that all microphones share, and
        #: which stands still in pauses; None if that is not known.
        self.began_at: float | None = None
        #: Called with every block as it comes, also what is dropped later.
        self.tap: Callable[[bytes | npt.NDArray[np.float32] | Silence], None] | None = None
        self._given = 0
        self._read_up_to = 0
        self._is_paused = False
        # Blocks, and the marks between them.
        self._blocks: deque[_Block | _MarkedPlace] = deque()
        # Frames; a number that is too large for an integer is possible too.
        self._capacity = math.inf if max_lag is None else max_lag * rate
        self._came = threading.Event()
        #: Set whenever something was read.
        self.taken = threading.Event()
        # Held for a few operations only, so that a device's callback never waits for work.
        self._lock = threading.Lock()
        #: Applied to what `read` gives out.
        self.gain = RunningGain(None)
        self._mixer = Mixer(rate, ahead=False)
        self._is_cancel_reported = False
        self._resampler = Resampler(rate)
        self._producing = True
        self._flushed = False
        self._failure: Exception | None = None

    # ------------------------------------------------------------------ what a kind of source adds

    def start(self) -> None:
        """Begin to take in sound; a microphone that was started already goes on."""

    def pause(self) -> None:
        """Take in no sound from now on; what was said before is ended by that."""
        with self._lock:
            if not self._is_paused:
                self._is_paused = True
                self._mark(Mark("paused"))

    def resume(self) -> None:
        """Take in sound again."""
        with self._lock:
            if self._is_paused:
                self._mark(Mark("resumed"))
                self._is_paused = False

    def stop(self) -> None:
        """Take in no more; what waits can still be read."""
        self.end()

    def close(self) -> None:
        """Give back the device or the file."""

    def to_frames(self, data: bytes | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return what `put` was given as float32 [frames, channels], full scale at 1.0."""
        raise NotImplementedError

    @property
    def silence_advice(self) -> str | None:
        """A sentence, while there is nothing but digital silence; None otherwise."""
        return None

    # --------------------------------------------------------------------------------- the producer

    @property
    def drops_sound(self) -> bool:
        """Whether sound that waits for too long is dropped; otherwise all of it can wait."""
        return self._capacity != math.inf

    def put(self, data: bytes | npt.NDArray[np.float32], frames: int) -> None:
        """Add the next frames. Never blocks, never computes; to be called from one thread."""
        with self._lock:
            if not self._producing or (self._is_paused and self.discards_in_pause):
                return
            self._blocks.append(_Block(self.heard, frames, data))
            self.heard += frames
            while self._waiting > self._capacity:
                self._drop_oldest()
        tap = self.tap  # which another thread may take away
        if tap is not None:
            tap(data)
        self._came.set()

    def mark(self, mark: Mark) -> None:
        """Say that the sound is interrupted here."""
        with self._lock:
            self._mark(mark)

    def _mark(self, mark: Mark) -> None:
        if not self._producing:
            return
        self._blocks.append(_MarkedPlace(self.heard, mark))
        self.heard += mark.gap
        self.gaps += mark.gap
        tap = self.tap
        if tap is not None and mark.gap:
            tap(Silence(mark.gap))
        self._came.set()

    def _drop_oldest(self) -> None:
        """Drop a block; marks before it stay, since what they say is still so."""
        marks: list[_MarkedPlace] = []
        while isinstance(oldest := self._blocks.popleft(), _MarkedPlace):
            marks.append(oldest)
        self.dropped += oldest.frames
        self._blocks.extendleft(reversed(marks))

    def end(self, failure: Exception | None = None) -> None:
        """End the sound; `read` raises the failure when it has given out the rest."""
        with self._lock:
            if self._producing:
                self._failure = failure
            self._producing = False
        self._came.set()

    # ----------------------------------------------------------------------------------- the reader

    @property
    def waiting(self) -> int:
        """Frames that came and were neither dropped nor read."""
        with self._lock:
            return self._waiting

    @property
    def _waiting(self) -> int:
        return self.heard - self.gaps - self.dropped - self._given

    @property
    def ended(self) -> bool:
        """Nothing waits, and nothing will come."""
        return self._flushed and self._failure is None

    def read(self, timeout: float) -> Packet | None:
        """Return the oldest sound; None if none came within `timeout` seconds, or at the end.

        Raises what ended the sound early, once all that came before it was given out.
        """
        if not self._blocks and self._producing:
            self._came.wait(timeout)
        self._came.clear()
        taken, lost = self._take()
        self.taken.set()
        if isinstance(taken, Mark):
            return Packet(self._take_last_samples(), 0, lost, taken)
        if taken:
            return self._make_packet(taken, lost)
        if self._producing or self._blocks:
            return None
        if not self._flushed:
            self._flushed = True
            return Packet(self._take_last_samples(), 0, 0)
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        return None

    def take_warning(self) -> str | None:
        """Return a sentence about the sound that the user should know, once; None without one."""
        taken, since = self._mixer.taken, self._mixer.cancelled_from
        if taken is None or since is None or self._is_cancel_reported:
            return None
        self._is_cancel_reported = True
        return describe_antiphase(since, name_channel(taken, self.channels))

    def _take(self) -> tuple[list[_Block] | Mark, int]:
        """Return consecutive blocks of one packet or a mark, and the frames missing before them."""
        taken: list[_Block] = []
        room = PACKET_SECONDS * self.rate
        with self._lock:
            while self._blocks:
                block = self._blocks[0]
                if isinstance(block, _MarkedPlace):
                    if taken:
                        break
                    self._blocks.popleft()
                    lost = block.position - self._read_up_to
                    self._read_up_to = block.position + block.mark.gap
                    return block.mark, lost
                if taken and block.frames > room:
                    break
                self._blocks.popleft()
                taken.append(block)
                room -= block.frames
                self._given += block.frames
        if not taken:
            return [], 0
        lost = taken[0].position - self._read_up_to
        self._read_up_to = taken[-1].position + taken[-1].frames
        return taken, lost

    def _make_packet(self, blocks: list[_Block], lost: int) -> Packet:
        frames = np.concatenate([self.to_frames(block.data) for block in blocks])
        samples = self._resampler.push(self._mixer.push(frames))
        return Packet(self.gain.apply(samples), sum(block.frames for block in blocks), lost)

    def _take_last_samples(self) -> npt.NDArray[np.float32]:
        """Return what was held back for what might have followed; what follows begins anew."""
        held = self._resampler.push(self._mixer.finish())
        last = self.gain.apply(np.concatenate([held, self._resampler.finish()]))
        self._resampler = Resampler(self.rate)
        return last


class ReadingSource(LiveSource):
    """A source that a thread of its own reads, until there is no more or it is stopped."""

    def __init__(self, name: str, rate: int, channels: int, max_lag: float | None) -> None:
        super().__init__(name, rate, channels, max_lag)
        self._stopped = threading.Event()
        self._running = threading.Event()
        self._running.set()
        self._thread = threading.Thread(target=self._read_all, name=name, daemon=True)

    def put_all(self) -> None:
        """Put everything, minding `_running` and `_stopped`; what it raises ends the sound."""
        raise NotImplementedError

    def start(self) -> None:
        self._thread.start()

    def pause(self) -> None:
        self._running.clear()
        super().pause()

    def resume(self) -> None:
        super().resume()
        self._running.set()

    def stop(self) -> None:
        self._stopped.set()
        self._running.set()
        super().stop()

    def _read_all(self) -> None:
        try:
            self.put_all()
        except Exception as error:  # raised by `read`, in the thread that can tell a person
            self.end(error)
        self.end()

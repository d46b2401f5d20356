"""A microphone, by PortAudio, as a source of live sound that comes back after interruptions.

PortAudio's own thread calls back with blocks of sound. A thread of ours watches it: where no sound
comes any more, or the whole program was suspended, it opens the microphone again, with growing
pauses between its attempts. What was missing meanwhile is a gap on the source's clock.
"""

from __future__ import annotations

import atexit
import math
import sys
import threading
import time
from contextlib import ExitStack, suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from nemocli.audio.clock_with_sleep import read_clock_with_sleep
from nemocli.audio.device_stream import open_device_stream
from nemocli.audio.devices import Device, find_device, import_sounddevice, list_devices
from nemocli.audio.digital_silence import DigitalSilence
from nemocli.audio.microphone_choice import MicrophoneChoice
from nemocli.audio.native_messages import withhold_native_messages
from nemocli.audio.resample import Resampler
from nemocli.audio.samples import decode_samples
from nemocli.audio.source import LiveSource, Mark, Packet
from nemocli.audio.system_sound import find_system_sound
from nemocli.errors import AudioError, NemocliError
from nemocli.units import SAMPLE_RATE

#: Channels that are requested at most; they are mixed.
MAX_MICROPHONE_CHANNELS = 2

#: Seconds without a block after which a microphone is taken for gone, and after which what was
#: buffered meanwhile is not trusted: the program was suspended.
GONE_AFTER_S, STALE_AFTER_S = 2.0, 1.0

#: Seconds between two looks at it.
WATCH_INTERVAL_S = 0.1

#: Seconds between two attempts to open it again, which double up to the second.
FIRST_PAUSE_S, MAX_PAUSE_S = 0.25, 4.0

#: Seconds that one which could be opened is given for its first block; these double too.
FIRST_PATIENCE_S, MAX_PATIENCE_S = 3.0, 24.0

#: Seconds after which an absence is reported: a suspended program need not say a word.
REPORTED_AFTER_S = 0.5

#: Seconds that closing may take, such as where the sound server does not answer.
CLOSE_TIMEOUT_S = 1.0

#: Seconds by which the clock of a device may be late after a second: 0.5 ms is a very bad one.
MAX_DRIFT = 0.0005

#: The microphones that are open: a new look for devices would end the streams of all.
_open_microphones: set[Microphone] = set()


def open_microphone(requested: str | None, max_lag: float, wait_s: float) -> LiveSource:
    """Find a microphone; it is opened by `start`, and keeps at most `max_lag` seconds of sound.

    One that goes away is waited for, `wait_s` seconds at most. Raises UnsupportedError, AudioError
    or UsageError, as `list_devices` and `find_device` do.
    """
    return Microphone(requested, find_device(requested, list_devices()), max_lag, wait_s)


def open_system_sound(max_lag: float, wait_s: float) -> LiveSource:
    """Find what gives the sound that the machine plays; otherwise the same as `open_microphone`.

    Raises UnsupportedError or AudioError, as `find_system_sound` does.
    """
    device = find_system_sound()
    return Microphone(device.name, device, max_lag, wait_s)


class Microphone(LiveSource):
    """At the rate that it had first, in 16 bits."""

    encoding = "s16le"
    discards_in_pause = True

    def __init__(
        self, requested: str | None, device: Device, max_lag: float, wait_s: float
    ) -> None:
        channels = min(device.channels, MAX_MICROPHONE_CHANNELS)
        super().__init__(device.name, device.rate, channels, max_lag=max_lag)
        self._choice = MicrophoneChoice(requested, device)
        self._wait_s = wait_s
        self._stream: Any = None
        # Which of the streams that were opened one after the other is listened to.
        self._opened = 0
        self._withheld = ExitStack()
        # Whether PortAudio lost sound that was not taken in time, and whether that was reported.
        self._has_overflowed = self._is_overflow_reported = False
        self._silence = DigitalSilence((device.server_source or "").endswith(".monitor"))
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="microphone", daemon=True)
        # All of these under the lock. When the last block ended, and whether no block is trusted
        # until the microphone was opened again.
        self._last_block = 0.0
        self._is_stale = False
        # Whether its first block is still to come, and is there.
        self._is_awaited = False
        self._first_block = threading.Event()
        # Since when it has been away, whether that was reported, and since when sound is missing:
        # what comes during a pause would not be taken in anyway.
        self._away_since: float | None = None
        self._is_reported = False
        self._missing_since: float | None = None
        # Seconds of all pauses, and when the one that lasts began; when `began_at` was estimated.
        self._pauses_s, self._paused_at = 0.0, 0.0
        self._estimated_at = 0.0

    def start(self) -> None:
        if self._thread.ident is not None:
            return
        self._last_block = read_clock_with_sleep()
        _open_microphones.add(self)
        # Until it is closed: PortAudio's thread has words of its own for a device that goes away.
        self._withheld.enter_context(withhold_native_messages())
        try:
            self._open()
        except NemocliError:
            self._close_stream()
            raise
        self._thread.start()

    def pause(self) -> None:
        with self._lock:
            if not self._is_paused:
                self._paused_at = read_clock_with_sleep()
            if self._missing_since is not None and not self._is_paused:
                self._mark_gap(read_clock_with_sleep(), self.name, False)
        super().pause()

    def resume(self) -> None:
        with self._lock:
            if self._is_paused:
                self._pauses_s += read_clock_with_sleep() - self._paused_at
            if self._missing_since is None and self._away_since is not None:
                self._missing_since = read_clock_with_sleep()
                self._is_reported = False
        super().resume()

    def stop(self) -> None:
        self._stopped.set()
        super().stop()

    def close(self) -> None:
        _open_microphones.discard(self)
        self.stop()
        if self._thread.ident is not None:
            self._thread.join(CLOSE_TIMEOUT_S)
        if self._thread.is_alive():
            # It is stuck in PortAudio, and so would be what sounddevice does when Python ends.
            # Native messages stay withheld: libraries would complain of what could not be freed.
            atexit.unregister(sys.modules["sounddevice"]._exit_handler)
            self._withheld.pop_all()
        self._withheld.close()
        # PortAudio's callback, and with it all that it refers to, is never freed; soxr would list
        # on stderr what it still holds when Python ends.
        self._resampler = Resampler(SAMPLE_RATE)

    def to_frames(self, data: bytes | npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        assert isinstance(data, bytes)
        return decode_samples(data, self.encoding, self.channels)

    def read(self, timeout: float) -> Packet | None:
        self._report_absence()
        packet = super().read(timeout)
        if packet is not None and packet.frames:
            self._silence.count(packet)
        return packet

    def take_warning(self) -> str | None:
        if self._has_overflowed and not self._is_overflow_reported:
            self._is_overflow_reported = True
            return (
                f"{self.name} lost sound, since this machine was too busy to take it in time: words"
                " may be missing, now and later."
            )
        return super().take_warning()

    @property
    def silence_advice(self) -> str | None:
        advice = self._silence.find_advice(self.rate)
        return f"{self.name} gives nothing but digital silence: {advice}" if advice else None

    # ----------------------------------------------------------------------- PortAudio's own thread

    def _receive(self, opened: int, data: bytes, frames: int, seconds: float) -> None:
        """Take in a block of the stream that was opened as number `opened`.

        It took `seconds` to record; where it is resampled, its frames may come with the next one.
        """
        now = read_clock_with_sleep()
        with self._lock:
            if opened != self._opened:
                return  # a stream that is being closed
            if self._is_awaited:
                self._is_awaited = False
                self._away_since = None
                # Another device may have come in place of the default one.
                device = self._choice.device
                is_other = device.name not in (self.name, "")
                what = f"{self.name} is back"
                if is_other:
                    self.name = device.name
                    what = f"the microphone is {self.name} now"
                self._mark_gap(now - seconds, what, is_other or self._is_reported)
                self._first_block.set()
            elif now - self._last_block > STALE_AFTER_S:
                self._is_stale = True
            if self._is_stale:
                return
            self._last_block = now
        if frames:
            self.put(data, frames)
            self._estimate_begin(now)

    def _estimate_begin(self, now: float) -> None:
        """Estimate when the first frame was recorded, from a block that ended about now.

        Blocks come too late and never too early, so the earliest estimate is the best one; it moves
        slowly with a device whose clock is late.
        """
        with self._lock:
            if self._is_paused:
                return
            began = now - self._pauses_s - self.heard / self.rate
            if self.began_at is not None:
                drift = MAX_DRIFT * max(0.0, now - self._estimated_at)
                began = min(began, self.began_at + drift)
            self.began_at, self._estimated_at = began, now

    def _mark_gap(self, until: float, what: str, is_news: bool) -> None:
        """Count what was missing, up to a time; the lock is held.

        `what` begins the message, which is sent, where nothing was missing, only if it is news.
        """
        if self._missing_since is None:
            if is_news:
                self._mark(Mark("gap", message=what))
            return
        seconds = max(0.0, until - self._missing_since)
        self._missing_since = None
        message = f"{what}: {seconds:.1f} s were not heard"
        self._mark(Mark("gap", round(seconds * self.rate), message))

    # ------------------------------------------------------------------------------- our own thread

    def _watch(self) -> None:
        try:
            # The first block may take its time: a Bluetooth headset has to change its mode.
            is_there = self._wait_for_block(FIRST_PATIENCE_S)
            while not self._stopped.wait(WATCH_INTERVAL_S):
                is_gone = not is_there or self._is_gone() or self._choice.has_other_default()
                if is_gone and not self._bring_back():
                    break
                is_there = True
        except Exception as error:  # raised by `read`, in the thread that can tell a person
            self.end(error)
        finally:
            self._close_stream()

    def _is_gone(self) -> bool:
        with self._lock:
            late = read_clock_with_sleep() - self._last_block
            if self._is_stale or late > GONE_AFTER_S:
                return True
        return not self._stream.active or self._choice.is_replaced()

    def _report_absence(self) -> None:
        """Say that it is away, and give up in the end, whatever the thread that opens it does."""
        with self._lock:
            if self._away_since is None:
                return
            away = time.monotonic() - self._away_since
            if away > REPORTED_AFTER_S and not self._is_reported:
                self._is_reported = True
                self._mark(Mark("waiting", message=self._describe_waiting()))
            is_over = away > max(self._wait_s, FIRST_PATIENCE_S)
        if is_over:
            self.end(AudioError(self._describe_gone()))

    def _bring_back(self) -> bool:
        """Open it again until sound comes; False if the source ended before."""
        with self._lock:
            self._missing_since = None if self._is_paused else self._last_block
            self._away_since, self._is_reported = time.monotonic(), False
        pause, patience = FIRST_PAUSE_S, FIRST_PATIENCE_S
        while self._producing:
            self._close_stream()
            if self._open_again():
                if self._wait_for_block(patience):
                    return True
                patience = min(2 * patience, MAX_PATIENCE_S)
                if self._stream.active:
                    continue
            self._stopped.wait(pause)
            pause = min(2 * pause, MAX_PAUSE_S)
        return False

    def _wait_for_block(self, seconds: float) -> bool:
        """Wait for the first block, or the end of the source."""
        until = time.monotonic() + seconds
        while self._producing:
            if self._first_block.wait(WATCH_INTERVAL_S):
                return True
            if time.monotonic() >= until or not self._stream.active:
                return False
        return False

    def _open_again(self) -> bool:
        sounddevice = import_sounddevice()
        try:
            if _open_microphones <= {self}:
                # PortAudio looks only then which devices there are.
                with suppress(sounddevice.PortAudioError):
                    sounddevice._terminate()
                sounddevice._initialize()
            self._choice.find_again()
            self._open()
        except (NemocliError, sounddevice.PortAudioError):
            self._close_stream()
            return False
        return True

    def _open(self) -> None:
        """Open the device and start it; AudioError if that cannot be."""
        self._choice.note_default()
        with self._lock:
            self._opened += 1
            opened = self._opened
            self._is_awaited, self._is_stale = True, False
            self._first_block.clear()

        def receive(data: bytes, frames: int, seconds: float, has_overflowed: bool) -> None:
            self._has_overflowed |= has_overflowed
            self._receive(opened, data, frames, seconds)

        self._stream = open_device_stream(
            self.name, self._choice.device, self.rate, self.channels, receive
        )

    def _close_stream(self) -> None:
        with self._lock:
            self._opened += 1  # from here on, its blocks are not taken
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close(ignore_errors=True)

    def _describe_waiting(self) -> str:
        limit = "" if math.isinf(self._wait_s) else f", {self._wait_s:g} s at most"
        return f"{self.name} gives no sound: waiting for it{limit}"

    def _describe_gone(self) -> str:
        return (
            f"The microphone {self.name!r} stopped giving sound: was it unplugged?"
            " Everything heard before is kept. 'nemocli live --list-devices' lists what"
            " is connected."
        )

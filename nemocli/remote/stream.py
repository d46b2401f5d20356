"""A live stream whose model is on a server: sound goes there, and events come from there."""

import base64
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from nemocli.boosting.phrases import Phrase, Phrases, parse_line
from nemocli.errors import NemocliError, UsageError
from nemocli.live.clock import SoundClock
from nemocli.live.loudness import Loudness
from nemocli.live.stream import StreamEvent, StreamLimits
from nemocli.remote.connection import (
    EMPTY_COMMIT,
    PHRASES_REFUSED,
    TRANSCRIPTION,
    EventConnection,
)
from nemocli.remote.model import RemoteModel
from nemocli.remote.phrases import explain_refused_phrases
from nemocli.remote.words import estimate_words, read_words
from nemocli.transcript.events import Final, Partial
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word
from nemocli.units import SAMPLE_RATE

#: The rate that other servers than ours are sent.
USUAL_RATE = 24000

#: Events by which a server takes settings.
UPDATED = ("session.updated", "transcription_session.updated")

#: Seconds to wait for the settings to be taken, for the last text, and for a send.
SETTINGS_TIMEOUT_S, LAST_TEXT_TIMEOUT_S = 20.0, 30.0


class RemoteStream:
    """The same as a LiveStream for those who feed it: sound in, events out.

    Resets and rescues are the server's. Raises NemocliError if the connection ends.
    """

    def __init__(
        self,
        model: RemoteModel,
        lang: str,
        limits: StreamLimits,
        phrases: Phrases | None = None,
    ) -> None:
        self._model = model
        # The phrases that the server has, and those that it was sent last.
        self._accepted = self._phrases = phrases or Phrases(())
        self._lang = model.resolve_language(lang)
        self._limits = limits
        self._rate = SAMPLE_RATE if model.is_ours else USUAL_RATE
        self._resampler = self._make_resampler()
        self._loudness = Loudness()
        self._clock = SoundClock(0.0)
        # Samples at 16 kHz that were sent, and at the last end of a turn.
        self._sent = self._turn_began = 0
        self._next_id = 0
        self._language: str | None = None
        # What the settings that were sent last change: the kind of events with warnings of them.
        self._changed = "language"
        self._warnings: list[str] = []
        # The turn that grows: its text, and its start in seconds of the sound that was sent.
        self._text = ""
        self._start: float | None = None
        self._end: float | None = None
        self._connection = EventConnection(model.address)
        try:
            self._configure()
        except NemocliError:
            self._connection.close()
            raise

    def _configure(self) -> None:
        """Send the settings, and wait until they are taken."""
        self._connection.send("session.update", session=self._describe_session())
        until = time.monotonic() + SETTINGS_TIMEOUT_S
        while (event := self._connection.receive(until - time.monotonic())) is not None:
            self._warnings += _read_warnings(event)
            if event.get("type") in UPDATED:
                return
            if event.get("type") == PHRASES_REFUSED:
                raise NemocliError(self._explain_phrases(event))
        raise NemocliError(f"The server {self._model.address} does not answer.")

    def _make_resampler(self) -> "soxr.ResampleStream | None":
        if self._rate == SAMPLE_RATE:
            return None
        return soxr.ResampleStream(SAMPLE_RATE, self._rate, 1, dtype="float32")

    def _describe_session(self) -> dict[str, Any]:
        transcription: dict[str, Any] = {"model": self._model.name}
        if self._phrases:
            transcription["keywords"] = [phrase.text for phrase in self._phrases.phrases]
        if self._lang != "auto":
            name = self._lang if self._model.is_ours else self._lang.partition("-")[0]
            transcription["language"] = name
        return {
            "type": "transcription",
            "audio": {
                "input": {
                    "format": {"type": "audio/pcm", "rate": self._rate},
                    "transcription": transcription,
                    "turn_detection": {
                        "type": "server_vad",
                        "silence_duration_ms": round(1000 * self._limits.endpoint),
                    },
                }
            },
        }

    # ------------------------------------------------------------------- what a LiveStream has, too

    @property
    def lang(self) -> str:
        """The requested language; a new one takes effect soon."""
        return self._lang

    @lang.setter
    def lang(self, requested: str) -> None:
        self._lang = self._model.resolve_language(requested)
        self._changed = "language"
        self._connection.send("session.update", session=self._describe_session())

    @property
    def language(self) -> str | None:
        """The requested language, or the one that the server named last if that is `auto`."""
        return self._language if self._lang == "auto" else self._lang

    def resolve_language(self, lang: str) -> str:
        """Return the name of a language for the server; UsageError for a text that is not one."""
        return self._model.resolve_language(lang)

    def warn_of_language(self, lang: str) -> str | None:
        """Return None: the server warns of a language, when it is sent."""
        return None

    def check_phrase(self, line: str) -> Phrase:
        """Return a phrase as it would be added.

        UsageError for a text that cannot be one, or has a weight.
        """
        phrase = parse_line(line)
        if phrase.weight != 1:
            raise UsageError(
                "Servers take no weights of phrases: leave out the tab and the weight."
            )
        return phrase

    def add_phrase(self, phrase: Phrase) -> None:
        """Ask the server to prefer one more phrase. If it refuses, an event says so."""
        self._phrases = self._phrases.adding([phrase])
        self._changed = "phrase"
        self._connection.send("session.update", session=self._describe_session())

    @property
    def is_senseless(self) -> bool:
        """False: a server does not say whether it finds no words in loud sound."""
        return False

    @property
    def level(self) -> float:
        """Level of the last sound, in dB of full scale."""
        return self._loudness.level

    def receive(
        self, samples: NDArray[np.float32], lost: float = 0.0
    ) -> Iterator[Partial | Final | StreamEvent]:
        """Send the next samples, float32 [n] at 16 kHz; give what came meanwhile."""
        if lost:
            self._clock.skip(self._sent / SAMPLE_RATE, lost)
        self._loudness.measure(samples)
        self._send_samples(samples)
        yield from self._take_events()

    def wait(self, seconds: float) -> Iterator[Partial | Final | StreamEvent]:
        """Give what came while no sound did; the server decides what a pause is."""
        yield from self._take_events()

    def interrupt(self, gap: float = 0.0) -> Iterator[Partial | Final | StreamEvent]:
        """End what was said; `gap` seconds are missing behind it."""
        yield from self._end_turn()
        if gap:
            self._clock.skip(self._sent / SAMPLE_RATE, gap)

    def finish(self) -> Iterator[Partial | Final | StreamEvent]:
        """End the sound, and wait for its last text."""
        try:
            yield from self._end_turn()
        finally:
            self._connection.close()

    # --------------------------------------------------------------------------------- the protocol

    def _send_samples(self, samples: NDArray[np.float32], last: bool = False) -> None:
        self._sent += len(samples)
        if self._resampler is not None:
            samples = self._resampler.resample_chunk(samples, last=last)
        pcm = np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2").tobytes()
        if pcm:
            audio = base64.b64encode(pcm).decode("ascii")
            self._connection.send("input_audio_buffer.append", audio=audio)

    def _take_events(self) -> Iterator[Partial | Final | StreamEvent]:
        warnings, self._warnings = self._warnings, []
        for text in warnings:
            yield StreamEvent("language", 0.0, text)
        while (event := self._connection.receive(0.0)) is not None:
            yield from self._follow(event)

    def _end_turn(self) -> Iterator[Partial | Final | StreamEvent]:
        """End what was said, and wait for its text."""
        if self._resampler is not None:
            self._send_samples(np.zeros(0, np.float32), last=True)
            self._resampler = self._make_resampler()
        yield from self._take_events()
        if not self._text and not self._model.is_ours and self._sent == self._turn_began:
            return
        self._connection.send("input_audio_buffer.commit")
        last = f"{TRANSCRIPTION}completed"
        if self._model.is_ours:  # its answer comes behind everything that was said before
            self._connection.send("input_audio_buffer.clear")
            last = "input_audio_buffer.cleared"
        until = time.monotonic() + LAST_TEXT_TIMEOUT_S
        while (event := self._connection.receive(until - time.monotonic())) is not None:
            yield from self._follow(event)
            # Without sound since it ended the turn itself, a server has nothing to commit.
            if event.get("type") in (last, EMPTY_COMMIT):
                return
        raise NemocliError(f"The server {self._model.address} did not send the last text.")

    def _follow(self, event: dict[str, Any]) -> Iterator[Partial | Final | StreamEvent]:
        kind = event.get("type")
        if kind == PHRASES_REFUSED:
            self._phrases = self._accepted
            yield StreamEvent("phrase", 0.0, self._explain_phrases(event))
        elif kind in UPDATED:
            self._accepted = self._phrases
            for text in _read_warnings(event):
                yield StreamEvent(self._changed, 0.0, text)
        elif kind == "input_audio_buffer.speech_started":
            self._start = _read_seconds(event.get("audio_start_ms"))
        elif kind == "input_audio_buffer.speech_stopped":
            self._end = _read_seconds(event.get("audio_end_ms"))
        elif kind == f"{TRANSCRIPTION}delta" and isinstance(event.get("delta"), str):
            self._text += event["delta"]
            if self._start is None:
                self._start = self._sent / SAMPLE_RATE
            words = self._move_to_clock(
                estimate_words(self._text, self._start, self._measure_sent())
            )
            if words:
                yield Partial(Segment(self._next_id, words, self.language), self.language)
        elif kind == f"{TRANSCRIPTION}completed":
            yield from self._complete(event)

    def _complete(self, event: dict[str, Any]) -> Iterator[Final]:
        languages = event.get("languages")
        if isinstance(languages, list) and languages and isinstance(languages[0], dict):
            self._language = str(languages[0].get("locale") or languages[0].get("code"))
        text = event.get("transcript")
        text = text if isinstance(text, str) else self._text
        start = self._measure_sent() if self._start is None else self._start
        end = self._measure_sent() if self._end is None else max(self._end, start)
        groups = _read_segments(event.get("segments")) or [estimate_words(text, start, end)]
        for words in groups:
            if words:
                segment = Segment(self._next_id, self._move_to_clock(words), self.language)
                self._next_id += 1
                yield Final(segment, self.language)
        self._text, self._start, self._end = "", None, None
        self._turn_began = self._sent

    def _explain_phrases(self, event: dict[str, Any]) -> str:
        error = event["error"]
        return explain_refused_phrases(self._model, error) or str(error.get("message"))

    def _measure_sent(self) -> float:
        return self._sent / SAMPLE_RATE

    def _move_to_clock(self, words: tuple[Word, ...]) -> tuple[Word, ...]:
        return tuple(
            replace(
                word,
                start=self._clock.locate(word.start),
                end=max(self._clock.locate(word.start), self._clock.locate_end(word.end)),
            )
            for word in words
        )


def _read_segments(values: Any) -> list[tuple[Word, ...]] | None:
    """Return the words of each segment, as `nemocli serve` sends them; None without all of them."""
    if not isinstance(values, list) or not values:
        return None
    groups = [read_words(each.get("words")) for each in values if isinstance(each, dict)]
    found = [group for group in groups if group]
    return found if len(found) == len(values) else None


def _read_warnings(event: dict[str, Any]) -> list[str]:
    warnings = event.get("warnings")
    return [str(text) for text in warnings] if isinstance(warnings, list) else []


def _read_seconds(milliseconds: Any) -> float | None:
    is_number = isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool)
    return milliseconds / 1000 if is_number else None

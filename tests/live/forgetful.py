"""Stands in for a model: bursts of sound are words, and each session forgets some, by a rule."""

import numpy as np

from nemocli.transcript.types import Token, Transcript, Update, Word

FRAME = 1280

#: What ends a burst: the model is sure of a word only in silence.
QUIET_FRAMES = 2


class ForgetfulTranscriber:
    """Makes sessions that write a word for each burst, named by its loudness.

    `remembers` is called with the number of the burst in its session, from 0, and returns whether
    the session writes it. A word comes `delay` frames after its burst.
    """

    def __init__(self, remembers, delay=2):
        self.remembers, self.delay = remembers, delay
        self.sessions = []

    def warn_of_language(self, lang):
        return None

    def resolve_language(self, lang):
        return lang

    def session(self, lang, **options):
        self.sessions.append(ForgetfulSession(self.remembers, self.delay))
        return self.sessions[-1]


class ForgetfulSession:
    def __init__(self, remembers, delay):
        self._remembers, self._delay = remembers, delay
        self._rest = np.zeros(0, np.float32)
        self._burst, self._quiet, self._bursts, self._peak = None, 0, 0, 0.0
        self._waiting = []
        self._last = Update((), (), (), "en-US", 0.0)
        self.frames, self.last_token_frame = 0, None
        self.samples = 0

    def feed(self, samples):
        self.samples += len(samples)
        sound = np.concatenate([self._rest, samples])
        whole = len(sound) // FRAME
        self._rest = sound[whole * FRAME :]
        for frame in sound[: whole * FRAME].reshape(whole, FRAME):
            self._take(float(np.abs(frame).max()))
        return self._update(self.frames)

    def feed_silence(self, samples):
        return self.feed(np.zeros(samples, np.float32))

    def flush(self):
        last, self._last = self._last, Update((), (), (), "en-US", 0.0)
        return last

    def finish(self):
        self._end_burst()
        self.frames += 1
        self._last = self._update(self.frames + 100)
        return Transcript(self._last.final, self._last.tokens, "en-US")

    def _take(self, peak):
        self.frames += 1
        if peak > 0.05:
            self._burst = self.frames - 1 if self._burst is None else self._burst
            self._peak, self._quiet = max(self._peak, peak), 0
            return
        self._quiet += 1
        if self._quiet >= QUIET_FRAMES:
            self._end_burst()

    def _end_burst(self):
        if self._burst is None:
            return
        if self._remembers(self._bursts):
            self._waiting.append((name(self._peak), self._burst, self.frames + self._delay))
        self._bursts += 1
        self._burst, self._peak = None, 0.0

    def _update(self, until):
        words, tokens = [], []
        while self._waiting and self._waiting[0][2] <= until:
            text, frame, due = self._waiting.pop(0)
            self.last_token_frame = min(due, self.frames) - 1
            words.append(Word(text, frame * 0.08, self.last_token_frame * 0.08 + 0.08, 1.0))
            tokens.append(Token(1, text, self.last_token_frame, 1.0))
        growing = ()
        if self._burst is not None and self._remembers(self._bursts):
            growing = (Word(name(self._peak), self._burst * 0.08, self.frames * 0.08, 1.0),)
        return Update(tuple(words), growing, tuple(tokens), "en-US", 0.0)


def name(peak):
    return f"w{round(100 * peak)}"


def burst(number, seconds):
    """Return the sound of word `number`, 10 to 90."""
    return np.full(round(16000 * seconds), number / 100, np.float32)

"""Conversations of synthetic voices: who says which clip when, as log-mel features with labels.

Why it exists: training needs windows of endless different conversations, and evaluation whole ones
with other voices; both are to be held in the same manner.

Nothing to run: train.py and evaluate.py use it. Times are rows of 10 ms; eight rows are one frame.
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from voices import MELS, Voice, differ

ROWS = 8  # mel rows of a frame
MAX_SPEAKERS = 4
FLOOR_POWER = 2.0**-24  # of digital silence, in a log-mel

ONE_LANGUAGE = 0.7  # share of the conversations
INTERRUPTIONS, PAUSES, INTERJECTIONS = 0.2, 0.1, 0.06  # shares of the turns


@dataclass(frozen=True)
class Utterance:
    """A clip in a conversation."""

    speaker: int  # of the conversation, before they are sorted by arrival
    clip: int
    start: int


def choose_voices(rng: random.Random, voices: list[Voice], count: int) -> list[int]:
    """Numbers of voices that a listener can tell apart, mostly of one language."""
    numbers = list(range(len(voices)))
    chosen = [rng.choice(numbers)] if count else []
    one_language = rng.random() < ONE_LANGUAGE
    while len(chosen) < count:
        number = rng.choice(numbers)
        same = voices[number].language == voices[chosen[0]].language
        if all(differ(voices[number], voices[c]) for c in chosen) and (same or not one_language):
            chosen.append(number)
    return chosen


def hold_conversation(
    rng: random.Random, clips: list[list[int]], lengths: list[int], rows: int
) -> list[Utterance]:
    """Let speakers take turns, with pauses, interruptions and interjections.

    clips: the numbers of each speaker's clips; lengths: rows of every clip. Somebody else has the
    next turn; who, is drawn by how talkative each is. All speak who can be heard in that time.
    """
    if not clips:
        return []
    talkative = [rng.uniform(0.3, 1.0) for _ in clips]
    silent_until = [0] * len(clips)
    said: list[Utterance] = []

    def speak(speaker: int, at: int) -> int:
        clip = rng.choice(clips[speaker])
        start = max(at, silent_until[speaker])
        said.append(Utterance(speaker, clip, start))
        silent_until[speaker] = start + lengths[clip] + 10
        return start + lengths[clip]

    at, speaker = rng.randint(10, 200), rng.randrange(len(clips))
    while at < rows:
        begun = at
        for _ in range(rng.choice((1, 1, 1, 2, 2, 3))):
            end = speak(speaker, at)
            at = end + rng.randint(5, 60)
        others = [s for s in range(len(clips)) if s != speaker]
        if others and rng.random() < INTERJECTIONS:
            speak(rng.choice(others), rng.randint(begun + 30, end))
        kind = rng.random()
        if kind < INTERRUPTIONS:
            at = max(begun + 40, end - rng.randint(10, 110))
        elif kind < INTERRUPTIONS + PAUSES:
            at = end + rng.randint(100, 350)
        else:
            at = end + rng.randint(0, 80)
        if others and rng.random() < 0.9:
            (speaker,) = rng.choices(others, [talkative[s] for s in others])
    return said


def sort_by_arrival(active: np.ndarray) -> np.ndarray:
    """Order of the speakers of labels [rows, speakers] by their first row; the silent ones last."""
    firsts = np.where(active.any(0), active.argmax(0), len(active))
    return np.argsort(firsts, kind="stable")


class ClipStore:
    """The clips of a work folder."""

    def __init__(self, work: Path) -> None:
        self.mel = np.load(work / "mel.npy", mmap_mode="r")
        self.active = np.load(work / "active.npy")
        self.noise = np.load(work / "noise.npy")
        self.voices = [Voice(**v) for v in json.loads((work / "voices.json").read_text())]
        described = json.loads((work / "clips.json").read_text())
        self.starts = [clip["row"] for clip in described]
        self.lengths = [clip["rows"] for clip in described]
        self.of_voice: list[list[int]] = [[] for _ in self.voices]
        for number, clip in enumerate(described):
            self.of_voice[clip["voice"]].append(number)


class Conversation:
    """A conversation whose features are computed only where they are asked for."""

    def __init__(self, store: ClipStore, rng: random.Random, speakers: int, rows: int) -> None:
        self._store, self._rng = store, rng
        chosen = choose_voices(rng, store.voices, speakers)
        clips = [store.of_voice[voice] for voice in chosen]
        self._said = [
            u for u in hold_conversation(rng, clips, store.lengths, rows) if u.start < rows
        ]
        active = np.zeros((rows, MAX_SPEAKERS), bool)
        for said in self._said:
            part = active[said.start : said.start + store.lengths[said.clip], said.speaker]
            part |= self._slice(store.active, said.clip)[: len(part)]
        order = sort_by_arrival(active)
        #: Who speaks in each row, bool [rows, MAX_SPEAKERS], by arrival.
        self.active = active[:, order]
        #: Numbers of the voices, by arrival; -1 where there are fewer.
        self.voices = [chosen[speaker] if speaker < speakers else -1 for speaker in order]
        level = rng.uniform(-6.0, 1.0)  # natural logarithms of power, as all below
        self._gains = [level + rng.uniform(-1.6, 0.0) for _ in range(speakers)]
        self._noises = self._draw_noises(level)
        bands = np.linspace(0, np.pi, MELS)
        self._colour = sum(
            rng.uniform(-0.5, 0.5) * np.cos(k * bands + rng.uniform(0, 6)) for k in (1, 2, 3)
        ).astype(np.float32)

    def _draw_noises(self, level: float) -> list[tuple[np.ndarray, float, int]]:
        """Backgrounds with their gains, and where each begins."""
        noises, rng = [], self._rng
        if rng.random() < 0.8:
            below = rng.uniform(2.5, 9.0)  # 11 to 39 dB below speech
            noises.append((self._store.noise[rng.randrange(4)], level - 5.0 - below))
        if rng.random() < 0.15:
            noises.append((self._store.noise[rng.randrange(4, 7)], level - rng.uniform(9.0, 13.0)))
        return [(noise, gain, rng.randrange(len(noise))) for noise, gain in noises]

    def _slice(self, array: np.ndarray, clip: int) -> np.ndarray:
        start = self._store.starts[clip]
        return array[start : start + self._store.lengths[clip]]

    def render(self, rows: np.ndarray) -> np.ndarray:
        """Log-mel features of some rows, float32 [len(rows), 128]."""
        power = np.full((len(rows), MELS), FLOOR_POWER, np.float32)
        for noise, gain, begin in self._noises:
            power += np.exp(noise[(rows + begin) % len(noise)] + np.float32(gain))
        for said in self._said:
            at = rows - said.start
            inside = np.flatnonzero((at >= 0) & (at < self._store.lengths[said.clip]))
            if len(inside):
                mel = self._slice(self._store.mel, said.clip)[at[inside]].astype(np.float32)
                mel += self._colour + np.float32(self._gains[said.speaker])
                power[inside] += np.exp(mel)
        return np.log(power)

"""Hold the conversation that is bundled: three voices, no overlaps, every word and speaker known.

Why it exists: examples and tests want a recording in which it is known who says which word. Both
demo models get all of it right; it was chosen for that, and says nothing about their accuracy.

Run `python conversation_clip.py --out ../../assets/clips` (needs espeak-ng and nemocli, which needs
both demo models). Sentences are held out from the training of both models, and so are the voices of
the first two speakers.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

sys.path.append(str(Path(__file__).parents[1] / "demo"))

from clips import round_to_16_bits
from features import log_mel
from grammar import held_out, sentence, written
from model import LOOKAHEADS
from synthesize import RATE, Espeak, make_clip
from word_times import WordTimes

import nemocli
from nemocli.diarization.transcripts import add_speakers
from nemocli.models.load_diarizer import load_diarizer
from nemocli.models.word_delays import find_word_delay

NAME = "conversation"
LANGUAGE = "en-US"
#: Variant of espeak-ng, and its speed, pitch and intonation, of each speaker.
SPEAKERS = (("m7", (165, 30, 45)), ("f4", (175, 60, 60)), ("m3", (155, 72, 50)))
SENTENCES, SECONDS = 26, 66.0
MOST_ATTEMPTS = 200


@dataclass
class Conversation:
    """Sound, and its words: text, start and end in seconds, and the speaker's number."""

    audio: np.ndarray
    words: list[tuple[str, float, float, int]]
    texts: list[tuple[int, str]]


def hold(espeak: Espeak, times: WordTimes, seed: int) -> Conversation:
    """Let the speakers take turns of one or two sentences; no sentence is said twice."""
    rng, said = random.Random(f"conversation {seed}"), set[str]()
    parts, words, texts, at, speaker = [np.zeros(RATE // 2, np.float32)], [], [], RATE // 2, 0
    while len(texts) < SENTENCES and at < SECONDS * RATE:
        for _ in range(rng.choice((1, 1, 2))):
            while True:
                drawn = sentence(LANGUAGE, rng)
                text = written(drawn)
                if held_out(text) and text not in said:
                    break
            said.add(text)
            variant, manner = SPEAKERS[speaker]
            clip = make_clip(espeak, LANGUAGE, drawn, variant, rng, manner)
            words += [
                (word, round(at / RATE + start, 3), round(at / RATE + end, 3), speaker)
                for word, start, end in times.of(clip)
            ]
            texts.append((speaker, text))
            parts.append(clip.audio)
            at += len(clip.audio)
        # the second speaker comes second, and all speak soon
        others = [s for s in range(len(SPEAKERS)) if s != speaker]
        known = len({s for s, _ in texts})
        speaker = known if known < len(SPEAKERS) else rng.choice(others)
    return Conversation(round_to_16_bits(np.concatenate(parts)), words, texts)


def choose(judge: Callable[[Conversation], str | None]) -> Conversation:
    """Return the first conversation that both models get right."""
    espeak, times = Espeak(), WordTimes()
    for seed in range(MOST_ATTEMPTS):
        conversation = hold(espeak, times, seed)
        wrong = judge(conversation)
        print(f"{seed}: {wrong or 'right'}", flush=True)
        if wrong is None:
            return conversation
    raise SystemExit(f"None of {MOST_ATTEMPTS} conversations is right.")


def write(conversation: Conversation, folder: Path) -> None:
    """Write the sound and its truth."""
    soundfile.write(folder / f"{NAME}.flac", conversation.audio, RATE, subtype="PCM_16")
    about = {
        "file": f"{NAME}.flac",
        "lang": LANGUAGE,
        "voices": [f"en-us+{variant}" for variant, _ in SPEAKERS],
        "text": " ".join(text for _, text in conversation.texts),
    }
    head = json.dumps(about, ensure_ascii=False, indent=2).removesuffix("\n}")
    rows = ",\n".join(f"    {json.dumps(word, ensure_ascii=False)}" for word in conversation.words)
    (folder / f"{NAME}.json").write_text(
        f'{head},\n  "words": [\n{rows}\n  ]\n}}\n', encoding="utf-8"
    )


class Judge:
    """Both models: they must get every word and every speaker right, in every mode."""

    def __init__(self, diarizer: str) -> None:
        self._transcribers = {n: nemocli.load("demo", lookahead=n) for n in LOOKAHEADS}
        self._diarizer = load_diarizer(diarizer)

    def __call__(self, conversation: Conversation) -> str | None:
        """What is wrong; None if nothing is."""
        sound = conversation.audio.astype(np.float32)
        expected = " ".join(text for _, text in conversation.texts)
        transcripts = {}
        for lookahead, transcriber in self._transcribers.items():
            for lang in (LANGUAGE, "auto"):
                session = transcriber.session(lang=lang)
                session.feed(sound)
                transcript = session.finish()
                if transcript.text != expected:
                    return f"words at lookahead {lookahead}, {lang}"
                transcripts[lookahead] = transcript
        rows = log_mel(sound).numpy()
        speakers = [speaker for *_, speaker in conversation.words]
        for mode in self._diarizer.modes:
            stream = self._diarizer.begin(mode)
            found = np.concatenate([stream.feed(rows), stream.finish()])
            for lookahead, transcript in transcripts.items():
                delay_s = find_word_delay(self._transcribers[lookahead].revision, lookahead)
                words = add_speakers(transcript, found, delay_s=delay_s).words
                given = [word.speaker and word.speaker.number for word in words]
                wrong = sum(one != other for one, other in zip(given, speakers, strict=True))
                if wrong:
                    return f"{wrong} speakers in mode {mode} at lookahead {lookahead}"
        return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--diarizer", default="../../assets/diarization-demo")
    args = parser.parse_args()
    write(choose(Judge(args.diarizer)), args.out)


if __name__ == "__main__":
    main()

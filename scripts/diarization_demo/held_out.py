"""Hold conversations of voices that training never had, as sound with its truth.

Run `python held_out.py --out DIR` (needs espeak-ng). It writes NAME.flac, NAME.rttm and
NAME.seglst.json for each conversation, and manifest.jsonl, which `nemocli bench --manifest` reads.
Variants of espeak-ng are held out from training; pitch, speed and throat are drawn as there.

To find out what limits the model, `--voices new` takes new voices of the variants of training, and
`--voices trained` the voices of training themselves, in new conversations.
"""

from __future__ import annotations

import argparse
import json
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from conversations import Utterance, choose_voices, hold_conversation, sort_by_arrival
from features import HOP, _coloured, log_mel
from grammar import held_out, written
from synthesize import Espeak
from voices import (
    HELD_OUT_VARIANTS,
    MARGIN_ROWS,
    RATE,
    TRAINING_VARIANTS,
    Voice,
    any_sentence,
    draw_training_voices,
    draw_voice,
    find_speech,
    say,
)

VOICES, CLIPS = 60, 14  # voices of a set, and clips of each in one conversation
NOISE_TILTS = (0.0, 0.5, 1.0, 1.5)


@dataclass(frozen=True)
class SpokenClip:
    text: str
    audio: np.ndarray  # float32, whole rows long
    active: np.ndarray  # bool [rows]


def draw_voices(kind: str, seed: str) -> list[Voice]:
    """Draw a set's voices: of held-out variants, new ones of training's, or training's own."""
    rng = random.Random(seed)
    if kind == "trained":
        return rng.sample(draw_training_voices(), VOICES)
    variants = HELD_OUT_VARIANTS if kind == "held-out" else TRAINING_VARIANTS
    return [draw_voice(rng, variants) for _ in range(VOICES)]


def speak_clip(espeak: Espeak, voice: Voice, rng: random.Random) -> SpokenClip:
    """Speak a sentence, cut to what is heard of it.

    It is one that the demo of the recogniser was not trained on. The diarizer's training may have
    it, said by other voices.
    """
    while True:
        words = any_sentence(voice.language, rng)
        if held_out(written(words)):
            break
    audio = say(espeak, voice, words)
    active = find_speech(log_mel(audio).numpy())
    heard = np.flatnonzero(active)
    first, last = max(0, heard[0] - MARGIN_ROWS), heard[-1] + 1 + MARGIN_ROWS
    part = audio[first * HOP : last * HOP]
    active = active[first:last]
    return SpokenClip(written(words), part[: len(active) * HOP], active)


def mix(
    rng: random.Random, said: list[Utterance], clips: list[SpokenClip], speakers: int, rows: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sound, and who is active in each row, in the conversation's own order of speakers."""
    level = 10 ** (rng.uniform(-24, 2) / 20)
    gains = [level * 10 ** (rng.uniform(-7, 0) / 20) for _ in range(speakers)]
    sound, active = np.zeros(rows * HOP), np.zeros((rows, speakers), bool)
    for each in said:
        clip = clips[each.clip]
        part = sound[each.start * HOP : each.start * HOP + len(clip.audio)]
        part += gains[each.speaker] * clip.audio[: len(part)]
        labels = active[each.start : each.start + len(clip.active), each.speaker]
        labels |= clip.active[: len(labels)]
    if rng.random() < 0.8:
        numbers = np.random.default_rng(rng.randrange(2**32))
        noise = _coloured(numbers, rng.choice(NOISE_TILTS), len(sound))
        sound += noise / noise.std() * level * 0.08 * 10 ** (rng.uniform(-39, -12) / 20)
    return (sound * min(1.0, 0.98 / np.abs(sound).max())).astype(np.float32), active


def write_turns(path: Path, active: np.ndarray) -> None:
    """An RTTM file of labels [rows, speakers], which are sorted by arrival."""
    lines = []
    for speaker in range(active.shape[1]):
        padded = np.concatenate([[0], active[:, speaker].astype(np.int8), [0]])
        starts, ends = np.flatnonzero(np.diff(padded) == 1), np.flatnonzero(np.diff(padded) == -1)
        for start, end in zip(starts.tolist(), ends.tolist(), strict=True):
            times = f"{start / 100:.3f} {(end - start) / 100:.3f}"
            name = f"SPEAKER_{speaker:02d}"
            lines.append((start, f"SPEAKER {path.stem} 1 {times} <NA> <NA> {name} <NA> <NA>\n"))
    path.write_text("".join(line for _, line in sorted(lines)))


def hold(
    espeak: Espeak, voices: list[Voice], rng: random.Random, speakers: int
) -> tuple[np.ndarray, np.ndarray, list[dict[str, object]]]:
    """Sound, labels by arrival, and SegLST segments: what each said, by its beginning."""
    rows = rng.randint(4000, 9000)
    chosen = [voices[n] for n in choose_voices(rng, voices, speakers)]
    clips = [speak_clip(espeak, voice, rng) for voice in chosen for _ in range(CLIPS)]
    numbers = [list(range(n * CLIPS, (n + 1) * CLIPS)) for n in range(speakers)]
    while True:
        said = hold_conversation(rng, numbers, [len(c.active) for c in clips], rows)
        said = [u for u in said if u.start + len(clips[u.clip].active) <= rows]
        if {u.speaker for u in said} == set(range(speakers)):
            break
    sound, active = mix(rng, said, clips, speakers, rows)
    order = sort_by_arrival(active)
    places = {int(speaker): place for place, speaker in enumerate(order)}
    segments = [
        {
            "session_id": "",
            "speaker": f"SPEAKER_{places[u.speaker]:02d}",
            "start_time": u.start / 100,
            "end_time": (u.start + len(clips[u.clip].active)) / 100,
            "words": clips[u.clip].text,
        }
        for u in sorted(said, key=lambda u: u.start)
    ]
    return sound, active[:, order], segments


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--conversations", type=int, default=100, help="of each number of speakers")
    parser.add_argument("--speakers", type=int, nargs="+", default=[2, 3])
    parser.add_argument("--seed", default="held out", help="another text: other conversations")
    parser.add_argument("--voices", choices=("held-out", "new", "trained"), default="held-out")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    espeak, voices, lines = Espeak(), draw_voices(args.voices, args.seed), []
    for speakers in args.speakers:
        for number in range(args.conversations):
            name = f"{speakers}-{number:03d}"
            sound, active, segments = hold(
                espeak, voices, random.Random(f"{args.seed} {name}"), speakers
            )
            soundfile.write(args.out / f"{name}.flac", sound, RATE, subtype="PCM_16")
            write_turns(args.out / f"{name}.rttm", active)
            said = [segment | {"session_id": name} for segment in segments]
            (args.out / f"{name}.seglst.json").write_text(json.dumps(said, ensure_ascii=False))
            names = {"audio": ".flac", "rttm": ".rttm", "seglst": ".seglst.json"}
            lines.append({f"{key}_filepath": name + ending for key, ending in names.items()})
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (args.out / "manifest.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()

"""Measure a demo checkpoint through nemocli itself, on clips it was not trained on.

Why it exists: the accuracy that counts is that of the program people run.

Run `python evaluate.py --clips DIR/test --model demo`. The test set, 150 held-out sentences in
training voices and 150 in held-out voices, is synthesized first unless it lies there already (the
same sounds every time; needs espeak-ng). `--through-cli` runs the `nemocli` command instead of
the Python interface. Prints a table in Markdown; `--json FILE` keeps the numbers.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jiwer
import numpy as np
import soundfile
from grammar import LANGUAGES
from synthesize import RATE, Espeak, draw

SPLITS = {"sentences": "held-out sentences", "voices": "held-out sentences and voices"}
PER_LANGUAGE = 30  # clips of each language in each split
PACKET = RATE // 10  # samples fed at a time, as a microphone would

Heard = tuple[str, str | None]  # text and detected language
Transcribe = Callable[[list[Path], str], list[Heard]]


# ---------------------------------------------------------------- the clips


def build(folder: Path) -> list[dict[str, Any]]:
    """Synthesize the test set, 16 kHz wav files and manifest.jsonl, or read it if it exists."""
    manifest = folder / "manifest.jsonl"
    if not manifest.exists():
        folder.mkdir(parents=True, exist_ok=True)
        espeak = Espeak()
        lines = [
            json.dumps(line, ensure_ascii=False)
            for split in SPLITS
            for language in LANGUAGES
            for line in _speak(espeak, split, language, folder)
        ]
        manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return [json.loads(line) for line in manifest.read_text(encoding="utf-8").splitlines()]


def _speak(espeak: Espeak, split: str, language: str, folder: Path) -> list[dict[str, Any]]:
    rng, seen, lines = random.Random(f"{split} {language}"), dict[str, int](), []
    while len(lines) < PER_LANGUAGE:
        drawn = draw(espeak, split, (language,), rng, seen)
        if drawn is None:
            continue
        clip, about = drawn
        path = folder / f"{split}-{language}-{len(lines) + 1:02d}.wav"
        soundfile.write(path, clip.audio, RATE, subtype="PCM_16")
        lines.append({"audio_filepath": path.name, **about})
    return lines


# ---------------------------------------------------------------- the two ways to transcribe


def through_python(model: str, runtime: str, lookahead: int) -> Transcribe:
    """Feed packets to a session, as a program would."""
    import nemocli

    transcriber = nemocli.load(model, runtime=runtime, lookahead=lookahead)

    def transcribe(paths: list[Path], lang: str) -> list[Heard]:
        heard = []
        for path in paths:
            sound, _ = soundfile.read(path, dtype="float32")
            session = transcriber.session(lang=lang)
            for start in range(0, len(sound), PACKET):
                session.feed(np.ascontiguousarray(sound[start : start + PACKET]))
            result = session.finish()
            heard.append((result.text, result.language))
        return heard

    return transcribe


def through_command(model: str, runtime: str, lookahead: int) -> Transcribe:
    """Run the command once over all files, as a person would."""

    def transcribe(paths: list[Path], lang: str) -> list[Heard]:
        command = [sys.executable, "-m", "nemocli", "file", *map(str, paths)]
        command += ["--model", model, "--lang", lang, "--format", "json"]
        command += ["--runtime", runtime, "--lookahead", str(lookahead)]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True, encoding="utf-8")
        results = _json_values(done.stdout)
        return [(result["text"], result.get("language")) for result in results]

    return transcribe


def _json_values(text: str) -> list[dict[str, Any]]:
    """All JSON values of a text, one after the other, or the items of the one array it is."""
    decoder, values, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        values += value if isinstance(value, list) else [value]
    return values


# ---------------------------------------------------------------- the score


@dataclass
class Score:
    """How well one language of one split was heard, in percent."""

    split: str
    lang: str  # "all" for all together
    clips: int
    cer_given: float
    cer_auto: float
    exact_given: float
    exact_auto: float
    detected: float  # languages detected rightly under auto


def score_all(lines: list[dict[str, Any]]) -> list[Score]:
    """A score for each split and language, and for each split as a whole."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        groups[line["split"], line["lang"]].append(line)
        groups[line["split"], "all"].append(line)
        groups["both", "all"].append(line)
    order = [(split, lang) for split in SPLITS for lang in (*LANGUAGES, "all")]
    return [_score(*key, groups[key]) for key in [*order, ("both", "all")]]


def _score(split: str, lang: str, lines: list[dict[str, Any]]) -> Score:
    def percent(count: int) -> float:
        return round(100 * count / len(lines), 1)

    texts = [line["text"] for line in lines]
    given, auto = [line["given"] for line in lines], [line["auto"] for line in lines]
    return Score(
        split,
        lang,
        len(lines),
        round(100 * jiwer.cer(texts, given), 2),
        round(100 * jiwer.cer(texts, auto), 2),
        percent(sum(a == b for a, b in zip(texts, given, strict=True))),
        percent(sum(a == b for a, b in zip(texts, auto, strict=True))),
        percent(sum(line["detected"] == line["lang"] for line in lines)),
    )


def markdown(scores: list[Score]) -> str:
    """The scores as a table."""
    rows = [
        "| | language | clips | CER, language given | CER, auto | exact | exact, auto | detected |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for s in scores:
        rows.append(
            f"| {SPLITS.get(s.split, 'both')} | {s.lang} | {s.clips} | {s.cer_given:.2f} % |"
            f" {s.cer_auto:.2f} % | {s.exact_given:.1f} % | {s.exact_auto:.1f} % |"
            f" {s.detected:.1f} % |"
        )
    return "\n".join(rows)


def listen(lines: list[dict[str, Any]], folder: Path, transcribe: Transcribe) -> None:
    """Add to every line what was heard with the language given, and with auto."""
    for language in LANGUAGES:
        part = [line for line in lines if line["lang"] == language]
        paths = [folder / line["audio_filepath"] for line in part]
        for line, (text, _) in zip(part, transcribe(paths, language), strict=True):
            line["given"] = text
        for line, (text, detected) in zip(part, transcribe(paths, "auto"), strict=True):
            line["auto"], line["detected"] = text, detected


def listen_to_stream(lines: list[dict[str, Any]], folder: Path, transcribe: Transcribe) -> None:
    """All clips as one long sound in mixed order, with pauses, under auto: prints the CER."""
    rng, order = random.Random(0), lines[:]
    rng.shuffle(order)
    parts: list[np.ndarray] = []
    for line in order:
        sound, _ = soundfile.read(folder / line["audio_filepath"], dtype="float32")
        parts += [sound, np.zeros(int(rng.uniform(0.0, 3.5) * RATE), np.float32)]
    path = folder / "stream.wav"
    soundfile.write(path, np.concatenate(parts), RATE, subtype="PCM_16")
    ((heard, _),) = transcribe([path], "auto")
    text = " ".join(line["text"] for line in order)
    seconds = sum(map(len, parts)) / RATE
    print(f"One stream of {seconds:.0f} s, auto: CER {100 * jiwer.cer(text, heard):.2f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=Path, required=True, help="folder of the test set")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--runtime", default="auto")
    parser.add_argument("--lookahead", type=int, default=3)
    parser.add_argument("--through-cli", action="store_true", help="run the nemocli command")
    parser.add_argument("--stream", action="store_true", help="also as one long sound")
    parser.add_argument("--json", type=Path, help="write the scores and all texts here")
    args = parser.parse_args()
    lines = build(args.clips)
    way = through_command if args.through_cli else through_python
    transcribe = way(args.model, args.runtime, args.lookahead)
    listen(lines, args.clips, transcribe)
    scores = score_all(lines)
    print(markdown(scores))
    for line in lines:
        if not line["given"] == line["auto"] == line["text"]:
            print(f"{line['audio_filepath']}: {line['text']} | {line['given']} | {line['auto']}")
    if args.stream:
        listen_to_stream(lines, args.clips, transcribe)
    if args.json:
        report = {"scores": [asdict(s) for s in scores], "clips": lines}
        args.json.write_text(json.dumps(report, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()

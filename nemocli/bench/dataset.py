"""The sounds with known text that accuracy is measured on: NeMo's manifest, or a folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemocli.errors import UsageError

#: Endings of sound files that are looked for in a folder.
SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".mp4", ".mkv", ".webm", ".aiff")


@dataclass(frozen=True)
class Utterance:
    """A sound, or a stretch of one, and what is said in it."""

    path: Path
    text: str
    #: None if the manifest does not tell.
    lang: str | None = None
    #: Seconds from the file's beginning; and how many, None for all.
    offset: float = 0.0
    duration: float | None = None


def read_utterances(path: Path) -> list[Utterance]:
    """What a manifest lists, or the sounds of a folder (and those in it) with .txt beside them.

    A manifest has an object on each line, with `audio_filepath` (relative to the manifest) and
    `text`, and perhaps `lang` (or `target_lang`), `offset` and `duration`; the latter matters only
    beside `offset`. Raises UsageError that names the first line which is not so.
    """
    try:
        found = list(_in_folder(path) if path.is_dir() else _in_manifest(path))
    except OSError as error:
        raise UsageError(f"The manifest {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} holds text that is not UTF-8.") from None
    if not found:
        raise UsageError(
            f"There is nothing to hear in {path}: give JSON lines with audio_filepath and text, or"
            " a folder of sound files with a .txt beside each."
        )
    return found


def _in_folder(folder: Path) -> Iterator[Utterance]:
    for path in sorted(folder.rglob("*")):
        beside = path.with_suffix(".txt")
        if path.suffix.lower() in SOUNDS and beside.is_file():
            yield Utterance(path, beside.read_text(encoding="utf-8-sig"))


def _in_manifest(path: Path) -> Iterator[Utterance]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        if line.strip():
            try:
                yield _utterance(line, path.parent)
            except ValueError as error:
                raise UsageError(f"{path}, line {number}: {error}.") from None


def _utterance(line: str, folder: Path) -> Utterance:
    """Raises ValueError, whose message is a part of a sentence."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("it is not a JSON object") from None
    if not isinstance(entry, dict):
        raise ValueError("it is not a JSON object")
    for key in ("audio_filepath", "text"):
        if not isinstance(entry.get(key), str):
            raise ValueError(f"it has no {key}")
    sound = folder / Path(entry["audio_filepath"]).expanduser()
    if not sound.is_file():
        raise ValueError(f"there is no sound file {sound}")
    offset = _seconds(entry, "offset")
    duration = _seconds(entry, "duration") if offset is not None else None
    lang = entry.get("lang") or entry.get("target_lang")
    if lang is not None and not isinstance(lang, str):
        raise ValueError(f"its language is {lang!r}")
    return Utterance(sound, entry["text"], lang, offset or 0.0, duration)


def _seconds(entry: dict[str, Any], key: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError(f"its {key} is {value!r}, not a number of seconds")
    return float(value)

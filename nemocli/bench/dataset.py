"""Sounds with known text, on which accuracy is measured: a manifest as NeMo's, or a folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemocli.errors import UsageError

#: Extensions of the sound files that are read from a folder.
SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".m4a", ".mp4", ".mkv", ".webm", ".aiff")


@dataclass(frozen=True)
class Utterance:
    """A sound file, or a part of one, and the text that is said in it."""

    path: Path
    text: str
    #: None if the manifest does not name it.
    lang: str | None = None
    #: Where the part begins, in seconds.
    offset: float = 0.0
    #: Seconds of the part; None for all to the end of the file.
    duration: float | None = None


def read_utterances(path: Path) -> list[Utterance]:
    """Read a manifest, or the sound files of a folder, at any depth, that have a .txt beside them.

    A manifest has a JSON object on each line, with `audio_filepath` (relative to the manifest) and
    `text`, and optionally `lang` (or `target_lang`), `offset` and `duration`. A duration without
    an offset is ignored. Raises UsageError that names the first wrong line.
    """
    try:
        found = list(_read_folder(path) if path.is_dir() else _read_manifest(path))
    except OSError as error:
        raise UsageError(f"The manifest {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} holds text that is not UTF-8.") from None
    if not found:
        raise UsageError(
            f"There are no sounds with text in {path}: give JSON lines with audio_filepath and"
            " text, or a folder of sound files with a .txt beside each."
        )
    return found


def _read_folder(folder: Path) -> Iterator[Utterance]:
    for path in sorted(folder.rglob("*")):
        beside = path.with_suffix(".txt")
        if path.suffix.lower() in SOUNDS and beside.is_file():
            yield Utterance(path, beside.read_text(encoding="utf-8-sig"))


def _read_manifest(path: Path) -> Iterator[Utterance]:
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
        if line.strip():
            try:
                yield _parse_line(line, path.parent)
            except ValueError as error:
                raise UsageError(f"{path}, line {number}: {error}.") from None


def _parse_line(line: str, folder: Path) -> Utterance:
    """Read a line of a manifest; ValueError has a message such as "it has no text"."""
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
    offset = _read_seconds(entry, "offset")
    duration = _read_seconds(entry, "duration") if offset is not None else None
    lang = entry.get("lang") or entry.get("target_lang")
    if lang is not None and not isinstance(lang, str):
        raise ValueError(f"its language is {lang!r}")
    return Utterance(sound, entry["text"], lang, offset or 0.0, duration)


def _read_seconds(entry: dict[str, Any], key: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError(f"its {key} is {value!r}, not a number of seconds")
    return float(value)

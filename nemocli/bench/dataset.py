"""Sounds with known text, on which accuracy is measured: a manifest as NeMo's, or a folder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nemocli.bench.speaker_reference import SpeakerReference, read_rttm, read_seglst
from nemocli.errors import UsageError, quote

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
    #: None if it is not known who speaks.
    speakers: SpeakerReference | None = None


def read_utterances(path: Path) -> list[Utterance]:
    """Read a manifest, or the sound files of a folder, at any depth, that have a .txt beside them.

    A manifest has a JSON object on each line, with `audio_filepath` (relative to the manifest) and
    `text`, and optionally `lang` (or `target_lang`), `offset` and `duration`. A duration without
    an offset is ignored. With `rttm_filepath`, it is known who speaks when; with `seglst_filepath`
    too, who says what, and there need not be a text. Beside the sounds of a folder, there may be
    an .rttm and a .seglst.json. Raises UsageError that names the first wrong line.
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
            rttm, seglst = (
                file if (file := path.with_suffix(ending)).is_file() else None
                for ending in (".rttm", ".seglst.json")
            )
            speakers = _read_speakers(path, rttm, seglst, 0.0, None)
            yield Utterance(path, beside.read_text(encoding="utf-8-sig"), speakers=speakers)


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
    sound = _find_file(entry, "audio_filepath", folder)
    rttm, seglst = (
        None if entry.get(key) is None else _find_file(entry, key, folder)
        for key in ("rttm_filepath", "seglst_filepath")
    )
    if rttm is None and seglst is not None:
        raise ValueError("it has a seglst_filepath, but no rttm_filepath")
    offset = _read_seconds(entry, "offset")
    duration = _read_seconds(entry, "duration") if offset is not None else None
    lang = entry.get("lang") or entry.get("target_lang")
    if lang is not None and not isinstance(lang, str):
        raise ValueError(f"its language is {lang!r}")
    speakers = _read_speakers(sound, rttm, seglst, offset or 0.0, duration)
    text = entry.get("text")
    if text is None and speakers is not None and speakers.segments is not None:
        text = " ".join(words for _, words in speakers.segments)
    if text is None:
        raise ValueError("it has no text")
    if not isinstance(text, str):
        raise ValueError(f"its text is {quote(text)}, not a text")
    return Utterance(sound, text, lang, offset or 0.0, duration, speakers)


def _find_file(entry: dict[str, Any], key: str, folder: Path) -> Path:
    """Return the path of a file that exists, relative to the folder unless it is absolute."""
    if entry.get(key) is None:
        raise ValueError(f"it has no {key}")
    if not isinstance(entry[key], str):
        raise ValueError(f"its {key} is {quote(entry[key])}, not a path")
    path = folder / Path(entry[key]).expanduser()
    try:
        is_there = path.is_file()
    except ValueError:  # a NUL character
        is_there = False
    if not is_there:
        raise ValueError(f"there is no {'sound ' if key == 'audio_filepath' else ''}file {path}")
    return path


def _read_speakers(
    sound: Path, rttm: Path | None, seglst: Path | None, offset: float, duration: float | None
) -> SpeakerReference | None:
    """Read what is known of a sound's speakers; a file that is wrong raises UsageError."""
    if rttm is None:
        return None
    segments = None
    if seglst is not None:
        segments = tuple(read_seglst(seglst, offset, duration))
    return SpeakerReference(tuple(read_rttm(rttm, sound, offset, duration)), segments)


def _read_seconds(entry: dict[str, Any], key: str) -> float | None:
    value = entry.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e9:
        raise ValueError(f"its {key} is {value!r}, not a number of seconds")
    return float(value)

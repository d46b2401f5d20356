"""Sound tracks of a file: their properties, and the choice of the track to transcribe.

The best track can be decoded, is not digital silence, is in the chosen language, and is neither a
commentary nor made for deaf or blind people. Among equals, the default track of the container
comes first, then the first track.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemocli.audio.options import SoundOptions
from nemocli.audio.track_languages import is_same_language, to_language_code
from nemocli.counting import count_things
from nemocli.errors import AudioError

if TYPE_CHECKING:
    import av

#: Flags of a track, by FFmpeg's bits, that make it an addition to another.
_ROLES = {
    8: "commentary",
    16: "lyrics",
    32: "karaoke",
    128: "hearing impaired",
    256: "visual impaired",
    512: "without speech",
    0x20000: "description",
    0x80000: "part of another",
}
_DEFAULT = 1

#: The same by a track's title, where the flag is not set.
_TITLES = {
    "commentary": re.compile(r"comment|kommentar|コメンタリ", re.IGNORECASE),
    "description": re.compile(
        r"descri(b|pt)|audiodeskr|hörfilm|audio ?desc|audiodescr", re.IGNORECASE
    ),
    "hearing impaired": re.compile(r"hearing impair|\bSDH\b", re.IGNORECASE),
}

#: Codec tags of encrypted sound in mp4: of Apple's shop, and of common encryption.
_PROTECTED_TAGS = ("drms", "enca")

#: Name of an unknown codec in the list of tracks.
UNKNOWN_CODEC = "unknown codec"


@dataclass(frozen=True)
class Track:
    """One sound track of a file."""

    #: Number among the sound tracks, from 1.
    number: int
    #: As `to_language_code` returns it; None if unknown.
    language: str | None
    title: str | None
    #: Name by FFmpeg or libsndfile.
    codec: str
    #: Frames a second, and channels; 0 if they are not known.
    rate: int
    channels: int
    #: Seconds; None if unknown.
    duration: float | None
    is_default: bool = False
    #: Purpose, such as `commentary`; None for the main sound.
    role: str | None = None
    is_decodable: bool = True
    is_protected: bool = False

    def describe(self) -> str:
        """Return a text such as `track 2: German, aac, 48000 Hz, 2 channels, 61.5 s, default`."""
        parts = [self.language or "language unknown", self.codec]
        if self.rate and self.channels:
            parts.append(f"{self.rate} Hz")
            parts.append(count_things(self.channels, "channel"))
        if self.duration is not None:
            parts.append(f"{self.duration:.1f} s")
        parts += ["default"] if self.is_default else []
        parts += [self.role] if self.role else []
        parts += ["protected (DRM)"] if self.is_protected else []
        parts += [f'"{self.title}"'] if self.title else []
        return f"track {self.number}: {', '.join(parts)}"


def list_tracks(container: av.container.InputContainer) -> list[Track]:
    """List the sound tracks of an open container, in its order."""
    seconds = _to_seconds(container.duration, 1e-6)
    return [_read_track(n, stream, seconds) for n, stream in enumerate(container.streams.audio, 1)]


def choose_track(
    path: Path,
    tracks: Sequence[Track],
    options: SoundOptions,
    find_silent: Callable[[Sequence[Track]], set[int]],
) -> Track:
    """Choose the track to transcribe, of one or more.

    `find_silent` is called only if there is a choice, with tracks, the best first; it returns the
    numbers of silent tracks, and may stop once it knows whether the best is silent. Raises
    AudioError if the requested track does not exist, or if none can be decoded.
    """
    candidates = _select_tracks(path, tracks, options.track)
    able = [track for track in candidates if track.is_decodable and not track.is_protected]
    if not able:
        others = [track for track in tracks if track not in candidates and track.is_decodable]
        raise _explain_not_decodable(path, candidates, bool(others))
    language = to_language_code(options.language)
    able.sort(key=lambda track: _rank(track, language))
    if len(able) > 1:
        silent = find_silent(able)
        able.sort(key=lambda track: track.number in silent)
    return able[0]


def _rank(track: Track, language: str | None) -> tuple[bool, bool, bool, bool, bool, int]:
    """Return a sort key: a better track has a lower one."""
    is_known = language is not None and track.language is not None
    is_same = is_known and is_same_language(str(track.language), str(language))
    return (
        not (track.rate and track.channels),  # a damaged header
        is_known and not is_same,
        track.role is not None,
        language is not None and not is_same,
        not track.is_default,
        track.number,
    )


def describe_choice(tracks: Sequence[Track], chosen: Track) -> str | None:
    """Return which track was chosen, to follow the file's name; None if there is only one."""
    if len(tracks) < 2:
        return None
    language = f" ({chosen.language})" if chosen.language else ""
    return (
        f"track {chosen.number}{language} of {len(tracks)} sound tracks is transcribed; --track"
        " chooses another."
    )


def check_single_track(path: Path, options: SoundOptions) -> None:
    """Raise AudioError if another track than the first is requested of a file that has one."""
    if isinstance(options.track, int) and options.track != 1:
        raise AudioError(
            f"has one sound track, and --track asks for number {options.track}: leave it out for"
            " this file.",
            path,
        )


def _select_tracks(path: Path, tracks: Sequence[Track], asked: int | str | None) -> list[Track]:
    if asked is None:
        return list(tracks)
    if isinstance(asked, int):
        found = [track for track in tracks if track.number == asked]
    else:
        found = [t for t in tracks if t.language and is_same_language(t.language, asked)]
        if not found and len(tracks) == 1 and tracks[0].language is None:
            found = list(tracks)
    if not found:
        known = ", ".join(f"{t.number} ({t.language or 'language unknown'})" for t in tracks)
        raise AudioError(f"has no sound track {asked}: --track chooses among {known}.", path)
    return found


def _explain_not_decodable(path: Path, tracks: Sequence[Track], has_others: bool) -> AudioError:
    if any(track.is_protected for track in tracks):
        return AudioError(
            "is protected against copying (DRM), and cannot be decoded without its key: give a file"
            " without protection.",
            path,
        )
    codecs = ", ".join(dict.fromkeys(track.codec for track in tracks))
    others = "choose another track with --track, or " if has_others else ""
    return AudioError(
        f"has no sound that can be decoded ({codecs}): {others}convert it with the program that"
        " made it.",
        path,
    )


def _read_track(number: int, stream: av.AudioStream, seconds: float | None) -> Track:
    context = stream.codec_context
    flags = int(getattr(stream, "disposition", 0))
    title = stream.metadata.get("title") or stream.metadata.get("handler_name") or ""
    duration = _to_seconds(stream.duration, float(stream.time_base or 0))
    return Track(
        number=number,
        language=to_language_code(stream.metadata.get("language")),
        title=stream.metadata.get("title"),
        codec=UNKNOWN_CODEC if context is None else _name_codec(context),
        rate=(context.sample_rate or 0) if context is not None else 0,
        channels=context.channels if context is not None else 0,
        duration=seconds if duration is None else duration,
        is_default=bool(flags & _DEFAULT),
        role=_find_role(flags, title),
        is_decodable=context is not None,
        is_protected=context is not None and _read_tag(context) in _PROTECTED_TAGS,
    )


def _name_codec(context: Any) -> str:
    """Return the codec's name, not a decoder's: `mp3`, not `mp3float`."""
    codec = context.codec
    return str(getattr(codec, "canonical_name", None) or codec.name)


def _find_role(flags: int, title: str) -> str | None:
    for bit, role in _ROLES.items():
        if flags & bit:
            return role
    return next((role for role, words in _TITLES.items() if words.search(title)), None)


def _to_seconds(count: int | None, unit: float) -> float | None:
    return count * unit if count is not None and count >= 0 and unit else None


def _read_tag(context: av.CodecContext) -> str:
    """Return the container's four letters for a codec; empty if they are not text."""
    try:
        return context.codec_tag
    except UnicodeDecodeError:
        return ""

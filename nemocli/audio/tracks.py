"""The sound tracks of a file: what each is, and which of them is transcribed.

Best is a track that can be decoded, is no digital silence, speaks the language that is asked for,
and is neither a commentary nor made for those who cannot hear or see. Among equals, it is the one
that the container flags as default, then the first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nemocli.audio.options import SoundOptions
from nemocli.audio.track_languages import is_same_language, language_code
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

#: The same by a track's title, where nobody set the flag.
_TITLES = {
    "commentary": re.compile(r"comment|kommentar|コメンタリ", re.IGNORECASE),
    "description": re.compile(
        r"descri(b|pt)|audiodeskr|hörfilm|audio ?desc|audiodescr", re.IGNORECASE
    ),
    "hearing impaired": re.compile(r"hearing impair|\bSDH\b", re.IGNORECASE),
}

#: What mp4 calls encrypted sound: of Apple's shop, and of common encryption.
_PROTECTED_TAGS = ("drms", "enca")

#: A codec that is not known, as the list of tracks shows it.
UNKNOWN_CODEC = "unknown codec"


@dataclass(frozen=True)
class Track:
    """One sound track of a file."""

    #: From 1, among the sound tracks.
    number: int
    #: As `language_code` gives it; None if the container does not tell.
    language: str | None
    title: str | None
    #: FFmpeg's or libsndfile's name of it.
    codec: str
    #: Frames a second, and channels; 0 if they are not known.
    rate: int
    channels: int
    #: Seconds; None if the container does not tell.
    duration: float | None
    is_default: bool = False
    #: What it is for, such as `commentary`; None for the film's own sound.
    role: str | None = None
    is_decodable: bool = True
    is_protected: bool = False

    def describe(self) -> str:
        """In words, such as `track 2: German, aac, 48000 Hz, 2 channels, 61.5 s, default`."""
        parts = [self.language or "language unknown", self.codec]
        if self.rate and self.channels:
            parts.append(f"{self.rate} Hz")
            parts.append("1 channel" if self.channels == 1 else f"{self.channels} channels")
        if self.duration is not None:
            parts.append(f"{self.duration:.1f} s")
        parts += ["default"] if self.is_default else []
        parts += [self.role] if self.role else []
        parts += ["protected (DRM)"] if self.is_protected else []
        parts += [f'"{self.title}"'] if self.title else []
        return f"track {self.number}: {', '.join(parts)}"


def list_tracks(container: av.container.InputContainer) -> list[Track]:
    """The sound tracks of an open container, in its order."""
    seconds = _seconds(container.duration, 1e-6)
    return [_track(n, stream, seconds) for n, stream in enumerate(container.streams.audio, 1)]


def choose_track(
    path: Path,
    tracks: Sequence[Track],
    options: SoundOptions,
    find_silent: Callable[[Sequence[Track]], set[int]],
) -> Track:
    """The track to transcribe, of one or more.

    `find_silent` is given tracks, the best first, and tells the numbers of those that hold no
    sound, as far as it has to look to know whether the best one does; it is called only if there
    is a choice. Raises AudioError if the track that was asked for is not there, or if none can be
    decoded.
    """
    candidates = _asked_for(path, tracks, options.track)
    able = [track for track in candidates if track.is_decodable and not track.is_protected]
    if not able:
        raise _not_decodable(path, candidates)
    wanted = language_code(options.language)
    able.sort(key=lambda track: _rank(track, wanted))
    if len(able) > 1:
        silent = find_silent(able)
        able.sort(key=lambda track: track.number in silent)
    return able[0]


def _rank(track: Track, wanted: str | None) -> tuple[bool, bool, bool, bool, bool, int]:
    """Less is better."""
    is_known = wanted is not None and track.language is not None
    is_same = is_known and is_same_language(str(track.language), str(wanted))
    return (
        not (track.rate and track.channels),  # a damaged header
        is_known and not is_same,
        track.role is not None,
        wanted is not None and not is_same,
        not track.is_default,
        track.number,
    )


def choice_sentence(tracks: Sequence[Track], chosen: Track) -> str | None:
    """Which of several tracks was chosen, to stand behind the file's name; None for only one."""
    if len(tracks) < 2:
        return None
    language = f" ({chosen.language})" if chosen.language else ""
    return (
        f"track {chosen.number}{language} of {len(tracks)} sound tracks is transcribed; --track"
        " chooses another."
    )


def check_single_track(path: Path, options: SoundOptions) -> None:
    """For files that have one track of no known language: AudioError if another is asked for."""
    if isinstance(options.track, int) and options.track != 1:
        raise AudioError(
            f"has one sound track, and --track asks for number {options.track}: leave it out for"
            " this file.",
            path,
        )


def _asked_for(path: Path, tracks: Sequence[Track], asked: int | str | None) -> list[Track]:
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


def _not_decodable(path: Path, tracks: Sequence[Track]) -> AudioError:
    if any(track.is_protected for track in tracks):
        return AudioError(
            "is protected against copying (DRM), and cannot be decoded without its key: give a file"
            " without protection.",
            path,
        )
    codecs = ", ".join(dict.fromkeys(track.codec for track in tracks))
    return AudioError(
        f"has no sound that can be decoded ({codecs}): choose another track with --track, or"
        " convert it with the program that made it.",
        path,
    )


def _track(number: int, stream: av.AudioStream, seconds: float | None) -> Track:
    context = stream.codec_context
    flags = int(getattr(stream, "disposition", 0))
    title = stream.metadata.get("title") or stream.metadata.get("handler_name") or ""
    duration = _seconds(stream.duration, float(stream.time_base or 0))
    return Track(
        number=number,
        language=language_code(stream.metadata.get("language")),
        title=stream.metadata.get("title"),
        codec=UNKNOWN_CODEC if context is None else _codec_name(context),
        rate=(context.sample_rate or 0) if context is not None else 0,
        channels=context.channels if context is not None else 0,
        duration=seconds if duration is None else duration,
        is_default=bool(flags & _DEFAULT),
        role=_role(flags, title),
        is_decodable=context is not None,
        is_protected=context is not None and _tag(context) in _PROTECTED_TAGS,
    )


def _codec_name(context: Any) -> str:
    """Of the codec, not of one of its decoders: `mp3`, and not `mp3float`."""
    codec = context.codec
    return str(getattr(codec, "canonical_name", None) or codec.name)


def _role(flags: int, title: str) -> str | None:
    for bit, role in _ROLES.items():
        if flags & bit:
            return role
    return next((role for role, words in _TITLES.items() if words.search(title)), None)


def _seconds(count: int | None, unit: float) -> float | None:
    return count * unit if count is not None and count >= 0 and unit else None


def _tag(context: av.CodecContext) -> str:
    """The container's four letters for a codec; empty for bytes that are none."""
    try:
        return context.codec_tag
    except UnicodeDecodeError:
        return ""

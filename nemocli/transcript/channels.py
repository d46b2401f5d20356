"""Merging the transcripts of separate channels into one."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from nemocli.transcript.segments import Segment, split_segments
from nemocli.transcript.speakers import Speaker, Turn, make_speakers
from nemocli.transcript.types import Transcript


def merge_channels(
    transcripts: Mapping[str, Transcript], speaker_names: tuple[str, ...] | None = None
) -> Transcript:
    """Merge transcripts, given by the names of their channels.

    Words are in the order of their segments, which are ordered by their start; tokens are ordered
    by time. The language is that of the last tag in any channel. With `speaker_names`, each channel
    is a speaker, and the first ones have these names.
    """
    speakers: dict[str, Speaker] = {}
    if speaker_names is not None:
        numbered = make_speakers(len(transcripts), speaker_names)
        speakers = dict(zip(transcripts, numbered, strict=True))
    words = [
        replace(word, channel=name, speaker=speakers.get(name))
        for name, transcript in transcripts.items()
        for word in transcript.words
    ]
    tokens = [
        replace(token, channel=name)
        for name, transcript in transcripts.items()
        for token in transcript.tokens
    ]
    tokens.sort(key=lambda token: token.frame)
    languages = [token.language for token in tokens if token.language]
    segments = split_segments(words)
    return Transcript(
        words=[word for segment in segments for word in segment.words],
        tokens=tokens,
        language=languages[-1] if languages else None,
        duration=max((transcript.duration for transcript in transcripts.values()), default=0.0),
        turns=_make_turns(segments) if speakers else None,
    )


def take_as_speaker(transcript: Transcript, names: tuple[str, ...]) -> Transcript:
    """Return the transcript of a sound's only channel, which is one speaker."""
    (speaker,) = make_speakers(1, names)
    words = [replace(word, speaker=speaker) for word in transcript.words]
    return replace(transcript, words=words, turns=_make_turns(split_segments(words)))


def _make_turns(segments: Iterable[Segment]) -> list[Turn]:
    """Return a turn for each segment that has a speaker."""
    turns = [
        Turn(segment.speaker, segment.start, segment.end)
        for segment in segments
        if segment.speaker is not None
    ]
    return sorted(turns, key=lambda turn: (turn.start, turn.speaker.number))

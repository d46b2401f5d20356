"""Merging the transcripts of separate channels into one."""

from collections.abc import Mapping
from dataclasses import replace

from nemocli.transcript.segments import split_segments
from nemocli.transcript.types import Transcript


def merge_channels(transcripts: Mapping[str, Transcript]) -> Transcript:
    """Merge transcripts, given by the names of their channels.

    Words are in the order of their segments, which are ordered by their start; tokens are ordered
    by time. The language is that of the last tag in any channel.
    """
    words = [
        replace(word, channel=name)
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
    return Transcript(
        words=[word for segment in split_segments(words) for word in segment.words],
        tokens=tokens,
        language=languages[-1] if languages else None,
        duration=max((transcript.duration for transcript in transcripts.values()), default=0.0),
    )

"""The format of speaker turns: RTTM."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath

from nemocli.sound_warning import SoundWarning
from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.cues import join_lines
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Transcript
from nemocli.transcript.writer import Writer

#: What stands in a field that has no value.
_NOTHING = "<NA>"


class RttmWriter(Writer):
    """Rich Transcription Time Marked: a line for each turn of a speaker, without any words.

    The turns are those of the diarization model, which may overlap. Where only segments are known,
    as in a stream, each segment that has a label is a turn.
    """

    name = "rttm"
    has_only_turns = True

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        self._file = _join_field(PurePath(about.file).stem)

    def add(self, segment: Segment) -> str:
        who = segment.speaker.id if segment.speaker else segment.channel
        return self._format_line(segment.start, segment.end, who) if who else ""

    def write_whole(
        self,
        transcript: Transcript,
        segments: Iterable[Segment],
        warnings: Sequence[SoundWarning],
    ) -> Iterator[str]:
        if transcript.turns is None:
            yield from super().write_whole(transcript, segments, warnings)
        else:
            for turn in transcript.turns:
                yield self._format_line(turn.start, turn.end, turn.speaker.id)

    def _format_line(self, start: float, end: float, who: str) -> str:
        times = f"{start:.3f} {end - start:.3f}"
        name = _join_field(who)
        return (
            f"SPEAKER {self._file} 1 {times} {_NOTHING} {_NOTHING} {name} {_NOTHING} {_NOTHING}\n"
        )


def _join_field(text: str) -> str:
    """Return a text as one field: spaces, and what breaks lines, become underscores."""
    return "_".join(join_lines(text).split()) or _NOTHING


WRITERS = (RttmWriter,)

"""The subtitles: SRT and WebVTT."""

import re
from collections.abc import Iterator
from dataclasses import replace

from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.cues import Cue, split_cues
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word, join_words
from nemocli.transcript.writer import Provenance

#: In SRT, only the line of a cue's times may have one.
_ARROW = re.compile("-{2,}>")

#: Seconds a subtitle stands at least, if the next one leaves it the time.
MIN_CUE_SECONDS = 1.0


class SubtitleWriter:
    """Cues in order, never overlapping, never empty.

    The last cue is in the tail, since how long it stands depends on the next one.
    """

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        self._layout = layout
        self._last: Cue | None = None
        self._number = 0
        #: In milliseconds: when the cue before the last one ended.
        self._free_from = 0

    def head(self) -> str:
        return ""

    def cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        """A cue as it is written; times in milliseconds."""
        raise NotImplementedError

    def cues(self, segment: Segment) -> list[Cue]:
        return split_cues(segment.words, self._layout)

    def add(self, segment: Segment) -> str:
        return "".join(map(self._follow, self.cues(segment)))

    def tail(self, language: str | None, duration: float) -> str:
        if self._last is None:
            return ""
        return self.cue(self._number, self._last, *self._times(self._last, float("inf")))

    def _follow(self, cue: Cue) -> str:
        """The last cue, which is certain now that this one has come."""
        written = ""
        if self._last is not None:
            start, end = self._times(self._last, cue.start)
            written = self.cue(self._number, self._last, start, end)
            self._free_from = end
        self._last = cue
        self._number += 1
        return written

    def _times(self, cue: Cue, limit: float) -> tuple[int, int]:
        """Start and end in milliseconds of a cue that may be prolonged up to a limit."""
        start = max(round(1000 * cue.start), self._free_from)
        wanted = max(cue.end, min(cue.start + MIN_CUE_SECONDS, limit))
        return start, max(round(1000 * wanted), start + 1)


class SrtWriter(SubtitleWriter):
    """SubRip: numbered cues; with word timestamps, one for each word."""

    def cues(self, segment: Segment) -> list[Cue]:
        if not self._layout.word_timestamps:
            return super().cues(segment)
        return [cue for word in segment.words for cue in split_cues([word], self._layout)]

    def cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        text = _ARROW.sub("->", "\n".join(map(join_words, cue.lines)))
        return f"{number}\n{clock(start, ',')} --> {clock(end, ',')}\n{text}\n\n"


class VttWriter(SubtitleWriter):
    """WebVTT, with the signs escaped that would begin a tag; words may have timestamps."""

    def head(self) -> str:
        return "WEBVTT\n\n"

    def cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        text = "\n".join(map(join_words, self._marked(cue, start, end)))
        return f"{clock(start)} --> {clock(end)}\n{text}\n\n"

    def _marked(self, cue: Cue, start: int, end: int) -> Iterator[list[Word]]:
        """The lines with their marks: a timestamp must be later than all before, within the cue."""
        latest = start
        for line in cue.lines:
            words = []
            for word in line:
                text, time = escaped(word.text), round(1000 * word.start)
                if self._layout.word_timestamps and latest < time < end:
                    text, latest = f"<{clock(time)}>{text}", time
                words.append(replace(word, text=text))
            yield words


def escaped(text: str) -> str:
    """Without the signs that begin a tag or a character by its name, or make up an arrow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def clock(milliseconds: int, point: str = ".") -> str:
    """Hours, minutes, seconds and milliseconds, as `01:02:03.456`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"

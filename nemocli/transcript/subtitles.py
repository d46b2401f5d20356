"""The subtitles: SRT and WebVTT."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, NARROWEST, CueLayout
from nemocli.transcript.cues import Cue, split_cues
from nemocli.transcript.line_breaks import may_break
from nemocli.transcript.segments import MAX_CHARACTERS, MAX_SECONDS, PAUSE, Segment
from nemocli.transcript.types import Word, join_words
from nemocli.transcript.writer import Provenance

#: In SRT, only the line of a cue's times may have one.
_ARROW = re.compile("-{2,}>")

#: Seconds a subtitle stands, if it is not longer and the next one leaves it the time.
WANTED_SECONDS = 1.0


class SubtitleWriter:
    """Cues in order, never overlapping, never empty.

    A cue that would stand for less than the layout's `min_cue` is merged with the next one, or else
    with the one before, if that makes a cue of the layout. If it makes none, the cue is held, and
    the next one begins later, as far as that leaves the next one enough. What speech leaves no
    time for stays short.

    The last two cues are in the tail, since how long they stand depends on what follows.

    Where channels are transcribed each by itself, their cues may overlap, as their speech does:
    only those of one channel follow each other. All of them are in the tail.
    """

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        self.about = about
        self._layout = layout
        #: The last two cues at most.
        self._pending: list[Cue] = []
        #: Cues that are written for good.
        self._count = 0
        #: In milliseconds: when the last of these ends.
        self._free_from = 0
        self._channels: dict[str, _ChannelCues] = {}

    def head(self) -> str:
        return ""

    def cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        """A cue as it is written; times in milliseconds."""
        raise NotImplementedError

    def cues(self, segment: Segment) -> list[Cue]:
        return split_cues(segment.words, self._layout)

    def layout_beside(self, channel: str) -> CueLayout:
        """The layout of text beside which the name of a channel stands."""
        return self._layout

    def add(self, segment: Segment) -> str:
        if segment.channel is not None:
            self._channel(segment.channel).add(segment)
            return ""
        return "".join(map(self._follow, self.cues(segment)))

    def tail(self, language: str | None, duration: float) -> str:
        if self._channels:
            return self._merged()
        text, free_from = "", self._free_from
        for n, cue in enumerate(self._pending, 1):
            start, end = self._times(cue, self._pending[n:], free_from)
            text, free_from = text + self.cue(self._count + n, cue, start, end), end
        return text

    def _channel(self, name: str) -> "_ChannelCues":
        if name not in self._channels:
            layout = self.layout_beside(name)
            self._channels[name] = _ChannelCues(type(self)(self.about, layout), layout)
        return self._channels[name]

    def _merged(self) -> str:
        """The cues of all channels in the order of their times."""
        placed = [cue for channel in self._channels.values() for cue in channel.place_all()]
        placed.sort(key=lambda cue: cue[:2])
        return "".join(
            self.cue(n, cue, start, end) for n, (start, end, cue) in enumerate(placed, 1)
        )

    def _follow(self, cue: Cue) -> str:
        """What is certain now that this cue has come."""
        pending = self._pending
        if pending and self._is_short(pending[-1], cue):
            if joined := self._joined(pending[-1], cue):
                pending[-1] = joined
                return ""
            if len(pending) == 2 and (joined := self._joined(*pending)):
                self._pending = [joined, cue]
                return ""
        pending.append(cue)
        if len(pending) < 3:
            return ""
        certain = pending.pop(0)
        start, self._free_from = self._times(certain, pending, self._free_from)
        self._count += 1
        return self.cue(self._count, certain, start, self._free_from)

    @property
    def _min_cue(self) -> float:
        return self._layout.min_cue

    def _is_short(self, cue: Cue, follower: Cue) -> bool:
        seconds = self._natural_end(cue, follower) - cue.start
        return round(1000 * seconds) < round(1000 * self._min_cue)

    def _joined(self, first: Cue, second: Cue) -> Cue | None:
        """One cue of the words of two; None if they are too far apart, or too many."""
        words = [word for cue in (first, second) for line in cue.lines for word in line]
        if (
            second.start - first.end >= PAUSE
            or second.end - first.start > MAX_SECONDS
            or len(join_words(words)) > MAX_CHARACTERS
        ):
            return None
        cues = split_cues(words, self._layout)
        return cues[0] if len(cues) == 1 else None

    def _natural_end(self, cue: Cue, follower: Cue | None) -> float:
        """When a cue ends that is neither held nor begins late, in seconds."""
        wanted = cue.start + max(WANTED_SECONDS, self._min_cue)
        return max(cue.end, wanted if follower is None else min(wanted, follower.start))

    def _times(self, cue: Cue, followers: Sequence[Cue], free_from: int) -> tuple[int, int]:
        """Start and end in milliseconds of a cue, by the next two cues at most."""
        start = max(round(1000 * cue.start), free_from)
        follower, after_it = [*followers, None, None][:2]
        end = max(round(1000 * self._natural_end(cue, follower)), start + 1)
        least = round(1000 * self._min_cue)
        held = start + least
        if follower is not None:
            held = min(held, round(1000 * self._natural_end(follower, after_it)) - least)
        return start, max(end, held)


class _ChannelCues(SubtitleWriter):
    """Places the cues of one channel, which a writer makes of its segments."""

    def __init__(self, writer: SubtitleWriter, layout: CueLayout) -> None:
        super().__init__(writer.about, layout)
        self._writer = writer
        self._placed: list[tuple[int, int, Cue]] = []

    def add(self, segment: Segment) -> str:
        return "".join(map(self._follow, self._writer.cues(segment)))

    def cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        self._placed.append((start, end, cue))
        return ""

    def place_all(self) -> list[tuple[int, int, Cue]]:
        """Start and end in milliseconds of each cue, as if no other followed."""
        certain = len(self._placed)
        self.tail(None, 0.0)
        placed, self._placed = self._placed, self._placed[:certain]
        return placed


class SrtWriter(SubtitleWriter):
    """SubRip: numbered cues; with word timestamps, one for each word that stands long enough."""

    def cues(self, segment: Segment) -> list[Cue]:
        if not self._layout.word_timestamps:
            return super().cues(segment)
        groups: list[list[Word]] = []
        for word in segment.words:
            if groups and not may_break(groups[-1][-1].text, word.text, word.space_before):
                groups[-1].append(word)
            else:
                groups.append([word])
        return [cue for group in groups for cue in split_cues(group, self._layout)]

    def layout_beside(self, channel: str) -> CueLayout:
        width = self._layout.max_line_width
        if width is None:
            return self._layout
        return replace(self._layout, max_line_width=max(NARROWEST, width - len(_speaker(channel))))

    def cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        text = _speaker(cue.channel) + _ARROW.sub("->", "\n".join(map(join_words, cue.lines)))
        return (
            f"{number}\n{format_timestamp(start, ',')} --> {format_timestamp(end, ',')}\n{text}\n\n"
        )


class VttWriter(SubtitleWriter):
    """WebVTT, with the signs escaped that would begin a tag; words may have timestamps."""

    def head(self) -> str:
        return "WEBVTT\n\n"

    def cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        voice = f"<v {cue.channel}>" if cue.channel else ""
        text = voice + "\n".join(map(join_words, self._marked(cue, start, end)))
        return f"{format_timestamp(start)} --> {format_timestamp(end)}\n{text}\n\n"

    def _marked(self, cue: Cue, start: int, end: int) -> Iterator[list[Word]]:
        """The lines with their marks: a timestamp must be later than all before, within the cue."""
        latest = start
        for line in cue.lines:
            words = []
            for word in line:
                text, time = escaped(word.text), round(1000 * word.start)
                if self._layout.word_timestamps and latest < time < end:
                    text, latest = f"<{format_timestamp(time)}>{text}", time
                words.append(replace(word, text=text))
            yield words


def _speaker(channel: str | None) -> str:
    """What stands before the text of a channel."""
    return f"{channel}: " if channel else ""


def escaped(text: str) -> str:
    """Without the signs that begin a tag or a character by its name, or make up an arrow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def format_timestamp(milliseconds: int, point: str = ".") -> str:
    """Hours, minutes, seconds and milliseconds, as `01:02:03.456`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"

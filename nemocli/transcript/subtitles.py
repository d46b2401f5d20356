"""The subtitle formats, SRT and WebVTT: cues, and how long each stays on the screen."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from rich.cells import cell_len

from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, MIN_LINE_WIDTH, CueLayout
from nemocli.transcript.cues import Cue, count_forced_breaks, has_width, split_cues
from nemocli.transcript.line_breaks import may_break
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.segments import MAX_CHARACTERS, MAX_SECONDS, PAUSE_S, Segment
from nemocli.transcript.types import Word, join_words
from nemocli.transcript.writer import Writer

#: Arrows, of which SRT allows only that between a cue's times.
_ARROW = re.compile("-{2,}>")

#: Seconds that a shorter cue stays on the screen, if the next one leaves it the time.
USUAL_CUE_S = 1.0

#: Cues that wait for those behind them: one whose time is computed, and two that may be merged.
MAX_PENDING = 3


class SubtitleWriter(Writer):
    """Writes cues in order, which never overlap and are never empty.

    A cue shorter than the layout's `min_cue` is merged with the next one, or else with the one
    before, if the two fit into one cue. If they do not, the cue stays longer and the next one
    begins later, as far as that leaves the next one `min_cue`. Otherwise the cue is short.

    Cues of single words are never merged, and never begin late for another word's sake: a short one
    only stays up to the next word.

    The last three cues are in the tail: the last two may still be merged, and the time of the third
    depends on the cue that comes out of it.

    A label before the text says whose it is; a cue has words of one speaker only. With separate
    channels, cues of different channels may overlap, as their speech does; all of them are in the
    tail.
    """

    def __init__(self, about: Provenance, layout: CueLayout = DEFAULT_LAYOUT) -> None:
        self.about = about
        self._layout = layout
        #: At most MAX_PENDING cues, whose times are not final.
        self._pending: list[Cue] = []
        #: The number of final cues.
        self._count = 0
        #: The end of the last final cue, in milliseconds.
        self._free_from = 0
        self._channels: dict[str, _ChannelCues] = {}

    @property
    def has_word_cues(self) -> bool:
        """Whether each word has a cue of its own."""
        return False

    def format_cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        """Return the text of a cue in this format; times in milliseconds."""
        raise NotImplementedError

    def split_into_cues(self, segment: Segment) -> list[Cue]:
        """Split a segment into cues."""
        return self.split_words(segment.words, segment.label)

    def split_words(self, words: Sequence[Word], label: str | None) -> list[Cue]:
        """Split words into cues that leave room for a label before the text."""
        return split_cues(words, self._layout)

    def add(self, segment: Segment) -> str:
        if segment.channel is not None:
            self._get_channel(segment.channel).add(segment)
            return ""
        return "".join(map(self._follow, self.split_into_cues(segment)))

    def write_tail(self, language: str | None, duration: float) -> str:
        if self._channels:
            return self._merge_channels()
        text, free_from = "", self._free_from
        for n, cue in enumerate(self._pending, 1):
            start, end = self._compute_times(cue, self._pending[n:], free_from)
            text, free_from = text + self.format_cue(self._count + n, cue, start, end), end
        return text

    def _get_channel(self, name: str) -> "_ChannelCues":
        if name not in self._channels:
            self._channels[name] = _ChannelCues(self)
        return self._channels[name]

    def _merge_channels(self) -> str:
        """Write the cues of all channels in the order of their times."""
        placed = [cue for channel in self._channels.values() for cue in channel.place_all()]
        placed.sort(key=lambda cue: cue[:2])
        return "".join(
            self.format_cue(n, cue, start, end) for n, (start, end, cue) in enumerate(placed, 1)
        )

    def _follow(self, cue: Cue) -> str:
        """Add the next cue; return the text of the cue that is now final, if there is one."""
        pending = self._pending
        if pending and not self.has_word_cues and self._is_short(pending[-1], cue):
            if merged := self._merge(pending[-1], cue):
                pending[-1] = merged
                return ""
            if len(pending) > 1 and (merged := self._merge(*pending[-2:])):
                pending[-2:] = [merged, cue]
                return ""
        pending.append(cue)
        if len(pending) <= MAX_PENDING:
            return ""
        final = pending.pop(0)
        start, self._free_from = self._compute_times(final, pending, self._free_from)
        self._count += 1
        return self.format_cue(self._count, final, start, self._free_from)

    @property
    def _min_cue(self) -> float:
        return self._layout.min_cue

    def _is_short(self, cue: Cue, follower: Cue) -> bool:
        seconds = self._compute_natural_end(cue, follower) - cue.start
        return round(1000 * seconds) < round(1000 * self._min_cue)

    def _merge(self, first: Cue, second: Cue) -> Cue | None:
        """Merge two cues into one; None if they have two speakers or do not fit.

        Cues that are too far apart, or too long together, do not fit either.
        """
        if first.label != second.label:
            return None
        words = [word for cue in (first, second) for line in cue.lines for word in line]
        if (
            second.start - first.end >= PAUSE_S
            or second.end - first.start > MAX_SECONDS
            or len(join_words(words)) > MAX_CHARACTERS
        ):
            return None
        cues = self.split_words(words, first.label)
        return cues[0] if len(cues) == 1 else None

    def _compute_natural_end(self, cue: Cue, follower: Cue | None) -> float:
        """Return the end, in seconds, of a cue that does not delay the next one."""
        usual = cue.start + max(USUAL_CUE_S, self._min_cue)
        return max(cue.end, usual if follower is None else min(usual, follower.start))

    def _compute_times(self, cue: Cue, followers: Sequence[Cue], free_from: int) -> tuple[int, int]:
        """Return start and end of a cue, in milliseconds, by the next two cues at most."""
        start = max(round(1000 * cue.start), free_from)
        follower, after_it = [*followers, None, None][:2]
        end = max(round(1000 * self._compute_natural_end(cue, follower)), start + 1)
        least = round(1000 * self._min_cue)
        prolonged = start + least
        if follower is not None:
            latest = round(1000 * self._compute_natural_end(follower, after_it)) - least
            prolonged = min(
                prolonged, round(1000 * follower.start) if self.has_word_cues else latest
            )
        return start, max(end, prolonged)


class _ChannelCues(SubtitleWriter):
    """Computes the times of one channel's cues, into which `writer` splits its segments."""

    def __init__(self, writer: SubtitleWriter) -> None:
        super().__init__(writer.about, writer._layout)
        self._writer = writer
        self._placed: list[tuple[int, int, Cue]] = []

    def add(self, segment: Segment) -> str:
        return "".join(map(self._follow, self._writer.split_into_cues(segment)))

    @property
    def has_word_cues(self) -> bool:
        return self._writer.has_word_cues

    def split_words(self, words: Sequence[Word], label: str | None) -> list[Cue]:
        return self._writer.split_words(words, label)

    def format_cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        self._placed.append((start, end, cue))
        return ""

    def place_all(self) -> list[tuple[int, int, Cue]]:
        """Return start and end (in milliseconds) of each cue, as if no other followed."""
        final = len(self._placed)
        self.write_tail(None, 0.0)
        placed, self._placed = self._placed, self._placed[:final]
        return placed


class SrtWriter(SubtitleWriter):
    """SubRip: numbered cues; with word timestamps, one for each word."""

    name = "srt"

    @property
    def has_word_cues(self) -> bool:
        return self._layout.word_timestamps

    def split_into_cues(self, segment: Segment) -> list[Cue]:
        if not self.has_word_cues:
            return super().split_into_cues(segment)
        groups: list[list[Word]] = []
        for word in segment.words:
            if groups and not may_break(groups[-1][-1].text, word.text, word.space_before):
                groups[-1].append(word)
            else:
                groups.append([word])
        return [cue for group in groups for cue in self.split_words(group, segment.label)]

    def split_words(self, words: Sequence[Word], label: str | None) -> list[Cue]:
        """Split words into cues, with the label beside the text or on a line of its own.

        A label has its own line if it takes more than half of the width, or if words would have to
        be broken beside it that fit into a whole line.
        """
        width, count = self._layout.max_line_width, self._layout.max_line_count
        if width is None or label is None:
            return split_cues(words, self._layout)
        below = replace(self._layout, max_line_count=None if count is None else max(1, count - 1))
        room = width - cell_len(_format_label(label))
        if room < max(width / 2, MIN_LINE_WIDTH):
            return split_cues(words, below)
        cues = split_cues(words, replace(self._layout, max_line_width=room))
        if not has_width(cues, room):
            return split_cues(words, below)
        if breaks := count_forced_breaks(cues):
            others = split_cues(words, below)
            return others if count_forced_breaks(others) < breaks else cues
        return cues

    def format_cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        lines = [_ARROW.sub("->", join_words(line)) for line in cue.lines]
        label, width = _format_label(cue.label), self._layout.max_line_width
        if label and width is not None and cell_len(label + lines[0]) > width:
            lines.insert(0, label.rstrip())
        else:
            lines[0] = label + lines[0]
        text = "\n".join(lines)
        return (
            f"{number}\n{format_timestamp(start, ',')} --> {format_timestamp(end, ',')}\n{text}\n\n"
        )


class VttWriter(SubtitleWriter):
    """WebVTT; words may have timestamps."""

    name = "vtt"
    has_text_without_words = True

    def write_head(self) -> str:
        return "WEBVTT\n\n"

    def format_cue(self, number: int, cue: Cue, start: int, end: int) -> str:
        voice = f"<v {cue.label}>" if cue.label else ""
        text = voice + "\n".join(map(join_words, self._mark_words(cue, start, end)))
        return f"{format_timestamp(start)} --> {format_timestamp(end)}\n{text}\n\n"

    def _mark_words(self, cue: Cue, start: int, end: int) -> Iterator[list[Word]]:
        """Give the lines with timestamps: each must be later than all before, and in the cue."""
        latest = start
        for line in cue.lines:
            words = []
            for word in line:
                text, time = escape(word.text), round(1000 * word.start)
                if self._layout.word_timestamps and latest < time < end:
                    text, latest = f"<{format_timestamp(time)}>{text}", time
                words.append(replace(word, text=text))
            yield words


def _format_label(label: str | None) -> str:
    """Return what is written before the text."""
    return f"{label}: " if label else ""


def escape(text: str) -> str:
    """Escape the signs that begin a tag or a named character, or are part of an arrow."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def format_timestamp(milliseconds: int, point: str = ".") -> str:
    """Return hours, minutes, seconds and milliseconds, such as `01:02:03.456`."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{point}{rest:03}"


WRITERS = (SrtWriter, VttWriter)

"""The layout of text in the written formats, as users may choose it."""

from dataclasses import dataclass

from nemocli.errors import UsageError

#: The most cells (of a terminal) of a subtitle's line, and the most lines of a cue: those that are
#: usual for films and television.
MAX_LINE_WIDTH = 42
MAX_LINE_COUNT = 2

#: The least seconds that a cue stays on the screen, if its neighbours leave it the time.
MIN_CUE = 0.5
#: The largest `min_cue` that users may choose.
MAX_MIN_CUE = 5.0

#: The narrowest line: wide characters take two cells.
MIN_LINE_WIDTH = 2


@dataclass(frozen=True)
class CueLayout:
    """Lines and least duration of subtitles (SRT and WebVTT), and whether each word has its time.

    With `word_timestamps`, SRT has a cue and TSV a line for each word, and WebVTT has a timestamp
    before each word but a cue's first. JSON always has the words' times; plain text never has.
    Raises UsageError for lines narrower than a character, for cues without lines, and for a
    `min_cue` out of range.
    """

    #: The most cells of a line; None: a cue is one line.
    max_line_width: int | None = MAX_LINE_WIDTH
    #: The most lines of a cue; None: as many as its segment needs.
    max_line_count: int | None = MAX_LINE_COUNT
    word_timestamps: bool = False
    #: Seconds. Shorter cues are merged with a neighbour, or stay longer; with `word_timestamps`,
    #: those of SRT only stay longer. 0: none are changed.
    min_cue: float = MIN_CUE

    def __post_init__(self) -> None:
        if self.max_line_width is not None and self.max_line_width < MIN_LINE_WIDTH:
            raise UsageError(
                f"--max-line-width takes at least {MIN_LINE_WIDTH} cells, or 0 for no limit, not"
                f" {self.max_line_width}."
            )
        if self.max_line_count is not None and self.max_line_count < 1:
            raise UsageError(f"--max-line-count takes at least 1 line, not {self.max_line_count}.")
        if not 0 <= self.min_cue <= MAX_MIN_CUE:
            raise UsageError(f"--min-cue takes 0 to {MAX_MIN_CUE:g} seconds, not {self.min_cue:g}.")


DEFAULT_LAYOUT = CueLayout()

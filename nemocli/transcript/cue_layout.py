"""How text is laid out in the written formats, as a person may ask for it."""

from dataclasses import dataclass

from nemocli.errors import UsageError

#: A line of a subtitle, in the cells of a terminal, and the lines that stand at once: what films
#: and television keep to.
MAX_LINE_WIDTH = 42
MAX_LINE_COUNT = 2

#: Seconds a cue stands at least, where its neighbours leave it the time.
MIN_CUE = 0.5
#: What may be asked for; cues that stand longer are made by longer segments.
LONGEST_MIN_CUE = 5.0

#: Wide characters take two cells.
NARROWEST = 2


@dataclass(frozen=True)
class CueLayout:
    """Lines and least length of subtitles (SRT and WebVTT), and whether each word has its time.

    With `word_timestamps`, SRT has a cue and TSV a line for each word, and WebVTT a timestamp
    before each word but a cue's first. JSON has the words' times in any case; plain text has none.
    Raises UsageError for lines too narrow for a character, for cues of no line, and for a length
    that is none.
    """

    #: Cells of a line at most; None: a cue is one line.
    max_line_width: int | None = MAX_LINE_WIDTH
    #: Lines of a cue at most; None: as many as its segment needs.
    max_line_count: int | None = MAX_LINE_COUNT
    word_timestamps: bool = False
    #: Seconds; cues that would be shorter are merged with a neighbour, or held. 0: none are.
    min_cue: float = MIN_CUE

    def __post_init__(self) -> None:
        if self.max_line_width is not None and self.max_line_width < NARROWEST:
            raise UsageError(
                f"A line must be at least {NARROWEST} cells wide, not {self.max_line_width}."
            )
        if self.max_line_count is not None and self.max_line_count < 1:
            raise UsageError(f"A cue must have at least 1 line, not {self.max_line_count}.")
        if not 0 <= self.min_cue <= LONGEST_MIN_CUE:
            raise UsageError(
                f"A cue must stand at least 0 to {LONGEST_MIN_CUE:g} seconds, not {self.min_cue:g}."
            )


DEFAULT_LAYOUT = CueLayout()

"""A line of text that is typed key by key, edited as in a shell."""

#: Keys that edit a line, as terminals send them.
LEFT, RIGHT = ("\x1b[D", "\x1bOD"), ("\x1b[C", "\x1bOC")
HOME, END = ("\x1b[H", "\x1bOH", "\x1b[1~"), ("\x1b[F", "\x1bOF", "\x1b[4~")
DELETE = "\x1b[3~"


class LineEditor:
    """A question, and what was typed for it before the cursor and behind it."""

    def __init__(self) -> None:
        #: The question that keys belong to; None if there is none.
        self.question: str | None = None
        self.before, self.behind = "", ""

    def ask(self, question: str) -> None:
        """Begin to ask for a line of text."""
        self.question, self.before, self.behind = question, "", ""

    def type(self, key: str) -> str | None:
        """Take a key for the question; return the text, if that key was Enter.

        Escape takes the question back.
        """
        before, behind = self.before, self.behind
        if key in ("\r", "\n"):
            self.question = None
            return (before + behind).strip() or None
        if key == "\x1b":
            self.question = None
        elif key in ("\x7f", "\b"):
            before = before[:-1]
        elif key == DELETE:
            behind = behind[1:]
        elif key in (*LEFT, "\x02"):
            before, behind = before[:-1], before[-1:] + behind
        elif key in (*RIGHT, "\x06"):
            before, behind = before + behind[:1], behind[1:]
        elif key in (*HOME, "\x01"):
            before, behind = "", before + behind
        elif key in (*END, "\x05"):
            before, behind = before + behind, ""
        elif key == "\x15":  # Ctrl-U
            before = ""
        elif key == "\x0b":  # Ctrl-K
            behind = ""
        elif key == "\x17":  # Ctrl-W
            before = before.rstrip().rpartition(" ")[0]
            before += " " if before else ""
        elif key.isprintable() or key == "\t":  # a line of a list that is pasted may have one
            before += key
        self.before, self.behind = before, behind
        return None

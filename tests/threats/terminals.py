"""Running a command on a terminal, and checking its output for control sequences."""

import re
import subprocess
import sys

from tests.terminal import Terminal
from tests.typed import environment

#: Orders that nemocli and Rich give themselves: colours, and what redraws some lines.
OWN = re.compile(r"\x1b\[(\?25[lh]|\?2026[lh]|[0-9;]*m|[0-9]*A|2K|0?J|1G)")

#: Controls, separators of lines, and what turns the order of letters around.
HARMFUL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")

ENVIRONMENT = {"TERM": "xterm", "COLUMNS": "100", "LINES": "24", "FAKE_SECONDS": "0.01"}


def started(module, arguments, **streams):
    command = [sys.executable, "-m", module, *map(str, arguments)]
    return subprocess.Popen(command, env=environment(**ENVIRONMENT), **streams)


def on_a_terminal(module, *arguments):
    """Run on a terminal; return its whole output, stdout and stderr, and the exit code."""
    with Terminal(100) as terminal:
        theirs = terminal.theirs
        code = started(module, arguments, stdin=theirs, stdout=theirs, stderr=theirs).wait()
    return terminal.shown.decode(), code


def into_pipes(module, *arguments, stdin=b""):
    """Run without a terminal; return stdout as bytes, stderr as text, and the exit code."""
    process = started(module, arguments, stdin=-1, stdout=-1, stderr=-1)
    out, err = process.communicate(stdin)
    return out, err.decode(), process.returncode


def assert_harmless(text):
    """Check that output has only text, line breaks, tabs, and nemocli's own control sequences."""
    found = HARMFUL.search(OWN.sub("", text))
    assert not found, repr(text[max(0, found.start() - 80) : found.end() + 80])

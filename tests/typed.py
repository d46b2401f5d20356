"""Running nemocli as it is typed: in this process, or in a new one."""

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from unittest.mock import patch

from typer.testing import CliRunner

from nemocli.cli.app import app

ROOT = Path(__file__).parents[1]

#: What a command line begins with; and with a fake transcriber, see there.
NEMOCLI = [sys.executable, "-m", "nemocli"]
FAKE = [sys.executable, "-m", "tests.cli.fake_command"]


def nemocli(*arguments, **options):
    """Run a command line in this process. Options are those of click's CliRunner.invoke."""
    return CliRunner().invoke(app, list(map(str, arguments)), **options)


def nemocli_piped(data, *arguments):
    """Run a command line in this process, with these bytes down a pipe on `live`'s stdin."""
    reading, writing = os.pipe()

    def write():
        # The command may end before it has read everything.
        with suppress(BrokenPipeError), open(writing, "wb") as pipe:
            pipe.write(data)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        with patch("nemocli.cli.live_source._find_stdin", lambda: reading):
            return nemocli(*arguments)
    finally:
        os.close(reading)
        writer.join()


def environment(**own):
    """Return the environment in which a process finds nemocli and the tests, in any folder."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return os.environ | {"PYTHONPATH": path} | {name: str(value) for name, value in own.items()}

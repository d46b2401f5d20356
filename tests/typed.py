"""Running nemocli as it is typed: in this process, or in a new one."""

import os
import sys
from pathlib import Path

from typer.testing import CliRunner

from nemocli.cli.app import app

ROOT = Path(__file__).parents[1]

#: What a command line begins with; and with a fake transcriber, see there.
NEMOCLI = [sys.executable, "-m", "nemocli"]
FAKE = [sys.executable, "-m", "tests.cli.fake_command"]


def nemocli(*arguments, **options):
    """Run a command line in this process. Options are those of click's CliRunner.invoke."""
    return CliRunner().invoke(app, list(map(str, arguments)), **options)


def environment(**own):
    """Return the environment in which a process finds nemocli and the tests, in any folder."""
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    return os.environ | {"PYTHONPATH": path} | {name: str(value) for name, value in own.items()}

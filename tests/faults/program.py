"""Running nemocli with a fault at a chosen place, in a new process or in this one."""

import importlib
import shutil
import subprocess
import sys
from contextlib import contextmanager
from unittest.mock import patch

from tests.typed import environment, nemocli, nemocli_piped


def start(*arguments, code="", env=(), **options):
    """Begin `nemocli` with these arguments, with `code` run before it."""
    script = f"{code}\nfrom nemocli.__main__ import main\nmain()"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    # -P: as for the installed command, modules are not looked for in the current folder. Without
    # it, Python 3.13.0 imports no native code where that folder is gone.
    return subprocess.Popen(
        [sys.executable, "-P", "-c", script, *map(str, arguments)],
        env=environment(**dict(env)),
        **pipes | options,
    )


def run(*arguments, data=None, **options):
    """Run nemocli to its end; return exit code, stdout and stderr as text."""
    stdin = {"stdin": subprocess.PIPE} if data is not None else {}
    with start(*arguments, **stdin | options) as running:
        out, err = running.communicate(data, timeout=120)
    return running.returncode, (out or b"").decode(), (err or b"").decode()


def run_here(*arguments, data=None):
    """`run` in this process, for faults that hit nothing but nemocli's own functions."""
    done = nemocli(*arguments) if data is None else nemocli_piped(data, *arguments)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout, done.stderr


@contextmanager
def before_first_call(place, fault):
    """Call `fault` in this process before a function is called for the first time.

    `place` is as in `in_place_of`, which does this in a new process.
    """
    module, path = place.split(":")
    owner = importlib.import_module(module)
    *outer, name = path.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real, calls = getattr(owner, name), []

    def changed(*arguments, **options):
        calls.append(1)
        if len(calls) == 1:
            fault()
        return real(*arguments, **options)

    with patch.object(owner, name, changed):
        yield
    assert calls, f"{place} was never called"


def sentence(err):
    """Return stderr, after checking that it is one sentence."""
    assert "Traceback" not in err and "Something unexpected" not in err, err
    said = [line for line in err.splitlines() if line.startswith("nemocli: ")]
    assert len(said) == 1, err
    return said[0]


def in_place_of(place, statements):
    """Return code that makes a function run `statements` before its first call.

    `place` is its module, a colon, and its name there, such as `nemocli.audio.pcm:open_pcm`.
    """
    module, name = place.split(":")
    indented = "\n".join(f"        {line}" for line in statements.splitlines())
    return f"""
import errno, importlib, os, shutil, signal, sys, time
def _change():
    owner = importlib.import_module({module!r})
    *outer, name = {name!r}.split(".")
    for part in outer:
        owner = getattr(owner, part)
    real, calls = getattr(owner, name), []
    def changed(*arguments, **options):
        calls.append(1)
        if len(calls) == 1:
            first()
        return real(*arguments, **options)
    def first():
{indented}
    setattr(owner, name, changed)
_change()
"""


def struck_in(place, number):
    """Return code that sends the program a signal when a function is called for the first time."""
    return in_place_of(place, f"os.kill(os.getpid(), {int(number)})")


def struck_importing(module, number):
    """Return code that sends the program a signal when it begins to import a module."""
    return f"""
import os, sys
def _strike(event, arguments):
    if event == "import" and arguments[0] == {module!r}:
        os.kill(os.getpid(), {int(number)})
sys.addaudithook(_strike)
"""


def remove_at_once(folder):
    """Remove a folder that threads write into: no file comes while the others go."""
    away = folder.with_name(f"{folder.name}-away")
    folder.rename(away)
    shutil.rmtree(away)


def files(folder):
    """Return the paths of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())

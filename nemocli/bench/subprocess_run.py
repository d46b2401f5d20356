"""A function run in a process of its own: nothing was loaded before it, and no crash outlives it.

The process is one of a new session, so that Ctrl-C reaches only the one that waits for it, which
ends it then; and it ends by itself when that one is gone.
"""

import os
import pickle
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds after which it is given up: a cold compile for a Neural Engine may take minutes.
TIME_LIMIT = 1800.0

#: What the new interpreter runs. Modules are looked for where this process finds them.
_BEGIN = """
import pickle, sys
try:
    sys.path[:] = pickle.load(sys.stdin.buffer)
except (EOFError, pickle.UnpicklingError):  # the one that waits was interrupted before it said what
    sys.exit(1)
from nemocli.bench.subprocess_run import work
work()
"""


class TrialError(Exception):
    """The process ended without a result."""


def run_in_subprocess(function: Callable[..., T], *arguments: object) -> T:
    """The result of a module's function in a new process; all of it must be picklable.

    Raises what the function raised, and TrialError if the process died or took too long.
    """
    # What a library keeps in temporary files, such as a copy of the model, goes with the process.
    with tempfile.TemporaryDirectory(prefix="nemocli-", ignore_cleanup_errors=True) as temporary:
        answer = _answer(function, arguments, temporary)
    try:
        succeeded, result = pickle.loads(answer)
    except (EOFError, pickle.UnpicklingError):
        raise TrialError("it ended the process that ran it") from None
    if not succeeded:
        raise result
    done: T = result
    return done


def _answer(function: Callable[..., Any], arguments: tuple[object, ...], temporary: str) -> bytes:
    lifeline, held = os.pipe()
    job = pickle.dumps(sys.path) + pickle.dumps((function, arguments, lifeline))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _BEGIN],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(lifeline,),
        start_new_session=True,
        env=os.environ | {"TMPDIR": temporary},
    )
    try:
        return process.communicate(job, timeout=TIME_LIMIT)[0]
    except subprocess.TimeoutExpired:
        raise TrialError(f"it was not done after {TIME_LIMIT:.0f} s") from None
    finally:
        process.kill()
        process.wait()
        os.close(lifeline)
        os.close(held)


def work() -> None:
    """The other side: run what stdin brings, and write what came of it to stdout."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints
    try:
        function, arguments, lifeline = pickle.load(sys.stdin.buffer)
    except (EOFError, pickle.UnpicklingError):
        sys.exit(1)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    try:
        answer = pickle.dumps((True, function(*arguments)))
    except Exception as error:
        answer = _failure(error)
    answers.write(answer)
    answers.flush()
    os._exit(0)  # without the ends of native libraries, which nobody needs any more


def _end_with(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the other end is closed
    os._exit(1)


def _failure(error: Exception) -> bytes:
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)
    except Exception:  # an exception of a library that does not survive the way
        other: Any = TrialError(f"{type(error).__name__}: {error}")
        return pickle.dumps((False, other))
    return answer

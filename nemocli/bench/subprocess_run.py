"""A function run in a new process: nothing is loaded there yet, and a crash ends only that process.

The process belongs to a new process group, so Ctrl-C reaches only its parent, which then ends it.
If the parent is killed, the process ends too.
"""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

#: Seconds that a process may take: compiling for a Neural Engine may take minutes.
RUN_TIMEOUT_S = 1800.0

#: The new interpreter's program. It searches modules where this process does.
_BOOTSTRAP = """
import pickle, sys
try:
    sys.path[:] = pickle.load(sys.stdin.buffer)
except (EOFError, pickle.UnpicklingError):  # the parent was interrupted before it sent the call
    sys.exit(1)
from nemocli.bench.subprocess_run import serve_call
serve_call()
"""


class SubprocessError(Exception):
    """The process ended without a result."""


def run_in_subprocess(function: Callable[..., T], *arguments: object) -> T:
    """Call a module's function in a new process and return its result.

    Function, arguments and result must be picklable. Raises what the function raised, and
    SubprocessError if the process died or took too long.
    """
    # Temporary files of libraries, such as a copy of the model, are deleted with the process.
    with tempfile.TemporaryDirectory(prefix="nemocli-", ignore_cleanup_errors=True) as temporary:
        answer = _call(function, arguments, temporary)
    try:
        succeeded, result = pickle.loads(answer)
    except (EOFError, pickle.UnpicklingError):
        raise SubprocessError("it ended the process that ran it") from None
    if not succeeded:
        raise result
    returned: T = result
    return returned


def _call(function: Callable[..., Any], arguments: tuple[object, ...], temporary: str) -> bytes:
    """Return what the new process writes: pickled success, and the result or the exception."""
    lifeline, held = os.pipe()
    request = pickle.dumps(sys.path) + pickle.dumps((function, arguments, lifeline))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", _BOOTSTRAP],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        pass_fds=(lifeline,),
        start_new_session=True,
        env=os.environ | {"TMPDIR": temporary},
    )
    try:
        return process.communicate(request, timeout=RUN_TIMEOUT_S)[0]
    except subprocess.TimeoutExpired:
        raise SubprocessError(f"it was not done after {RUN_TIMEOUT_S:.0f} s") from None
    finally:
        process.kill()
        process.wait()
        os.close(lifeline)
        os.close(held)


def serve_call() -> None:
    """Read a call from stdin, make it, and write the result to stdout: in the new process."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print goes to stderr
    try:
        function, arguments, lifeline = pickle.load(sys.stdin.buffer)
    except (EOFError, pickle.UnpicklingError):
        sys.exit(1)
    threading.Thread(target=_exit_with_parent, args=(lifeline,), daemon=True).start()
    try:
        answer = pickle.dumps((True, function(*arguments)))
    except Exception as error:
        answer = _pickle_error(error)
    answers.write(answer)
    answers.flush()
    os._exit(0)  # the exit handlers of native libraries are not needed


def _exit_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when the parent's end is closed
    # The parent, which is gone, cannot remove the folder that it made for this process.
    shutil.rmtree(os.environ["TMPDIR"], ignore_errors=True)
    os._exit(1)


def _pickle_error(error: Exception) -> bytes:
    try:
        answer = pickle.dumps((False, error))
        pickle.loads(answer)
    except Exception:  # exceptions of some libraries cannot be pickled
        other: Any = SubprocessError(f"{type(error).__name__}: {error}")
        return pickle.dumps((False, other))
    return answer

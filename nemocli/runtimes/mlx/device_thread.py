"""The one thread of this process that calls MLX; importing this starts it.

MLX keeps a native thread for each thread that ever called it, even after that one has ended, and
what it compiles as well; and what is not yet computed can be computed only in the thread that made
it. So all runtimes share a thread, whichever threads call them.
"""

import atexit
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from nemocli.errors import UnsupportedError

Result = TypeVar("Result")

#: Functions to call, in order. Python may add to this queue in the middle of anything, when it
#: collects garbage; other queues do not allow that.
_tasks: SimpleQueue[Callable[[], object]] = SimpleQueue()

#: The process that has the thread: one that is forked from it does not.
_process = os.getpid()


def call(function: Callable[[], Result]) -> Result:
    """Call a function in MLX's thread; return or raise what it does.

    Raises UnsupportedError in a process that was forked from the one that imported this.
    """
    if os.getpid() != _process:
        raise UnsupportedError(
            "MLX does not work in a forked process; start it anew, as the methods spawn and"
            " forkserver of Python's multiprocessing do, or use the onnx runtime."
        )
    future: Future[Result] = Future()
    _tasks.put(partial(_settle, future, function))
    return future.result()


def call_later(function: Callable[[], object]) -> None:
    """Have a function called in MLX's thread, without waiting for it."""
    _tasks.put(function)


def _settle(future: Future[Result], function: Callable[[], Result]) -> None:
    try:
        future.set_result(function())
    except BaseException as error:
        future.set_exception(error)


def _wait_for_call() -> None:
    if os.getpid() == _process:
        call(lambda: None)


def _work() -> None:
    while True:
        _tasks.get()()  # without a name, which would keep what it holds until the next


# A daemon, since other threads may call it for as long as Python runs. But Python waits for its
# call: native code must not come back to a Python that is gone.
threading.Thread(target=_work, name="mlx", daemon=True).start()
atexit.register(_wait_for_call)

"""The one thread of this process that calls MLX; importing this starts it.

MLX keeps a native thread for each thread that ever called it, even after that one has ended, and
what it compiles as well; and what is not yet computed can be computed only in the thread that made
it. So all runtimes share a thread, whichever threads call them.
"""

import atexit
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")

#: Functions to call, in order. Python may add to this queue in the middle of anything, when it
#: collects garbage; other queues do not allow that.
_tasks: SimpleQueue[Callable[[], object]] = SimpleQueue()


def call(function: Callable[[], Result]) -> Result:
    """Call a function in MLX's thread; return or raise what it does."""
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


def _work() -> None:
    while True:
        _tasks.get()()  # without a name, which would keep what it holds until the next


# A daemon, since other threads may call it for as long as Python runs. But Python waits for its
# call: native code must not come back to a Python that is gone.
threading.Thread(target=_work, name="mlx", daemon=True).start()
atexit.register(call, lambda: None)

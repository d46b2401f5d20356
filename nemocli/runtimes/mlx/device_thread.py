"""The one thread of this process that calls MLX.

MLX keeps a native thread for each thread that ever called it, even after that one has ended, and
what it compiles as well; and what is not yet computed can be computed only in the thread that made
it. So all runtimes share a thread, whichever threads call them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from queue import SimpleQueue
from typing import TypeVar

Result = TypeVar("Result")

#: What is to be called before the next call. Python may add to it in the middle of anything, when
#: it collects garbage; an executor's own queue does not allow that.
_waiting: SimpleQueue[Callable[[], object]] = SimpleQueue()


@cache
def _executor() -> ThreadPoolExecutor:
    # Python waits for its call before it ends: native code must not come back to a Python that is
    # gone.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="mlx")


def call(function: Callable[[], Result]) -> Result:
    """Call a function in MLX's thread; return or raise what it does."""
    return _executor().submit(_call, function).result()


def call_later(function: Callable[[], object]) -> None:
    """Have a function called in MLX's thread before the next call, without waiting for it."""
    _waiting.put(function)


def _call(function: Callable[[], Result]) -> Result:
    while not _waiting.empty():
        _waiting.get()()
    return function()

"""The one thread of this process that calls MLX.

MLX keeps a native thread for each thread that ever called it, even after that one has ended, and
what it compiles as well; and what is not yet computed can be computed only in the thread that made
it. So all runtimes share a thread, whichever threads call them.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")


@cache
def _executor() -> ThreadPoolExecutor:
    # Python waits for its call before it ends: native code must not come back to a Python that is
    # gone.
    return ThreadPoolExecutor(max_workers=1, thread_name_prefix="mlx")


def call(function: Callable[[], Result]) -> Result:
    """Call a function in MLX's thread; return or raise what it does."""
    return _executor().submit(function).result()

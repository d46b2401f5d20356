"""Speed of the machine itself at this moment, by fixed work that does not depend on nemocli.

Timed with every repeat, it tells whether the machine became slower or nemocli did. The memory's
speed also gives a lower bound for a chunk: the time that reading the model's weights takes.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

#: Rows and columns of the matrices that are multiplied.
SIZE = 512

#: Bytes that are read: more than any processor's caches hold.
READ_BYTES = 256_000_000

REPEATS = 5


@dataclass(frozen=True)
class Calibration:
    """Median speeds, measured in one process."""

    #: Seconds that numpy takes to multiply two float32 matrices [512, 512].
    product: float
    #: Bytes that all processors together read from memory per second.
    bytes_per_second: float


def calibrate() -> Calibration:
    """Measure both speeds, which takes some tenths of a second.

    To be run in a process of its own, since it takes memory.
    """
    import numpy as np

    a = np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype(np.float32)
    product = _time(lambda: a @ a, 3 * REPEATS)
    workers = count_usable_processors()
    parts = np.array_split(np.ones(READ_BYTES // 8, np.int64), workers)
    with ThreadPoolExecutor(workers) as pool:
        # A reduction releases Python's lock, and is faster than the memory.
        read = _time(lambda: list(pool.map(np.bitwise_or.reduce, parts)), REPEATS)
    return Calibration(product, READ_BYTES / read)


def _time(work: Callable[[], object], repeats: int) -> float:
    """Return the median of the seconds that the work takes, without a first call."""
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - began)
    return median(seconds[1:])


def count_usable_processors() -> int:
    """Return how many processors this process may use; the machine may have more."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

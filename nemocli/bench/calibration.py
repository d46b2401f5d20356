"""How fast the machine itself is at the moment: fixed work that no change of nemocli changes.

Measured beside every repeat, it tells a machine that slowed down from a nemocli that did; and how
long merely reading a model's weights from memory takes, which no chunk can be quicker than.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median

#: Rows and columns of the matrices that are multiplied.
SIZE = 512

#: Bytes that are read: more than processors have caches.
READ_BYTES = 256_000_000

TURNS = 5


@dataclass(frozen=True)
class Calibration:
    """Medians of one process."""

    #: Seconds of a product of two float32 matrices [512, 512] by numpy.
    product: float
    #: Bytes that all processors together read from memory in a second.
    bytes_per_second: float


def calibrate() -> Calibration:
    """Both measures; some tenths of a second, in a process of its own because of its memory."""
    import numpy as np

    a = np.random.default_rng(0).normal(size=(SIZE, SIZE)).astype(np.float32)
    product = _time(lambda: a @ a, 3 * TURNS)
    workers = usable_processors()
    parts = np.array_split(np.ones(READ_BYTES // 8, np.int64), workers)
    with ThreadPoolExecutor(workers) as pool:
        # A reduction leaves Python's lock alone, and is quicker than the memory.
        read = _time(lambda: list(pool.map(np.bitwise_or.reduce, parts)), TURNS)
    return Calibration(product, READ_BYTES / read)


def _time(work: Callable[[], object], turns: int) -> float:
    taken = []
    for _ in range(turns + 1):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return median(taken[1:])


def usable_processors() -> int:
    """Processors that this process may use, which can be fewer than the machine has."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

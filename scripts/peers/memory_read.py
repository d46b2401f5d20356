"""How long this machine takes to read so many bytes from memory once.

    python scripts/peers/memory_read.py BYTES THREADS

A model's weights are larger than the caches: whoever computes a chunk has to read them all, so no
runtime can be faster than this. The bytes are zeros, and memchr of the C library looks for another
value in them, in as many threads as the recognizers use: it reads each byte once, writes nothing,
and is bound by memory alone. Prints the seconds of each of several readings as JSON.
"""

import ctypes
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

READINGS = 20


def read_times(size: int, threads: int) -> list[float]:
    """Seconds of each of `READINGS` readings of `size` bytes."""
    weights = np.zeros(size, np.uint8)
    weights.fill(0)  # pages that nobody wrote to would all be one page of zeros
    libc = ctypes.CDLL(None)
    libc.memchr.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]
    libc.memchr.restype = ctypes.c_void_p
    edges = np.linspace(0, size, threads + 1).astype(int).tolist()
    spans = [(weights.ctypes.data + a, b - a) for a, b in pairwise(edges)]

    def read(span: tuple[int, int]) -> None:
        assert libc.memchr(span[0], 1, span[1]) is None

    times = []
    with ThreadPoolExecutor(threads) as pool:
        for _ in range(READINGS + 1):  # the first starts the threads
            began = time.perf_counter()
            list(pool.map(read, spans))
            times.append(time.perf_counter() - began)
    return times[1:]


if __name__ == "__main__":
    print(json.dumps(read_times(int(sys.argv[1]), int(sys.argv[2]))))

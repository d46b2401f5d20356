"""Conversion of raw samples of devices, pipes and WAV files to float32."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

#: Bytes of a sample by encoding, whose name gives kind (unsigned, signed, float), bits and order.
SAMPLE_BYTES = {"u8": 1, "s16le": 2, "s24le": 3, "s32le": 4, "f32le": 4, "f64le": 8}


def decode_samples(data: bytes, encoding: str, channels: int) -> npt.NDArray[np.float32]:
    """Convert interleaved samples to float32 [frames, channels], full scale at 1.0.

    `data` must be whole frames.
    """
    if encoding == "u8":
        samples = (np.frombuffer(data, np.uint8).astype(np.float32) - 128) / 128
    elif encoding == "s24le":
        wide = np.zeros((len(data) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        samples = wide.view("<i4")[:, 0] / 2**31
    elif encoding in ("s16le", "s32le"):
        bits = 8 * SAMPLE_BYTES[encoding]
        samples = np.frombuffer(data, f"<i{bits // 8}") / 2 ** (bits - 1)
    else:
        samples = np.frombuffer(data, "<f4" if encoding == "f32le" else "<f8")
    return samples.astype(np.float32).reshape(-1, channels)

"""The encoder of a loaded model, as streams use it; chosen once, by the shapes of its graphs."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.block_encoder import BlockEncoder
from nemocli.engine.chunk_encoder import ChunkEncoder
from nemocli.engine.encoder_stream import EncoderStream
from nemocli.runtimes.base import Runtime


class Encoder(Protocol):
    """Calls the encoder's graphs."""

    #: Streams that a call takes at most; None for any number. The decoder's graphs take as many.
    max_streams: int | None

    def encode(self, streams: Sequence[EncoderStream], chunks: int) -> list[NDArray[np.float32]]:
        """Encode the next `chunks` chunks of each stream: enc_proj [frames, decoder size] of each.

        A stream that has not ended must have so many; one that has ended may have fewer.
        """
        ...


def choose_encoder(runtime: Runtime) -> Encoder:
    """Return the encoder for a runtime's graphs."""
    return ChunkEncoder(runtime) if runtime.has_fixed_shapes else BlockEncoder(runtime)

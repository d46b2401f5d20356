"""What both encoders have in common, and the choice between them for a loaded model."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from nemocli.engine.block_encoder import BlockEncoder
from nemocli.engine.chunk_encoder import ChunkEncoder
from nemocli.engine.encoder_stream import EncoderStream
from nemocli.runtimes.base import Runtime


class Encoder(Protocol):
    """Calls the encoder's graphs."""

    #: The most streams in a call, also of the decoder's graphs; None for any number.
    max_streams: int | None

    def encode(
        self,
        streams: Sequence[EncoderStream],
        chunks: int,
        prepared: Callable[[], None] | None = None,
    ) -> list[NDArray[np.float32]]:
        """Encode the next `chunks` chunks of each stream.

        Returns enc_proj [frames, decoder size] for each stream. Only a stream that has ended may
        have fewer chunks left. `prepared` is called when only the runtime has something to do, so
        that other threads may run.
        """
        ...

    def trim(self) -> bool:
        """Give back memory that streams no longer need; return whether there may be more later."""
        ...

    def close(self) -> None:
        """Give back what streams have in common; no call follows."""
        ...


def choose_encoder(runtime: Runtime) -> Encoder:
    """Choose the encoder that suits the shapes of a runtime's graphs."""
    return ChunkEncoder(runtime) if runtime.has_fixed_shapes else BlockEncoder(runtime)

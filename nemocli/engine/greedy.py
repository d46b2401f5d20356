"""Greedy decoding of an RNN transducer (arXiv:1211.3711, section 2.5, with a beam of one)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nemocli.runtimes.base import Arrays, Runtime

#: Frames the joint looks at in one call. Most frames are blank: one call then settles them all, and
#: after a token the frames behind it are looked at again with the new predictor output.
WINDOW = 8


@dataclass(frozen=True, slots=True)
class Emission:
    """A symbol, the encoder frame it was emitted on, and its probability there."""

    token: int
    frame: int
    probability: float


class GreedyDecoder:
    """Predictor state of one stream, whose frames come in any portions."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        config = runtime.config
        self._blank, self._max_symbols = config.blank_id, config.max_symbols
        state = (config.decoder_layers, 1, config.decoder_size)
        self._state: Arrays = {"h": np.zeros(state, np.float32), "c": np.zeros(state, np.float32)}
        self._dec_out = self._predict(self._blank)
        self._frame = 0

    def decode(self, enc_proj: NDArray[np.float32]) -> list[Emission]:
        """Symbols of the next frames [n, decoder size].

        On each frame the best symbol is taken until that is blank, `max_symbols` at most.
        """
        emissions: list[Emission] = []
        at = symbols = 0
        while at < len(enc_proj):
            logits = self._joint(enc_proj[at : at + WINDOW])
            best = logits.argmax(-1)
            spoken = np.flatnonzero(best != self._blank)
            if len(spoken) == 0:
                at, symbols = at + len(best), 0
                continue
            blanks = int(spoken[0])
            if blanks:
                at, symbols = at + blanks, 0
            token = int(best[blanks])
            probability = _softmax_at(logits[blanks], token)
            emissions.append(Emission(token, self._frame + at, probability))
            self._dec_out = self._predict(token)
            symbols += 1
            if symbols == self._max_symbols:
                at, symbols = at + 1, 0
        self._frame += len(enc_proj)
        return emissions

    def _predict(self, token: int) -> NDArray[np.float32]:
        inputs: Arrays = {"token": np.array([[token]], np.int32)}
        out = self._runtime.run("predict", inputs | self._state)
        self._state = {"h": out["h_out"], "c": out["c_out"]}
        return out["dec_out"]

    def _joint(self, frames: NDArray[np.float32]) -> NDArray[np.float32]:
        inputs = {"dec_out": self._dec_out, "enc_frame": frames}
        return self._runtime.run("joint", inputs)["token_logits"]


def _softmax_at(logits: NDArray[np.float32], index: int) -> float:
    return float(1 / np.exp(logits.astype(np.float64) - logits[index]).sum())

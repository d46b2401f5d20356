"""A loaded diarization model, and the calls of its graphs."""

import time
from collections.abc import Sequence
from numbers import Integral
from threading import Lock
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nemocli.arguments import check_argument
from nemocli.closing import Closing
from nemocli.diarization.modes import DiarizationMode, list_modes
from nemocli.diarization.stream import SpeakerStream, Step
from nemocli.errors import NemocliError, UsageError
from nemocli.network.diarizer_config import ROWS_PER_FRAME, DiarizerConfig
from nemocli.network.diarizer_graphs import DIARIZE, EMBED
from nemocli.network.diarizer_parameters import compute_rotation

if TYPE_CHECKING:
    from nemocli.runtimes.base import GraphRuntime

Array = NDArray[np.float32]

#: Added to the scores of frames that only fill a shape; every float16 has it.
HIDDEN = np.float32(-1e4)


class Diarizer(Closing):
    """Serves any number of streams, from any thread; one call of the model at a time."""

    def __init__(self, runtime: "GraphRuntime", config: DiarizerConfig) -> None:
        self.config = config
        #: By name, see `list_modes`.
        self.modes = list_modes(config)
        self._runtime = runtime
        self._is_closed = False
        self._lock = Lock()
        longest = max(mode.encode_frames for mode in self.modes.values())
        self._cos, self._sin = compute_rotation(config, longest)
        #: The embedding [D] that stands for silence in a speaker cache.
        self.silence: Array = self._embed_silence()

    @property
    def runtime(self) -> str:
        """The name of the runtime that computes."""
        return self._runtime.name

    def begin(
        self, mode: str, keep_logits: bool = False, most_remembered: int | None = None
    ) -> SpeakerStream:
        """Begin a stream. Raises UsageError for a `mode` that the model does not have.

        Raises it for arguments of another type too, and NemocliError if the model is closed.

        `keep_logits` collects them in `SpeakerStream.logits`, for comparisons. The speaker cache
        keeps frames of the first `most_remembered` speakers only. Otherwise a speaker whom the
        model finds once by mistake has frames there for hours, and is found again.
        """
        check_argument("keep_logits", keep_logits, bool, "True or False")
        kinds = (Integral, NoneType)
        check_argument("most_remembered", most_remembered, kinds, "a whole number, or None")
        self._check_mode(mode)
        if self._is_closed:
            raise _explain_closed()
        return SpeakerStream(self, self.modes[mode], keep_logits, most_remembered)

    def time_step(self, mode: str) -> float:
        """Return the seconds of the longest step of a `mode`: the faster one of two.

        Raises what `begin` raises.
        """
        self._check_mode(mode)
        embeds = np.zeros((self.modes[mode].encode_frames, len(self.silence)), np.float32)
        times = []
        with self._lock:
            if self._is_closed:
                raise _explain_closed()
            for _ in range(2):
                began = time.perf_counter()
                self._encode([embeds], self.modes[mode])
                times.append(time.perf_counter() - began)
        return min(times)

    def close(self) -> None:
        """Let go of the model."""
        with self._lock:
            self._is_closed = True
            self._runtime.close()

    def advance(self, steps: Sequence[tuple[SpeakerStream, Step]]) -> list[Array]:
        """Take a step in each of several streams, of one mode; `steps` are theirs.

        Returns the probabilities [rows, speakers] of the rows that each decided. NemocliError if
        the model is closed.
        """
        mode = steps[0][0].mode
        with self._lock:
            if self._is_closed:
                raise _explain_closed()
            embeds = self._embed([step.mel for _, step in steps], mode)
            remembered = [stream.cache.list_frames() for stream, _ in steps]
            logits = self._encode(list(map(_join, remembered, embeds)), mode)
        return [
            stream.end_step(step, *found)
            for (stream, step), *found in zip(steps, embeds, logits, strict=True)
        ]

    def _check_mode(self, mode: str) -> None:
        check_argument("mode", mode, str, "the name of a mode")
        if mode not in self.modes:
            raise UsageError(
                f"The diarization model has no mode {mode!r};"
                f" choose one of {', '.join(self.modes)}."
            )

    def _embed(self, parts: Sequence[Array], mode: DiarizationMode) -> list[Array]:
        """Embed frames [n, 8 mels] of each stream, as [n, D]."""
        if self._runtime.has_fixed_shapes:
            size = mode.embed_frames
            return [
                self._call_embed(f"{EMBED}{size}", _fill(part, size))[: len(part)] for part in parts
            ]
        ends = np.cumsum([len(part) for part in parts])
        return np.split(self._call_embed(EMBED, np.concatenate(parts)), ends[:-1])

    def _call_embed(self, graph: str, mel: Array, silent: float = 0.0) -> Array:
        inputs = {"mel": mel[None], "silent": np.full((1, len(mel), 1), silent, np.float32)}
        embeds: Array = self._runtime.run(graph, inputs)["embeds"][0]
        return embeds

    def _embed_silence(self) -> Array:
        width = ROWS_PER_FRAME * self.config.features.num_mels
        graph, size = EMBED, 1
        if self._runtime.has_fixed_shapes:
            size = self.modes[self.config.default_mode].embed_frames
            graph = f"{EMBED}{size}"
        embeds = self._call_embed(graph, np.zeros((size, width), np.float32), 1.0)
        return np.array(embeds[0])

    def _encode(self, parts: Sequence[Array], mode: DiarizationMode) -> list[Array]:
        """Encode frames [n, D] of each stream; return the logits [8 n, speakers] of each."""
        if self._runtime.has_fixed_shapes:
            graph, size = f"{DIARIZE}{mode.encode_frames}", mode.encode_frames
            calls = [self._runtime.run(graph, _join_frames([part], size)) for part in parts]
            logits = [call["logits"][0] for call in calls]
        else:
            size = max(map(len, parts))
            turns = {"cos": self._cos[:size], "sin": self._sin[:size]}
            logits = list(self._runtime.run(DIARIZE, _join_frames(parts, size) | turns)["logits"])
        return [
            part_logits[: ROWS_PER_FRAME * len(part)]
            for part, part_logits in zip(parts, logits, strict=True)
        ]


def _explain_closed() -> NemocliError:
    """Return the error for a model that is closed."""
    return NemocliError("This diarization model is closed; load it again.")


def _join(remembered: Array, embeds: Array) -> Array:
    return np.concatenate([remembered, embeds])


def _fill(part: Array, size: int) -> Array:
    """Append rows of zeros, to make `size`."""
    return np.concatenate([part, np.zeros((size - len(part), part.shape[1]), np.float32)])


def _join_frames(parts: Sequence[Array], size: int) -> dict[str, Any]:
    """Return the inputs for frames [n, D] of each stream, all completed to `size` frames.

    What completes them is hidden from the others, and kept out of the head's convolution.
    """
    counts = np.array([len(part) for part in parts])
    keep = (np.arange(size) < counts[:, None]).astype(np.float32)
    return {
        "embeds": np.stack([_fill(part, size) for part in parts]),
        "neg_mask": np.where(keep > 0, np.float32(0), HIDDEN)[:, None, None],
        "keep": keep[:, :, None],
    }

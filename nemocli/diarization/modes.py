"""The modes of a diarization model: how many frames are decided at once, with how many ahead."""

from dataclasses import dataclass

from nemocli.network.diarizer_config import DiarizerConfig

#: Seconds of a frame.
FRAME_S = 0.08

#: For whole recordings: the fewest frames to encode for each that is decided.
OFFLINE = "offline"

#: For live streams on processors: a live mode encodes hundreds of frames to decide a few; this one
#: decides more at once, and has a short FIFO.
LARGE_CHUNK = "large_chunk"
_LARGE_CHUNK_SIZES = {"chunk": 32, "lookahead": 4, "fifo": 40, "pop": 40}


@dataclass(frozen=True)
class DiarizationMode:
    """One mode. All lengths are in frames of 80 ms."""

    name: str
    #: Frames that a step decides.
    chunk: int
    #: Frames after them that it sees, and decides in a later step.
    lookahead: int
    #: Frames before them that it sees, and has decided already.
    lookback: int
    #: Capacity of the FIFO, and the least frames that leave it at once.
    fifo: int
    pop: int
    #: Whether the end of the sound is cut into chunks too, with the lookahead that there is. If
    #: not, all that is left is one last chunk.
    ends_in_chunks: bool
    #: The least frames that a graph of a fixed shape needs: for what a step embeds, and for what
    #: it encodes. Live modes share one size, so that one graph serves all of them.
    embed_frames: int
    encode_frames: int

    @property
    def latency_s(self) -> float:
        """Seconds of sound that a decision may wait for, at most."""
        return (self.chunk + self.lookahead) * FRAME_S


def list_fixed_sizes(config: DiarizerConfig) -> list[tuple[int, int]]:
    """Return the frames that a step embeds and encodes at most, once for all modes that share them.

    Those of the live modes come first.
    """
    modes = list_modes(config).values()
    return list(dict.fromkeys((mode.embed_frames, mode.encode_frames) for mode in modes))


def list_modes(config: DiarizerConfig) -> dict[str, DiarizationMode]:
    """Return the modes of a model by name: its live ones, then the one of large chunks, offline."""
    longest = max(chunk + lookahead for chunk, lookahead in config.modes.values())
    modes = [
        DiarizationMode(
            *(name, chunk, lookahead, 0, config.fifo_frames, config.pop_frames, False),
            embed_frames=longest,
            encode_frames=config.cache_frames + config.fifo_frames + longest,
        )
        for name, (chunk, lookahead) in config.modes.items()
    ]
    large = _LARGE_CHUNK_SIZES
    modes.append(
        DiarizationMode(
            *(LARGE_CHUNK, large["chunk"], large["lookahead"], 0, large["fifo"], large["pop"]),
            ends_in_chunks=False,
            embed_frames=large["chunk"] + large["lookahead"],
            encode_frames=config.cache_frames + sum(large.values()) - large["pop"],
        )
    )
    whole = config.offline_lookback + config.offline_chunk + config.offline_lookahead
    modes.append(
        DiarizationMode(
            *(OFFLINE, config.offline_chunk, config.offline_lookahead, config.offline_lookback),
            *(config.offline_fifo, config.offline_pop),
            ends_in_chunks=True,
            embed_frames=whole,
            encode_frames=config.cache_frames + config.offline_fifo + whole,
        )
    )
    return {mode.name: mode for mode in modes}

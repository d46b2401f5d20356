"""What the live connections of a server have done, in numbers."""

from nemocli.live.lags import Lags


class LiveStatistics:
    """Counts of live connections since the start."""

    def __init__(self) -> None:
        self.connections = 0
        self.refused = 0
        self.turns = 0
        self.sound_s = 0.0
        #: Seconds from the arrival of sound that completes a chunk to its text being sent.
        self.lags = Lags()

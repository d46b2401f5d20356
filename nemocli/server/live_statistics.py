"""What the live connections of a server have done, in numbers."""

from nemocli.live.lags import Lags


class LiveStatistics:
    """Counts of live connections since the start."""

    def __init__(self) -> None:
        self.connections = 0
        self.refused = 0
        self.turns = 0
        self.sound_s = 0.0
        #: Seconds of sound that came and gave no text since the connection ended too early.
        self.dropped_s = 0.0
        #: Seconds from the arrival of sound to the words in it being sent.
        self.lags = Lags()

"""One clock for several sources: it begins with the one whose sound began first."""

from collections.abc import Sequence

from nemocli.audio.source import LiveSource


class CommonClock:
    """Finds where the sounds of sources begin on their common clock."""

    def __init__(self, sources: Sequence[LiveSource]) -> None:
        self._sources = sources
        self._origin: float | None = None

    def find_offset(self, source: LiveSource) -> float:
        """Return the seconds from the clock's beginning to that of a source's sound.

        The clock begins when it is first asked about a source whose sound has begun.
        """
        if source.began_at is None:
            return 0.0
        if self._origin is None:
            known = (each.began_at for each in self._sources)
            self._origin = min(each for each in known if each is not None)
        return source.began_at - self._origin

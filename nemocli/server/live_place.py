"""The place among the live streams that a connection has while it sends sound."""

import asyncio
from contextlib import ExitStack

from nemocli.closing import Closing
from nemocli.scheduler.scheduler import BusyError
from nemocli.server.service import Service

#: Seconds without sound after which a connection's place is given back: others may need it.
MAX_SILENT_S = 60.0


class LivePlace(Closing):
    """A connection's place: taken when sound comes, and given back after silence or `close`."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._taken = ExitStack()
        self._is_taken = False
        self._sound_at = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def check(self) -> None:
        """Raise BusyError if no place is free."""
        self.take()
        self.close()

    def take(self) -> None:
        """Note that sound came, and take a place if there is none yet. Raises BusyError."""
        loop = asyncio.get_running_loop()
        self._sound_at = loop.time()
        if self._is_taken:
            return
        try:
            self._taken.enter_context(self._service.scheduler.take_live_place())
        except BusyError:
            self._service.live_statistics.refused += 1
            raise
        self._is_taken = True
        self._timer = loop.call_later(MAX_SILENT_S, self._look)

    def _look(self) -> None:
        """Give the place back after silence; otherwise look again later."""
        loop = asyncio.get_running_loop()
        remaining = self._sound_at + MAX_SILENT_S - loop.time()
        if remaining <= 0:
            self.close()
        else:
            self._timer = loop.call_later(remaining, self._look)

    def close(self) -> None:
        """Give the place back; twice is fine."""
        if self._timer is not None:
            self._timer.cancel()
        self._is_taken = False
        self._taken.close()

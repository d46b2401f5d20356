"""uvicorn's connections, with limits on the time that a client may take."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

#: Seconds in which the head of a request must come, and in which a client must take what it is
#: sent.
HEAD_TIMEOUT_S, TAKE_TIMEOUT_S = 30.0, 60.0

#: Seconds in which a response must be complete whose client sends no more. It may have ended its
#: side after the request, or be gone: that looks the same, and then nobody needs the response.
HALF_CLOSED_TIMEOUT_S = 10.0


class _TakesInTime(asyncio.Protocol):
    """Closes a connection that does not take what it is sent; mixed into uvicorn's protocols."""

    loop: asyncio.AbstractEventLoop
    transport: Any
    _take_timer: asyncio.TimerHandle | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._take_timer)
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._take_timer = self.loop.call_later(TAKE_TIMEOUT_S, self.transport.abort)

    def resume_writing(self) -> None:
        _cancel(self._take_timer)
        super().resume_writing()


class TimedHttp(_TakesInTime, H11Protocol):
    """Closes connections whose request does not come, and those that take no response."""

    _head_timer: asyncio.TimerHandle | None = None
    _half_closed_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch_head()

    def connection_lost(self, exc: Exception | None) -> None:
        _cancel(self._head_timer)
        _cancel(self._half_closed_timer)
        super().connection_lost(exc)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep the connection for a while if the response of a whole request is not complete."""
        if self.cycle is None or self.cycle.more_body or self.cycle.response_complete:
            return False
        self.cycle.keep_alive = False
        self._half_closed_timer = self.loop.call_later(HALF_CLOSED_TIMEOUT_S, self.transport.close)
        return True

    def _watch_head(self) -> None:
        """Start the timer for the head of a request, or cancel it if the head has come."""
        is_waiting = self in self.connections and (
            self.cycle is None or self.cycle.response_complete
        )
        if is_waiting and self._head_timer is None:
            self._head_timer = self.loop.call_later(HEAD_TIMEOUT_S, self._close_silent)
        elif not is_waiting:
            _cancel(self._head_timer)
            self._head_timer = None

    def _close_silent(self) -> None:
        self._head_timer = None
        if self in self.connections and (self.cycle is None or self.cycle.response_complete):
            self.transport.close()


class TimedWebSocket(_TakesInTime, WebSocketsSansIOProtocol):
    """Closes connections that take no messages."""

    async def send(self, message: Any) -> None:
        """Send a message; a refusal that is complete is a handshake that is complete.

        uvicorn does not count it as one, and would log a failure for each client that is refused.
        """
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True


def _cancel(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()

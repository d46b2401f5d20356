"""The sound of one live client, between its connection and a thread that transcribes it.

The queue between the two is bounded: if the model is slower than the client, the connection is read
more slowly, so that the client has to wait. Nothing is dropped.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from nemocli.live.turns import TurnEvent, TurnStream
from nemocli.server.service import Service
from nemocli.units import SAMPLE_RATE

Samples: TypeAlias = NDArray[np.float32]

#: What is done between two pieces of sound, in the thread that transcribes.
Order: TypeAlias = Callable[[TurnStream], Iterable[TurnEvent]]

#: Seconds of sound that wait at most, and that a thread takes at once.
MAX_WAITING_S, STEP_S = 10.0, 1.0

#: Seconds of sound for which a thread is worth waking, and that it is waited for. Sound of 24 to
#: 48 kHz comes out of the resampler in pieces of that length at least: none waits for the next.
MIN_STEP_S = 0.03

#: Seconds between two looks whether a silent client's turn has ended, and for how long.
LOOK_S, LOOKED_FOR_S = 0.25, 20.0


class LiveInput:
    """Transcribes what is put in, in order; `receive` is awaited with each batch of events.

    `run` does it, until `end` is reached in the queue; it raises what the model raises.
    `progressed` is awaited when chunks were transcribed, behind their events.
    """

    def __init__(
        self,
        service: Service,
        turns: TurnStream,
        receive: Callable[[list[TurnEvent]], Awaitable[None]],
        progressed: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self.turns = turns
        self._service = service
        self._receive = receive
        self._progressed = progressed
        self._queue: asyncio.Queue[Samples | Order | None] = asyncio.Queue()
        self._waiting = 0
        self._has_room = asyncio.Event()
        self._has_room.set()
        # The first item that did not belong to the step before.
        self._held: list[Samples | Order | None] = []
        # When the pieces of sound that wait came, and the first of those that are transcribed.
        self._arrivals: deque[float] = deque()
        self._came_at = 0.0

    async def put_sound(self, samples: Samples) -> None:
        """Add samples, float32 [n] at 16 kHz; waits while there are too many."""
        step = round(STEP_S * SAMPLE_RATE)
        for at in range(0, len(samples), step):
            await self._has_room.wait()
            piece = samples[at : at + step]
            self._waiting += len(piece)
            if self._waiting > MAX_WAITING_S * SAMPLE_RATE:
                self._has_room.clear()
            self._arrivals.append(time.monotonic())
            self._queue.put_nowait(piece)

    async def put_order(self, order: Order) -> None:
        """Add something to do behind the sound that was put in before."""
        await self._has_room.wait()
        self._queue.put_nowait(order)

    def end(self) -> None:
        """Let `run` return when all that was put in before is done."""
        self._queue.put_nowait(None)

    async def run(self) -> None:
        """Transcribe until the end."""
        last_sound = time.monotonic()
        while True:
            item = await self._get_next(last_sound)
            if item is None:
                return
            if isinstance(item, _Silent):
                seconds = time.monotonic() - last_sound
                await self._do(lambda turns, s=seconds: turns.wait(s))  # type: ignore[misc]
            elif isinstance(item, np.ndarray):
                await self._transcribe(item)
                last_sound = time.monotonic()
            else:
                await self._do(item)

    async def _get_next(self, last_sound: float) -> "Samples | Order | _Silent | None":
        """Return what comes next; pieces of sound that wait are joined."""
        first = await self._get(last_sound)
        if not isinstance(first, np.ndarray):
            return first
        self._came_at = self._arrivals.popleft()
        pieces, count = [first], len(first)
        while count < STEP_S * SAMPLE_RATE:
            if self._queue.empty() and count < MIN_STEP_S * SAMPLE_RATE:
                try:
                    async with asyncio.timeout(MIN_STEP_S):
                        following = await self._queue.get()
                except TimeoutError:
                    break
            elif not self._queue.empty():
                following = self._queue.get_nowait()
            else:
                break
            if not isinstance(following, np.ndarray):
                self._held.append(following)
                break
            self._arrivals.popleft()
            pieces.append(following)
            count += len(following)
        self._waiting -= count
        if self._waiting <= MAX_WAITING_S * SAMPLE_RATE:
            self._has_room.set()
        return np.concatenate(pieces)

    async def _get(self, last_sound: float) -> "Samples | Order | _Silent | None":
        if self._held:
            return self._held.pop()
        if time.monotonic() - last_sound > LOOKED_FOR_S:
            return await self._queue.get()
        try:
            async with asyncio.timeout(LOOK_S):
                return await self._queue.get()
        except TimeoutError:
            return _Silent()

    async def _transcribe(self, samples: Samples) -> None:
        frames = self.turns.frames
        await self._do(lambda turns: turns.receive(samples))
        statistics = self._service.live_statistics
        statistics.sound_s += len(samples) / SAMPLE_RATE
        if self.turns.frames != frames:  # a chunk was complete
            statistics.lags.add(time.monotonic() - self._came_at)
            if self._progressed is not None:
                await self._progressed()

    async def _do(self, order: Order) -> None:
        events = await self._service.run_live(lambda: list(order(self.turns)))
        if events:
            await self._receive(events)


class _Silent:
    """No sound came for a while."""

"""The sound of one live client, between its connection and a thread that transcribes it.

The queue between the two is bounded: if the model is slower than the client, the connection is read
more slowly, so that the client has to wait. Nothing is dropped.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
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

#: Seconds without sound after which a part of a chunk is transcribed too; then, seconds between two
#: looks whether a silent client's turn has ended, and for how long.
LOOK_S, LOOKED_FOR_S = 0.25, 20.0


@dataclass(frozen=True)
class _Piece:
    """Sound, and when it came."""

    samples: Samples
    came_at: float


class LiveInput:
    """Transcribes what is put in, in order; `receive` is awaited with each batch of events.

    No thread is woken for less than a chunk of sound, which could give no words. `run` does it,
    until `end` is reached in the queue; it raises what the model raises. `progressed` is awaited
    when chunks were transcribed, behind their events.
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
        self._items: deque[_Piece | Order | None] = deque()
        # Samples and other items that wait, and samples that complete a chunk.
        self._waiting = self._orders = self._needed = 0
        self._has_work = asyncio.Event()
        self._has_room = asyncio.Event()
        self._has_room.set()
        # When the sound came that completed the first chunk of a step.
        self._came_at = 0.0

    async def put_sound(self, samples: Samples) -> None:
        """Add samples, float32 [n] at 16 kHz; waits while there are too many."""
        step = round(STEP_S * SAMPLE_RATE)
        for at in range(0, len(samples), step):
            await self._has_room.wait()
            piece = samples[at : at + step]
            is_first = not self._waiting
            self._waiting += len(piece)
            if self._waiting > MAX_WAITING_S * SAMPLE_RATE:
                self._has_room.clear()
            self._items.append(_Piece(piece, time.monotonic()))
            if is_first or self._has_step:
                self._has_work.set()

    async def put_order(self, order: Order) -> None:
        """Add something to do behind the sound that was put in before."""
        await self._has_room.wait()
        self._put(order)

    def end(self) -> None:
        """Let `run` return when all that was put in before is done."""
        self._put(None)

    def _put(self, order: Order | None) -> None:
        self._items.append(order)
        self._orders += 1
        self._has_work.set()

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
        self._needed = self.turns.samples_to_chunk
        while not self._has_step:
            self._has_work.clear()
            is_looked_for = self._waiting or time.monotonic() - last_sound <= LOOKED_FOR_S
            try:
                async with asyncio.timeout(LOOK_S if is_looked_for else None):
                    await self._has_work.wait()
            except TimeoutError:
                if self._has_step:
                    break
                if not self._waiting:
                    return _Silent()
                if time.monotonic() - self._last_came_at >= LOOK_S:
                    break
        if isinstance(first := self._items[0], _Piece):
            return self._take_step()
        self._items.popleft()
        self._orders -= 1
        return first

    @property
    def _has_step(self) -> bool:
        """Whether what waits is worth waking a thread for."""
        return self._orders > 0 or self._waiting >= max(1, self._needed)

    @property
    def _last_came_at(self) -> float:
        """When the last sound came, of that which waits."""
        last = self._items[-1]
        assert isinstance(last, _Piece)
        return last.came_at

    def _take_step(self) -> Samples:
        """Remove and return sound that waits, up to the next order."""
        pieces: list[Samples] = []
        count = 0
        while count < STEP_S * SAMPLE_RATE and self._items:
            if not isinstance(piece := self._items[0], _Piece):
                break
            if not pieces or count < self._needed:
                self._came_at = piece.came_at
            pieces.append(piece.samples)
            count += len(piece.samples)
            self._items.popleft()
        self._waiting -= count
        if self._waiting <= MAX_WAITING_S * SAMPLE_RATE:
            self._has_room.set()
        return np.concatenate(pieces)

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

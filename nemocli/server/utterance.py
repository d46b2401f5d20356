"""What is said in a Wyoming connection between audio-start and audio-stop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from nemocli.boosting.phrases import Phrases
from nemocli.live.stream import StreamLimits
from nemocli.live.turns import TurnEnded, TurnEvent, TurnStream, TurnText
from nemocli.scheduler.scheduler import BusyError
from nemocli.server.errors import as_api_error
from nemocli.server.live_input import LiveInput
from nemocli.server.live_place import LivePlace
from nemocli.server.service import Service
from nemocli.server.sound_format import SoundFormat, SoundReader
from nemocli.server.wyoming_frames import Frame


class Utterance:
    """One utterance: its sound is transcribed as it comes, and `send` is awaited with frames.

    The transcript's frame has the `warnings`, which clients may ignore.
    """

    def __init__(
        self,
        service: Service,
        send: Callable[[Frame], Awaitable[None]],
        language: str,
        phrases: Phrases,
        sound_format: SoundFormat,
        warnings: Sequence[str] = (),
    ) -> None:
        self._service = service
        self._send = send
        self._language = language
        self._warnings = warnings
        self._reader = SoundReader(sound_format)
        limits = StreamLimits(endpoint=float("inf"))
        turns = TurnStream(
            service.transcriber, language, limits, ends_at_pauses=False, phrases=phrases
        )
        self._input = LiveInput(service, turns, self._receive)
        self._stack = AsyncExitStack()
        self._stack.callback(self._reader.close)
        self._place = self._stack.enter_context(LivePlace(service))
        self._is_begun = False
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Begin, if there is a place; raises ApiError if there is none."""
        try:
            await self._stack.enter_async_context(self._service.count_connection())
            self._place.check()
        except Exception as error:
            await self._stack.aclose()
            raise as_api_error(error) from None
        self._service.live_statistics.connections += 1
        self._task = asyncio.create_task(self._input.run())

    async def put(self, data: bytes) -> None:
        """Add sound; waits while too much of it waits. ApiError if there is no place any more."""
        if data:
            try:
                self._place.take()
            except BusyError as error:
                raise as_api_error(error) from None
        await self._wait_for(self._input.put_sound(self._reader.read(data)))

    async def finish(self) -> None:
        """Send the transcript."""
        await self._wait_for(self._input.put_sound(self._reader.finish()))
        await self._wait_for(self._input.put_order(lambda turns: turns.end_turn()))
        self._input.end()
        assert self._task is not None
        try:
            await self._task
        except (OSError, TimeoutError):
            raise
        except Exception as error:
            raise as_api_error(error) from None

    async def close(self) -> None:
        """End it, wherever it is."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._stack.aclose()

    async def _wait_for(self, work: Coroutine[Any, Any, None]) -> None:
        """Wait for work, or for the end of the thread that it waits for."""
        assert self._task is not None
        waiting = asyncio.ensure_future(work)
        await asyncio.wait((waiting, self._task), return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            waiting.cancel()
            with suppress(asyncio.CancelledError):
                await waiting
        if self._task.done() and (error := self._task.exception()) is not None:
            raise as_api_error(error) from None

    async def _receive(self, events: Sequence[TurnEvent]) -> None:
        for event in events:
            if isinstance(event, TurnText):
                if not self._is_begun:
                    self._is_begun = True
                    await self._send(Frame("transcript-start", self._describe_language(None)))
                await self._send(Frame("transcript-chunk", {"text": event.text}))
            elif isinstance(event, TurnEnded):
                self._service.live_statistics.turns += 1
                about = self._describe_language(event.language)
                if self._warnings:
                    about["warnings"] = list(self._warnings)
                await self._send(Frame("transcript", {"text": event.text, **about}))
                if self._is_begun:
                    await self._send(Frame("transcript-stop", {}))

    def _describe_language(self, language: str | None) -> dict[str, Any]:
        language = language or (None if self._language == "auto" else self._language)
        return {"language": language} if language else {}

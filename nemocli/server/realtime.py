"""/v1/realtime: sound in and text out over a WebSocket, as in OpenAI's transcription sessions."""

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from nemocli.boosting.phrases import Phrases
from nemocli.closing import Closing
from nemocli.live.turns import TurnEnded, TurnEvent, TurnStream
from nemocli.scheduler.scheduler import BusyError
from nemocli.server.errors import ApiError, as_api_error
from nemocli.server.live_input import LiveInput
from nemocli.server.live_place import LivePlace
from nemocli.server.realtime_events import decode_sound, explain_kind, parse_event
from nemocli.server.realtime_settings import make_first_session, merge_session, read_settings
from nemocli.server.realtime_writer import GOING_AWAY, RealtimeWriter
from nemocli.server.service import Service
from nemocli.server.sound_format import SoundReader
from nemocli.units import SAMPLE_RATE

LOG = logging.getLogger("nemocli.server")

#: Codes of a WebSocket's end: the client broke the rules, a failure, try again later.
VIOLATION, FAILURE, TRY_LATER = 1008, 1011, 1013

#: Errors of a client after which its connection is closed.
MAX_ERRORS = 50

#: The least sound of a turn that the client ends, in seconds.
MIN_COMMIT_S = 0.1

#: When the server ends, seconds in which a client's last sound is read, or after which no more is
#: expected.
LAST_SOUND_TIMEOUT_S, LAST_SOUND_PAUSE_S = 1.0, 0.2

#: Seconds to wait for the last text when the server ends the session.
LAST_TEXT_TIMEOUT_S = 20.0


async def serve_realtime(websocket: WebSocket) -> None:
    """Serve a connection until it is closed, or the server ends."""
    service: Service = websocket.app.state.service
    is_offered = "realtime" in websocket.scope.get("subprotocols", [])
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(service.count_connection())
        except ApiError as error:
            await websocket.send_denial_response(error.make_response())
            return
        await websocket.accept("realtime" if is_offered else None)
        place = stack.enter_context(LivePlace(service))
        try:
            place.check()  # so that a client need not send sound to be refused
        except BusyError as error:
            await websocket.close(TRY_LATER, str(error)[:120])
            return
        service.live_statistics.connections += 1
        try:
            with RealtimeSession(service, websocket, place) as session:
                await session.run()
        except WebSocketDisconnect:
            pass
        except Exception as error:
            LOG.error("a realtime session failed: %r", error)
            await websocket.close(FAILURE)


class RealtimeSession(Closing):
    """One connection: a task reads it, and another transcribes and answers."""

    def __init__(self, service: Service, websocket: WebSocket, place: LivePlace) -> None:
        self._service = service
        self._place = place
        self._websocket = websocket
        self._writer = RealtimeWriter(websocket, service)
        # Clients of the interface before 2026 say so, or send its events.
        self._writer.is_old = "realtime=v1" in websocket.headers.get("openai-beta", "")
        self._session = make_first_session(service.model_id)
        self._settings = read_settings(self._session, service.transcriber, service.settings)
        self._reader = SoundReader(self._settings.sound)
        self._input = LiveInput(
            service, self._make_turns(0.0), self._send_turns, self._send_progress
        )
        self._errors = 0
        self._read_at = time.monotonic()
        # Samples at 16 kHz since the last commit or clear, as the reading task counts them.
        self._uncommitted = 0

    def _make_turns(self, begin: float) -> TurnStream:
        settings = self._settings
        return TurnStream(
            self._service.transcriber,
            settings.language,
            settings.limits,
            settings.endpoint_s is not None,
            begin,
            settings.requested.phrases,
            settings.keeps_tokens,
        )

    async def run(self) -> None:
        """Greet, and serve until one of the two sides ends it."""
        await self._writer.send_session("created", self._session, self._warn_of_language())
        transcribing = asyncio.ensure_future(self._input.run())
        reading = asyncio.ensure_future(self._read())
        draining = asyncio.ensure_future(self._service.draining.wait())
        tasks = (transcribing, reading, draining)
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            if transcribing.done():
                await self._fail(transcribing.exception())
            elif reading.done():
                if isinstance(error := reading.exception(), BusyError):
                    await self._finish(transcribing)
                    await self._websocket.close(TRY_LATER, str(error)[:120])
                elif error is not None:
                    raise error
            else:
                await self._drain(transcribing)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def close(self) -> None:
        """Free what the connection held."""
        self._reader.close()

    async def _fail(self, error: BaseException | None) -> None:
        if isinstance(error, WebSocketDisconnect):
            raise error
        failure = as_api_error(error or RuntimeError())
        await self._writer.send_failure(failure)
        await self._websocket.close(FAILURE, failure.message[:120])

    async def _drain(self, transcribing: "asyncio.Future[None]") -> None:
        """Send what was said so far, and close: the server ends.

        What the client has sent already is still read, for a short time.
        """
        until = time.monotonic() + LAST_SOUND_TIMEOUT_S
        while time.monotonic() < min(until, self._read_at + LAST_SOUND_PAUSE_S):
            await asyncio.sleep(LAST_SOUND_PAUSE_S / 4)
        await self._finish(transcribing)
        await self._websocket.close(GOING_AWAY, "The server ends.")

    async def _finish(self, transcribing: "asyncio.Future[None]") -> None:
        """Send the text of the turn that was begun, unless that takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_TEXT_TIMEOUT_S):
                await self._input.put_order(
                    lambda turns: turns.end_turn() if turns.has_sound else ()
                )
                self._input.end()
                await transcribing

    # ------------------------------------------------------------------------------ from the client

    async def _read(self) -> None:
        while True:
            message = await self._websocket.receive()
            self._read_at = time.monotonic()
            if message["type"] == "websocket.disconnect":
                return
            event: dict[str, Any] = {}
            try:
                if (data := message.get("bytes")) is not None:
                    await self._append(data)
                    continue
                event = parse_event(message.get("text"))
                await self._handle(event)
            except ApiError as error:
                event_id = event.get("event_id")
                await self._refuse(error, event_id if isinstance(event_id, str) else None)

    async def _handle(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "input_audio_buffer.append":
            await self._append(decode_sound(event.get("audio")))
        elif kind == "input_audio_buffer.commit":
            await self._commit()
        elif kind == "input_audio_buffer.clear":
            self._reader.clear()
            self._uncommitted = 0
            await self._input.put_order(lambda turns: turns.clear())
        elif kind in ("session.update", "transcription_session.update"):
            await self._update(event)
        else:
            raise ApiError(400, explain_kind(kind), "type", "unknown")

    async def _append(self, data: bytes) -> None:
        if data:
            self._place.take()
        samples = self._reader.read(data)
        self._uncommitted += len(samples)
        await self._input.put_sound(samples)

    async def _commit(self) -> None:
        samples = self._reader.finish()
        self._uncommitted += len(samples)
        await self._input.put_sound(samples)
        ends_itself = self._settings.endpoint_s is None
        if ends_itself and self._uncommitted < MIN_COMMIT_S * SAMPLE_RATE:
            raise ApiError(
                400,
                "There is less than 100 ms of sound to commit.",
                code="input_audio_buffer_commit_empty",
            )
        self._uncommitted = 0
        await self._input.put_order(lambda turns: turns.end_turn())

    async def _update(self, event: dict[str, Any]) -> None:
        if event["type"] == "transcription_session.update":
            self._writer.is_old = True
        session = merge_session(self._session, event.get("session"))
        settings = read_settings(session, self._service.transcriber, self._service.settings)
        before, self._settings, self._session = self._settings, settings, session
        if settings.sound != before.sound:
            await self._input.put_sound(self._reader.finish())
            self._reader = SoundReader(settings.sound)
        if (settings.endpoint_s is None) != (before.endpoint_s is None):
            await self._input.put_order(lambda turns: self._replace_turns(turns))
        else:
            if settings.endpoint_s != before.endpoint_s:
                endpoint = settings.limits.endpoint
                await self._input.put_order(lambda turns: _set_endpoint(turns, endpoint))
            if settings.language != before.language:
                await self._input.put_order(lambda turns: _switch(turns, settings.language))
        if settings.keeps_tokens != before.keeps_tokens:
            await self._input.put_order(lambda turns: _keep(turns, settings.keeps_tokens))
        self._writer.includes = settings.includes
        if settings.requested.phrases != before.requested.phrases:
            await self._input.put_order(lambda turns: _prefer(turns, settings.requested.phrases))
        warnings = () if settings.language == before.language else self._warn_of_language()
        await self._writer.send_session(
            "updated", session, (*warnings, *settings.requested.warnings)
        )

    def _warn_of_language(self) -> tuple[str, ...]:
        warning = self._service.transcriber.warn_of_language(self._settings.language)
        return () if warning is None else (warning,)

    def _replace_turns(self, turns: TurnStream) -> Iterator[TurnEvent]:
        """End what was said by the old settings, and begin anew by the new ones."""
        if turns.has_sound:
            for event in turns.end_turn():
                if not isinstance(event, TurnEnded) or event.text:  # no turn without words
                    yield event
        self._input.turns = self._make_turns(turns.seconds)

    async def _refuse(self, error: ApiError, event_id: str | None) -> None:
        """Send an error that the client made; after many of them, close the connection."""
        self._errors += 1
        await self._writer.send("error", error=error.make_body() | {"event_id": event_id})
        if self._errors >= MAX_ERRORS:
            await self._websocket.close(VIOLATION, "Too many errors.")
            raise WebSocketDisconnect(VIOLATION)

    async def _send_turns(self, events: Sequence[TurnEvent]) -> None:
        await self._writer.send_turns(
            events, self._settings.endpoint_s is not None, self._input.turns.seconds
        )

    async def _send_progress(self) -> None:
        await self._writer.send_progress(self._input.turns.seconds)


def _keep(turns: TurnStream, keeps_tokens: bool) -> Sequence[TurnEvent]:
    turns.keep_tokens(keeps_tokens)
    return ()


def _prefer(turns: TurnStream, phrases: Phrases) -> Sequence[TurnEvent]:
    turns.prefer(phrases)
    return ()


def _set_endpoint(turns: TurnStream, endpoint: float) -> Sequence[TurnEvent]:
    turns.set_endpoint(endpoint)
    return ()


def _switch(turns: TurnStream, lang: str) -> Sequence[TurnEvent]:
    turns.switch(lang)
    return ()

"""The Wyoming protocol, by which Home Assistant and its satellites have speech recognised.

It knows no keys: everyone who can reach the port may use it.
"""

import asyncio
import logging
import socket
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

from nemocli.live.stream import StreamLimits
from nemocli.live.turns import TurnEnded, TurnEvent, TurnStream, TurnText
from nemocli.server.errors import ApiError, as_api_error
from nemocli.server.fields import find_language
from nemocli.server.live_input import LiveInput
from nemocli.server.phrases import make_phrases
from nemocli.server.service import Service
from nemocli.server.sound_format import SoundFormat, SoundReader
from nemocli.server.wyoming_frames import MAX_LINE, Frame, read_frame, write_frame
from nemocli.version import __version__

LOG = logging.getLogger("nemocli.server")

#: Seconds in which a client must send its next frame, and take what it is sent.
READ_TIMEOUT_S, WRITE_TIMEOUT_S = 60.0, 30.0

#: The most connections at once.
MAX_CONNECTIONS = 128

#: Sound without an audio-start.
USUAL_FORMAT = {"rate": 16000, "width": 2, "channels": 1}


class WyomingServer:
    """Serves connections until it is closed."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, listening: socket.socket) -> None:
        """Begin to accept connections at a socket."""
        self._server = await asyncio.start_server(self._serve, sock=listening, limit=MAX_LINE)

    def stop_listening(self) -> None:
        """Accept no more connections."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """End all connections."""
        self.stop_listening()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if len(self._tasks) <= MAX_CONNECTIONS:
                async with WyomingConnection(self._service, reader, writer) as connection:
                    await connection.run()
        except (OSError, TimeoutError, asyncio.CancelledError):
            pass
        except Exception as error:
            LOG.error("a Wyoming connection failed: %r", error)
        finally:
            self._tasks.discard(task)
            # What it was sent and has not taken is given up.
            writer.transport.abort() if writer.transport.get_write_buffer_size() else writer.close()


class WyomingConnection:
    """One connection; an `async with` block ends what was begun."""

    def __init__(
        self, service: Service, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._service = service
        self._reader = reader
        self._writer = writer
        self._language = service.settings.lang
        self._utterance: _Utterance | None = None

    async def __aenter__(self) -> "WyomingConnection":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end_utterance()

    async def run(self) -> None:
        """Answer frames until the client closes, is silent for too long, or sends nonsense."""
        while True:
            try:
                async with asyncio.timeout(READ_TIMEOUT_S):
                    frame = await read_frame(self._reader)
                if frame is None:
                    return
                await self._handle(frame)
            except ApiError as error:
                await self._send(Frame("error", {"text": error.message, "code": error.code}))
                if error.status == 413:
                    return  # what follows cannot be told from the frame

    async def _handle(self, frame: Frame) -> None:
        if frame.type == "describe":
            await self._send(Frame("info", self._info()))
        elif frame.type == "ping":
            await self._send(Frame("pong", {"text": frame.data.get("text")}))
        elif frame.type == "transcribe":
            self._begin(frame.data)
        elif frame.type == "audio-start":
            await self._end_utterance()
            await self._start(frame.data)
        elif frame.type == "audio-chunk":
            if self._utterance is None:
                await self._start(USUAL_FORMAT | frame.data)
            assert self._utterance is not None
            await self._utterance.put(frame.payload)
        elif frame.type == "audio-stop":
            if self._utterance is None:
                await self._start(USUAL_FORMAT)
            assert self._utterance is not None
            await self._utterance.finish()
            await self._end_utterance()

    def _begin(self, data: dict[str, Any]) -> None:
        language = data.get("language")
        if language is not None and not isinstance(language, str):
            raise ApiError(400, "language is a text such as 'de'.", code="language")
        self._language = find_language(
            self._service.transcriber, language or self._service.settings.lang
        )
        phrases = make_phrases(
            {
                name: [text for text in data.get(name) or () if isinstance(text, str)]
                for name in ("transcript_names", "transcript_terms")
                if isinstance(data.get(name), list)
            }
        )
        for warning in phrases.warnings:
            LOG.info(warning)

    async def _start(self, data: dict[str, Any]) -> None:
        sound = USUAL_FORMAT | data
        if not all(type(sound[name]) is int for name in USUAL_FORMAT) or sound["width"] != 2:
            raise ApiError(400, "Sound has 16 bits a sample, a rate and channels.", code="format")
        sound_format = SoundFormat("pcm16", sound["rate"], sound["channels"])
        utterance = _Utterance(self._service, self._send, self._language, sound_format)
        await utterance.begin()
        self._utterance = utterance

    async def _end_utterance(self) -> None:
        utterance, self._utterance = self._utterance, None
        if utterance is not None:
            await utterance.close()

    async def _send(self, frame: Frame) -> None:
        self._writer.write(write_frame(frame))
        async with asyncio.timeout(WRITE_TIMEOUT_S):
            await self._writer.drain()

    def _info(self) -> dict[str, Any]:
        transcriber = self._service.transcriber
        tags = transcriber.languages
        codes = dict.fromkeys(tag.partition("-")[0] for tag in tags)
        nemocli = {"name": "nemocli", "url": ""}
        model = {
            "name": self._service.model_id,
            "description": f"{self._service.model_id}, {transcriber.runtime}",
            "attribution": nemocli,
            "installed": True,
            "version": __version__,
            "languages": [*codes, *tags],
        }
        program = {
            "name": "nemocli",
            "description": "Streaming speech to text",
            "attribution": nemocli,
            "installed": True,
            "version": __version__,
            "models": [model],
            "supports_transcript_streaming": True,
        }
        others: dict[str, Any] = {
            name: [] for name in ("tts", "handle", "intent", "wake", "mic", "snd")
        }
        return {"asr": [program], **others}


class _Utterance:
    """What is said between audio-start and audio-stop."""

    def __init__(
        self, service: Service, send: Any, language: str, sound_format: SoundFormat
    ) -> None:
        self._service = service
        self._send = send
        self._language = language
        self._reader = SoundReader(sound_format)
        limits = StreamLimits(endpoint=float("inf"))
        turns = TurnStream(service.transcriber, language, limits, ends_at_pauses=False)
        self._input = LiveInput(service, turns, self._receive)
        self._stack = AsyncExitStack()
        self._is_begun = False
        self._task: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Take a place; raises ApiError if there is none."""
        try:
            await self._stack.enter_async_context(self._service.connection())
            self._stack.enter_context(self._service.scheduler.live_place())
        except Exception as error:
            await self._stack.aclose()
            if as_api_error(error).status == 429:
                self._service.live_statistics.refused += 1
            raise as_api_error(error) from None
        self._service.live_statistics.connections += 1
        self._task = asyncio.create_task(self._input.run())

    async def put(self, data: bytes) -> None:
        """Add sound; waits while too much of it waits."""
        await self._while_running(self._input.put_sound(self._reader.read(data)))

    async def finish(self) -> None:
        """Send the transcript."""
        await self._while_running(self._input.put_sound(self._reader.finish()))
        await self._while_running(self._input.put_order(lambda turns: turns.end_turn()))
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

    async def _while_running(self, work: Any) -> None:
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
                    await self._send(Frame("transcript-start", self._about(None)))
                await self._send(Frame("transcript-chunk", {"text": event.text}))
            elif isinstance(event, TurnEnded):
                self._service.live_statistics.turns += 1
                about = self._about(event.language)
                await self._send(Frame("transcript", {"text": event.text, **about}))
                if self._is_begun:
                    await self._send(Frame("transcript-stop", {}))

    def _about(self, language: str | None) -> dict[str, Any]:
        language = language or (None if self._language == "auto" else self._language)
        return {"language": language} if language else {}

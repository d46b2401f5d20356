"""The Wyoming protocol, by which Home Assistant and its satellites have speech recognised.

It knows no keys: everyone who can reach the port may use it.
"""

import asyncio
import logging
import socket
from contextlib import suppress
from typing import Any

from nemocli.server.errors import ApiError
from nemocli.server.fields import find_language
from nemocli.server.phrases import add_phrases
from nemocli.server.service import Service
from nemocli.server.sound_format import SoundFormat
from nemocli.server.utterance import Utterance
from nemocli.server.wyoming_frames import MAX_LINE, Frame, read_frame, write_frame
from nemocli.version import __version__

LOG = logging.getLogger("nemocli.server")

#: Seconds in which a client must send its next frame, and take what it is sent.
READ_TIMEOUT_S, WRITE_TIMEOUT_S = 60.0, 30.0

#: Seconds to wait for the last text when the server ends.
LAST_TEXT_TIMEOUT_S = 1.0

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
        self._phrases = service.settings.phrases
        # Sentences about the language and the phrases of the next utterance.
        self._warnings = self._warn_of_language()
        self._utterance: Utterance | None = None

    async def __aenter__(self) -> "WyomingConnection":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._end_utterance()

    async def run(self) -> None:
        """Answer frames until the client closes, is silent for too long, or sends nonsense.

        When the task is cancelled, since the server ends, the text of what was said is sent.
        """
        try:
            await self._answer_frames()
        except asyncio.CancelledError:
            with suppress(ApiError, OSError, TimeoutError):
                async with asyncio.timeout(LAST_TEXT_TIMEOUT_S):
                    if self._utterance is not None:
                        await self._utterance.finish()
            raise

    async def _answer_frames(self) -> None:
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
            await self._send(Frame("info", self._describe_service()))
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
            raise ApiError(400, "language must be a text such as 'de'.", code="language")
        self._language = find_language(
            self._service.transcriber, language or self._service.settings.lang
        )
        requested = add_phrases(
            self._service.settings.phrases,
            {name: data.get(name) for name in ("transcript_names", "transcript_terms")},
        )
        self._phrases = requested.phrases
        self._warnings = (*self._warn_of_language(), *requested.warnings)
        for warning in self._warnings:
            LOG.info(warning)

    def _warn_of_language(self) -> tuple[str, ...]:
        warning = self._service.transcriber.warn_of_language(self._language)
        return () if warning is None else (warning,)

    async def _start(self, data: dict[str, Any]) -> None:
        sound = USUAL_FORMAT | data
        if not all(type(sound[name]) is int for name in USUAL_FORMAT) or sound["width"] != 2:
            raise ApiError(
                400, "Sound must have 16 bits a sample, a rate and channels.", code="format"
            )
        sound_format = SoundFormat("pcm16", sound["rate"], sound["channels"])
        utterance = Utterance(
            *(self._service, self._send, self._language, self._phrases, sound_format),
            self._warnings,
        )
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

    def _describe_service(self) -> dict[str, Any]:
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

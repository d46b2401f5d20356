"""POST /v1/audio/transcriptions: a file in, its transcript out, at once or as it grows."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from nemocli.batch.many import FileResult
from nemocli.server.answers import (
    describe_end,
    list_diarized_segments,
    make_diarized_answer,
    make_json_answer,
    make_verbose_answer,
)
from nemocli.server.errors import ApiError, as_api_error
from nemocli.server.fields import TranscriptionRequest, read_request
from nemocli.server.file_job import FileJob, StoppedError
from nemocli.server.service import Service
from nemocli.server.uploads import keep_file, open_form
from nemocli.transcript.cue_layout import DEFAULT_LAYOUT
from nemocli.transcript.formats import write_transcript
from nemocli.transcript.types import Transcript

LOG = logging.getLogger("nemocli.server")

#: Content types of the formats that are no JSON.
CONTENT_TYPES = {
    "text": "text/plain",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt",
}


async def transcribe(request: Request) -> Response:
    """Handle a request; a failure before the first byte of the response is an ApiError."""
    service: Service = request.app.state.service
    stack = AsyncExitStack()
    try:
        await stack.enter_async_context(service.count_connection())
        await stack.enter_async_context(service.count_file_request())
        form = await stack.enter_async_context(open_form(request, service))
        asked = read_request(form, service.transcriber, service.settings)
        kept = keep_file(asked.file.file, service.folder)
        path = await service.run_file(lambda: stack.enter_context(kept))
        if asked.is_streamed:
            response = await _begin_stream(service, asked, path, stack)
            stack = AsyncExitStack()  # the response ends the old one
            return response
        job = FileJob(service, path, asked)
        result = await _run_watched(service, request, job)
        return _respond(result, asked)
    finally:
        await stack.aclose()


async def _run_watched(service: Service, request: Request, job: FileJob) -> FileResult:
    """Run a job, and stop it if its client goes away."""
    work = asyncio.ensure_future(service.run_file(job.run))
    gone = asyncio.ensure_future(_wait_for_disconnect(request))
    try:
        await asyncio.wait((work, gone), return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            job.stop()
        return await work
    except StoppedError:
        raise ApiError(499, "The client has gone.") from None
    except asyncio.CancelledError:
        job.stop()
        raise
    finally:
        gone.cancel()


async def _wait_for_disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _respond(result: FileResult, asked: TranscriptionRequest) -> Response:
    transcript = result.transcript
    assert transcript is not None
    headers = _write_warning_headers(asked)
    if asked.response_format == "json":
        return JSONResponse(make_json_answer(transcript, asked), headers=headers)
    if asked.response_format == "diarized_json":
        return JSONResponse(make_diarized_answer(transcript, asked), headers=headers)
    if asked.response_format == "verbose_json":
        warnings = [warning.message for warning in result.warnings]
        return JSONResponse(make_verbose_answer(transcript, asked, warnings), headers=headers)
    return PlainTextResponse(
        _write_document(transcript, asked.response_format),
        headers=headers,
        media_type=CONTENT_TYPES[asked.response_format],
    )


def _write_document(transcript: Transcript, response_format: str) -> str:
    if response_format == "text":
        return transcript.text + "\n"
    return write_transcript(transcript, response_format, DEFAULT_LAYOUT)


def _write_warning_headers(asked: TranscriptionRequest) -> dict[str, str]:
    """Return the warnings as a header, which has only ASCII characters."""
    text = " ".join(asked.warnings).encode("ascii", "backslashreplace").decode()
    return {"x-nemocli-warning": text} if text else {}


async def _begin_stream(
    service: Service, asked: TranscriptionRequest, path: Path, stack: AsyncExitStack
) -> Response:
    """Begin a stream of events when the first text came: what fails earlier has a status."""
    loop = asyncio.get_running_loop()
    texts: asyncio.Queue[str | None] = asyncio.Queue()

    def report(text: str) -> None:
        with suppress(RuntimeError):  # the server has ended
            loop.call_soon_threadsafe(texts.put_nowait, text)

    job = FileJob(service, path, asked, report)
    work = asyncio.ensure_future(service.run_file(job.run))
    work.add_done_callback(lambda _: texts.put_nowait(None))
    stack.push_async_callback(_end, work)
    stack.callback(job.stop)
    try:
        first = await texts.get()
        if first is None:
            await work  # raises what it failed by
    except BaseException:
        job.stop()
        raise
    events = _send_events(texts, first, work, asked)
    headers = _write_warning_headers(asked)
    headers |= {"cache-control": "no-cache", "x-accel-buffering": "no"}
    return _EventStream(events, headers, service, stack)


async def _end(work: "asyncio.Future[FileResult]") -> None:
    """Wait for a job that was stopped, or is done: its file is removed next."""
    with suppress(Exception):
        await asyncio.shield(work)


class _EventStream(StreamingResponse):
    """A stream of events; the stack is ended with it, however that ends."""

    def __init__(
        self,
        events: AsyncIterator[str],
        headers: dict[str, str],
        service: Service,
        stack: AsyncExitStack,
    ) -> None:
        super().__init__(events, media_type="text/event-stream", headers=headers)
        self._service = service
        self._stack = stack

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:  # not here: this task may be cancelled
            self._service.begin(self._stack.aclose())


async def _send_events(
    texts: "asyncio.Queue[str | None]",
    text: str | None,
    work: "asyncio.Future[FileResult]",
    asked: TranscriptionRequest,
) -> AsyncIterator[str]:
    """Give events whose deltas, one after another, are the text."""
    sent = ""
    while text is not None:
        if len(text) > len(sent) and text.startswith(sent):
            yield _write_event({"type": "transcript.text.delta", "delta": text[len(sent) :]})
            sent = text
        text = await texts.get()
    try:
        result = await work
    except Exception as error:
        failure = as_api_error(error)
        if failure.is_fault:
            LOG.error("a transcription failed: %r", error)
        yield _write_event({"error": failure.make_body()})
        return
    transcript = result.transcript
    assert transcript is not None
    if rest := transcript.text[len(sent) :]:
        yield _write_event({"type": "transcript.text.delta", "delta": rest})
    if asked.has_speakers:
        for segment in list_diarized_segments(transcript):
            yield _write_event(segment)
    yield _write_event(describe_end(transcript, asked))
    yield "data: [DONE]\n\n"


def _write_event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data, ensure_ascii=False)}\n\n"

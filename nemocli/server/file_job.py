"""The transcription of one uploaded file, in a thread, which can be stopped."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from nemocli.audio.options import SoundOptions
from nemocli.batch.many import FileProgress, FileResult
from nemocli.errors import AudioError
from nemocli.server.errors import ApiError
from nemocli.server.fields import TranscriptionRequest
from nemocli.server.service import Service

#: The most seconds of sound in a file. A file of some kilobytes can hold days of silence.
MAX_SOUND_S = 24 * 3600.0

#: Seconds between two reports of the text so far, each of which joins all words.
REPORT_INTERVAL_S = 0.1


class StoppedError(Exception):
    """Nobody waits for the transcript any more."""


class FileJob:
    """Transcribes a file; `report` is called with the text so far, now and then."""

    def __init__(
        self,
        service: Service,
        path: Path,
        request: TranscriptionRequest,
        report: Callable[[str], None] | None = None,
    ) -> None:
        self._service = service
        self._path = path
        self._request = request
        self._report = report
        self._reported_at = 0.0
        self._is_stopped = threading.Event()

    def run(self) -> FileResult:
        """Return the result. Raises AudioError, which has the client's name for the file.

        Raises ApiError for a sound that is too long, and StoppedError after `stop`.
        """
        request = self._request
        (result,) = self._service.transcriber.transcribe_many(
            [self._path],
            request.language,
            progress=self._note,
            sound=SoundOptions(language=request.language),
            phrases=request.phrases,
            speakers=self._service.settings.speakers if request.has_speakers else None,
        )
        if isinstance(result.error, AudioError):
            raise result.error.rename(request.file_name)
        return result

    def stop(self) -> None:
        """End it soon, wherever it is."""
        self._is_stopped.set()

    def _note(self, progress: FileProgress) -> None:
        if self._is_stopped.is_set() or self._service.is_closed.is_set():
            raise StoppedError
        if progress.transcript.duration > MAX_SOUND_S:
            hours = round(MAX_SOUND_S / 3600)
            raise ApiError(413, f"The file has more than {hours} hours of sound.", "file")
        now = time.monotonic()
        if self._report is not None and now - self._reported_at >= REPORT_INTERVAL_S:
            self._reported_at = now
            self._report(progress.transcript.text)

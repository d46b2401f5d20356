"""Files transcribed by a server: each is uploaded whole, and its answer is a transcript."""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from email.message import Message
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.batch.many import FileProgress, FileResult
from nemocli.boosting.phrases import Phrases
from nemocli.diarization.options import SpeakerOptions
from nemocli.engine.language_names import find_code
from nemocli.errors import AudioError, NemocliError, UsageError
from nemocli.remote.forms import Form, name_upload
from nemocli.remote.model import RemoteModel
from nemocli.remote.phrases import explain_refused_phrases, list_phrase_fields
from nemocli.remote.server import explain_status, read_json, request
from nemocli.remote.words import estimate_words, read_tokens, read_words
from nemocli.sound_warning import SoundWarning
from nemocli.transcript.alignment import Align
from nemocli.transcript.types import Transcript

#: Files that are uploaded at once.
MAX_UPLOADS = 4

#: Statuses that concern one file; others end the run.
FILE_STATUSES = (400, 413, 415, 422)

#: How often a file is offered to a busy server; and the seconds in between, at most, and if the
#: server does not say.
MAX_ATTEMPTS, MAX_PAUSE_S, USUAL_PAUSE_S = 20, 30, 5

#: Bytes read of a file at once.
READ_BYTES = 1 << 20


class RemoteFiles:
    """Takes the place of a Transcriber for many files."""

    def __init__(self, model: RemoteModel, notify: Callable[[str], None]) -> None:
        self._model = model
        # Called once, by one of the threads, with a sentence about a busy server.
        self._notify = notify
        self._has_waited = False
        self._lock = Lock()

    def transcribe_many(
        self,
        paths: Iterable[str | Path],
        lang: str,
        *,
        max_memory: int | None = None,
        progress: Callable[[FileProgress], None] | None = None,
        sound: SoundOptions = DEFAULT_OPTIONS,
        align: Align = None,
        phrases: Phrases | None = None,
        speakers: SpeakerOptions | None = None,
    ) -> Iterator[FileResult]:
        """Give each file's result when the server has sent it.

        A file that the server refuses has an error in its result. Raises NemocliError if the server
        cannot be reached, wants a key, is too busy, or does not take phrases.
        """
        if speakers is not None:
            raise UsageError(
                "Speakers are found on this machine only: leave out speakers, or transcribe without"
                " a server."
            )
        waiting: set[Future[FileResult]] = set()
        remaining = iter(paths)
        with ExitStack() as stack:
            threads = ThreadPoolExecutor(MAX_UPLOADS, "upload")
            stack.callback(threads.shutdown, wait=False, cancel_futures=True)
            while True:
                while len(waiting) < MAX_UPLOADS and (path := next(remaining, None)) is not None:
                    waiting.add(threads.submit(self._transcribe, Path(path), lang, phrases))
                if not waiting:
                    return
                done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                for each in done:
                    yield each.result()

    def _transcribe(self, path: Path, lang: str, phrases: Phrases | None) -> FileResult:
        try:
            status, data = self._upload(path, lang, phrases)
        except AudioError as error:
            return FileResult(path, None, error)
        except OSError as error:
            reason = f"cannot be read ({error.strerror or 'input/output error'})."
            return FileResult(path, None, AudioError(reason, path))
        answer = read_json(data)
        if status in FILE_STATUSES:
            if phrases and (refused := explain_refused_phrases(self._model, answer.get("error"))):
                raise NemocliError(refused)
            return FileResult(path, None, self._explain_refusal(path, status, data))
        if status != 200 or not isinstance(answer.get("text"), str):
            raise NemocliError(explain_status(self._model.address, status, data))
        transcript, is_estimated = read_transcript(answer)
        warnings = [
            SoundWarning("server", 0.0, str(text))
            for text in answer.get("warnings") or ()
            if isinstance(text, str)
        ]
        if is_estimated:
            text = "The server sent no times of words: they are estimated from its segments."
            warnings.append(SoundWarning("server", 0.0, text))
        return FileResult(path, transcript, warnings=tuple(warnings))

    def _explain_refusal(self, path: Path, status: int, data: bytes) -> AudioError:
        """Return the error of a file that was refused, under the name that the user knows."""
        reason = explain_status(self._model.address, status, data)
        _, is_about_file, rest = reason.partition(f": {name_upload(path.suffix)} ")
        return AudioError(rest if is_about_file else f"was refused. {reason}", path)

    def _upload(self, path: Path, lang: str, phrases: Phrases | None) -> tuple[int, bytes]:
        """Send a file; return status and body of the answer. OSError if it cannot be opened."""
        fields = [
            ("model", self._model.name),
            ("response_format", "verbose_json"),
            ("timestamp_granularities[]", "word"),
            ("timestamp_granularities[]", "segment"),
            *([("include[]", "tokens")] if self._model.is_ours else []),
            *(list_phrase_fields(self._model, phrases) if phrases else []),
        ]
        if lang != "auto":
            fields.append(("language", lang if self._model.is_ours else lang.partition("-")[0]))
        form = Form(fields)
        with path.open("rb") as file:
            head, tail = form.encode_around_file(path.suffix)
            size = os.fstat(file.fileno()).st_size
            for attempt in range(MAX_ATTEMPTS):
                file.seek(0)
                status, headers, data = request(
                    self._model.address,
                    "POST",
                    "/audio/transcriptions",
                    _read_body(head, file, tail, path),
                    content_type=form.content_type,
                    content_length=str(len(head) + size + len(tail)),
                )
                if status != 429 or attempt == MAX_ATTEMPTS - 1:
                    break
                self._note_wait()
                time.sleep(_read_pause(headers))
        return status, data

    def _note_wait(self) -> None:
        """Say that a busy server is waited for, the first time."""
        with self._lock:
            is_first, self._has_waited = not self._has_waited, True
        if is_first:
            self._notify(
                f"The server {self._model.address} is busy: files wait, and are sent again."
            )


def _read_body(head: bytes, file: BinaryIO, tail: bytes, path: Path) -> Iterator[bytes]:
    """Give the parts of a form; AudioError if the file cannot be read any further."""
    yield head
    try:
        while data := file.read(READ_BYTES):
            yield data
    except OSError as error:
        reason = f"cannot be read any further ({error.strerror or 'input/output error'})."
        raise AudioError(reason, path) from None
    yield tail


def _read_pause(headers: Message) -> float:
    """Return the seconds after which a busy server wants to be asked again, within limits."""
    text = headers.get("retry-after", "")
    return float(min(int(text), MAX_PAUSE_S)) if text.isdecimal() else float(USUAL_PAUSE_S)


def read_transcript(answer: dict[str, Any]) -> tuple[Transcript, bool]:
    """Read an answer in `verbose_json`; tell whether the times of words are estimated.

    Only `nemocli serve` sends tokens.
    """
    words = read_words(answer.get("words"))
    is_estimated = words is None and bool(answer["text"].strip())
    duration = answer.get("duration")
    seconds = float(duration) if isinstance(duration, int | float) else 0.0
    if words is None:
        segments = answer.get("segments")
        parts = [
            estimate_words(str(each.get("text", "")), float(each["start"]), float(each["end"]))
            for each in (segments if isinstance(segments, list) else [])
            if isinstance(each, dict)
            and all(isinstance(each.get(name), int | float) for name in ("start", "end"))
        ]
        words = tuple(word for part in parts for word in part)
        words = words or estimate_words(answer["text"], 0.0, seconds)
    language = answer.get("locale") or answer.get("language")
    known = language if isinstance(language, str) and language not in ("", "und") else None
    if known:  # some servers say `english`
        known = find_code(known) or known
    return Transcript(words, read_tokens(answer.get("tokens")), known, seconds), is_estimated

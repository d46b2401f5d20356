"""Reading of uploads, with limits on size and time, into files."""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO

from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive

from nemocli.server.errors import ApiError
from nemocli.server.service import Service

#: Seconds in which the next part of an upload must come.
READ_TIMEOUT_S = 60.0

#: Bytes a second that an upload must have on the whole, and seconds that it may be late by that:
#: it has one of the places for files.
MIN_RATE, MAX_LATE_S = 10_000, 60.0

#: Limits of a form: files, fields, and bytes of a field.
MAX_FORM_FILES, MAX_FORM_FIELDS, MAX_FIELD_BYTES = 8, 2000, 1 << 20

#: The most bytes of a body besides the files in it: fields, and what separates them.
MAX_BESIDE = 4 << 20


@contextlib.asynccontextmanager
async def open_form(
    request: Request, service: Service, field: str = "file", content: str = "the sound"
) -> AsyncIterator[FormData]:
    """Read a form, and remove its files at the end of an `async with` block.

    Files above a megabyte are on the disk. Raises ApiError for a body that is not a form, or is too
    large; `field` is the one that its sentences name, and `content` what should be in it.
    """
    max_upload = service.settings.max_upload
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "multipart/form-data":
        raise ApiError(
            400, f"Send a form (multipart/form-data) with {content} in its field '{field}'.", field
        )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > max_upload + MAX_BESIDE:
        raise _refuse_size(max_upload, field)
    limited = Request(request.scope, _limit_body(request.receive, max_upload, field))
    reading = limited.form(
        max_files=MAX_FORM_FILES, max_fields=MAX_FORM_FIELDS, max_part_size=MAX_FIELD_BYTES
    )
    try:
        form = await service.run_until_cut_off(reading)
    except MultiPartException as error:
        raise ApiError(400, f"The form cannot be read: {error.message}") from None
    except ClientDisconnect:
        raise ApiError(400, "The upload broke off.") from None
    except OSError as error:
        raise ApiError(507, f"The upload cannot be kept: {error.strerror}.") from None
    except Exception as error:
        if "HTTPException" in type(error).__name__:
            raise ApiError(400, "The form cannot be read.") from None
        raise
    try:
        if any(
            isinstance(part, UploadFile) and (part.size or 0) > max_upload
            for _, part in form.multi_items()
        ):
            raise _refuse_size(max_upload, field)
        yield form
    finally:
        await form.close()


@contextlib.contextmanager
def keep_file(source: BinaryIO, folder: Path) -> Iterator[Path]:
    """Copy an upload into a file of its own, which is removed at the end of a `with` block."""
    try:
        with NamedTemporaryFile(dir=folder, prefix="upload-", delete=False) as file:
            path = Path(file.name)
            shutil.copyfileobj(source, file, 1 << 20)
    except OSError as error:
        raise ApiError(507, f"The upload cannot be kept: {error.strerror}.") from None
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _limit_body(receive: Receive, max_upload: int, field: str) -> Receive:
    """Return a `receive` that raises ApiError for a body that is too large or comes too slowly."""
    received = 0
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def receive_limited() -> Message:
        nonlocal received
        now = loop.time()
        until = began + received / MIN_RATE + MAX_LATE_S
        try:
            async with asyncio.timeout_at(min(now + READ_TIMEOUT_S, until)):
                message = await receive()
        except TimeoutError:
            if until <= now + READ_TIMEOUT_S:
                sentence = (
                    f"The upload comes too slowly: {MIN_RATE // 1000} kB a second are needed."
                )
            else:
                sentence = f"No more of the upload came for {READ_TIMEOUT_S:.0f} s."
            raise ApiError(408, sentence) from None
        received += len(message.get("body", b""))
        if received > max_upload + MAX_BESIDE:
            raise _refuse_size(max_upload, field)
        return message

    return receive_limited


def _refuse_size(max_upload: int, field: str) -> ApiError:
    size = _format_size(max_upload)
    return ApiError(
        413, f"The upload is larger than {size}: the server's --max-upload sets this limit.", field
    )


def _format_size(size: int) -> str:
    """Return a number of bytes as text, with the largest unit of which there is at least one."""
    for factor, unit in ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (1000, "kB")):
        if size >= factor:
            return f"{size / factor:.4g} {unit}"
    return f"{size} bytes" if size > 1 else "1 byte"

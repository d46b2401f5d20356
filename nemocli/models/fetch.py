"""Fetch one file of the hub over a bad connection: after a break, only the rest is fetched.

huggingface_hub keeps up to 10 MiB in memory, and since its version 1 a new process begins again.
Here every block is written to the disk when it arrives, and the next attempt requests the rest
from the hub's own address, since a signed link may have expired.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from nemocli.models.hub_hash import hash_file
from nemocli.models.retries import PASSING_STATUSES, TransferError, read_retry_after, retry

#: Times in a row that a server may answer a request for the rest with something else; then the
#: whole file is requested, and compared with the part that is here.
MAX_WITHOUT_REST = 2

#: Limit on the redirects of one request.
MAX_REDIRECTS = 10

_RANGE = re.compile(r"bytes (?P<begin>\d+)-\d+/(?P<size>\d+|\*)")


class WrongHashError(Exception):
    """A file that came in one piece has another hash than was announced; `str` is that hash."""


@dataclass(frozen=True)
class RemoteFile:
    """A file of a repository: its name, its size in bytes, and its hash on the hub (`etag`)."""

    name: str
    size: int
    etag: str


def fetch(
    url: str,
    headers: Mapping[str, str],
    file: RemoteFile,
    partial: Path,
    note: Callable[[str], None],
    progress: Callable[[int], None],
) -> None:
    """Complete the file `partial`: keep the bytes that it has, and fetch the rest.

    `headers` are sent to the hub's host; other hosts do not get the token. `note` is called with a
    sentence at each break, and `progress` with the number of bytes that are here. Raises
    WrongHashError if another file came in one piece, OSError if the disk fails, and otherwise the
    error of the last attempt: TransferError, or an exception of huggingface_hub or its HTTP client.
    """
    download = _Download(url, headers, file, partial, progress)
    note_break = lambda sentence: note(f"{file.name}: {sentence}")  # noqa: E731
    while True:
        retry(download.resume, note_break, download.measure)
        hashes = hash_file(partial, file.etag)
        if file.etag in hashes:
            return
        partial.unlink()
        if not download.is_pieced:
            raise WrongHashError(hashes[0])
        note(f"{file.name} is damaged as it was kept; it is downloaded from the beginning.")
        download = _Download(url, headers, file, partial, progress)


def measure_file(path: Path) -> int:
    """Return the bytes of a file; 0 if it does not exist."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def import_hub_utilities() -> Any:
    """Return huggingface_hub.utils, whose exports type checkers miss."""
    import huggingface_hub.utils

    return huggingface_hub.utils


class _Download:
    """The attempts to fetch a file."""

    def __init__(
        self,
        url: str,
        headers: Mapping[str, str],
        file: RemoteFile,
        partial: Path,
        progress: Callable[[int], None],
    ) -> None:
        self._url, self._file, self._partial, self._progress = url, file, partial, progress
        self._headers = {**headers, "Accept-Encoding": "identity"}
        #: How often in a row the rest was requested, and something else came.
        self._without_rest = 0
        #: Whether the file was fetched by more than one request.
        self.is_pieced = measure_file(partial) > 0

    def measure(self) -> int:
        """Return the number of bytes that are here."""
        return measure_file(self._partial)

    def resume(self) -> None:
        """Fetch the rest; at any failure, the bytes that have come are on the disk."""
        kept = measure_file(self._partial)
        if kept > self._file.size:
            self._partial.unlink()
            kept = 0
        self._progress(kept)
        if kept == self._file.size:
            self._partial.touch()
            return
        headers = dict(self._headers)
        if kept and self._without_rest < MAX_WITHOUT_REST:
            headers["Range"] = f"bytes={kept}-"
        try:
            with open_following(self._url, headers) as response:
                self._write_answer(response, kept)
        except BaseException:
            self.is_pieced = self.is_pieced or measure_file(self._partial) > 0
            raise

    def _write_answer(self, response: Any, kept: int) -> None:
        begin, is_sure = self._locate_answer(response, kept)
        with self._partial.open("r+b" if self._partial.exists() else "w+b") as target:
            target.seek(begin)
            at = begin
            for block in response.iter_bytes():
                if at + len(block) > self._file.size:
                    raise TransferError(f"{response.url.host} sends more than was announced")
                known = 0 if is_sure else _compare(target, block, kept - at)
                target.seek(at + known)
                target.write(block[known:])
                target.flush()
                at += len(block)
                self._progress(max(at, kept))
        if at < self._file.size:
            raise TransferError("the connection ended early")

    def _locate_answer(self, response: Any, kept: int) -> tuple[int, bool]:
        """Return where an answer begins in the file, and whether its length is sure to be right."""
        host, size = response.url.host, self._file.size
        is_plain = response.headers.get("Content-Encoding", "identity") == "identity"
        if response.status_code == 206 and is_plain:
            match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if match and match["size"] not in ("*", str(size)):
                raise TransferError(
                    f"{host} sends {match['size']} bytes where {size} were announced"
                )
            if match and kept and int(match["begin"]) <= kept:
                self._without_rest = 0
                return int(match["begin"]), True
        elif response.status_code == 200:
            length = response.headers.get("Content-Length") if is_plain else None
            if length not in (None, str(size)):  # such as the page of a hotel's network
                raise TransferError(f"{host} sends {length} bytes where {size} were announced")
            return 0, length is not None
        elif response.status_code != 416:
            raise TransferError(f"{host} answers with HTTP status {response.status_code}")
        self._without_rest += 1
        raise TransferError(f"{host} does not send the rest of a file")


def _compare(target: BinaryIO, block: bytes, kept: int) -> int:
    """Return how many bytes of a block the file has already; `kept` are left to compare.

    Raises TransferError if they differ.
    """
    again = block[: max(0, kept)]
    if target.read(len(again)) != again:
        raise TransferError("what comes is another file than what has come before")
    return len(again)


@contextmanager
def open_following(url: str, headers: Mapping[str, str]) -> Iterator[Any]:
    """Open the answer to a GET, following redirects; the token goes to the first host only.

    Raises an exception of huggingface_hub if the hub refuses, and TransferError for a temporary
    failure, or if another host refuses: its link has expired.
    """
    from huggingface_hub import constants, get_session

    session, sent, is_elsewhere = get_session(), dict(headers), False
    timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
    for _ in range(MAX_REDIRECTS):
        with session.stream(
            "GET", url, headers=sent, follow_redirects=False, timeout=timeout
        ) as response:
            if not response.has_redirect_location:
                status = response.status_code
                if status in PASSING_STATUSES or (is_elsewhere and 400 <= status != 416):
                    words = f"{response.url.host} answers with HTTP status {status}"
                    raise TransferError(words, read_retry_after(response.headers))
                if status >= 400 and status != 416:
                    response.read()
                    import_hub_utilities().hf_raise_for_status(response)
                yield response
                return
            target = response.url.join(response.headers["Location"])
            if _split_origin(target) != _split_origin(response.url):
                is_elsewhere = True
                sent = {k: v for k, v in sent.items() if k.lower() not in _SECRETS}
        url = str(target)
    raise TransferError("the hub sends the request around in a circle")


#: Headers that only the hub itself may see.
_SECRETS = ("authorization", "cookie")


def _split_origin(url: Any) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port

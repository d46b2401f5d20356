"""What all connections of a server share: the model, its scheduler, threads and limits."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from nemocli.closing import Closing
from nemocli.scheduler.scheduler import MAX_LIVE_STREAMS, RETRY_AFTER_S, Scheduler
from nemocli.server.caption_feeds import CaptionFeeds
from nemocli.server.errors import ApiError, make_ending_error
from nemocli.server.live_statistics import LiveStatistics
from nemocli.server.settings import ServerSettings
from nemocli.transcriber import Transcriber

#: Files that are transcribed at once, and requests for files at once, those that wait included.
MAX_FILES, MAX_FILE_REQUESTS = 8, 32

Result = TypeVar("Result")


class Service(Closing):
    """A loaded model as the server's connections use it; all methods belong to its event loop."""

    def __init__(
        self, transcriber: Transcriber, scheduler: Scheduler, settings: ServerSettings
    ) -> None:
        self.transcriber = transcriber
        self.scheduler = scheduler
        self.settings = settings
        #: The model's name for clients: of a folder, only its last part.
        self.model_id = Path(transcriber.model_name).name or transcriber.model_name
        self.live_statistics = LiveStatistics()
        self.caption_feeds = CaptionFeeds()
        #: Set when the server ends: connections finish what they have.
        self.draining = asyncio.Event()
        #: Set when the time to finish is over: what is not finished is given up.
        self.cut_off = asyncio.Event()
        #: Set then, for the threads of files.
        self.is_closed = threading.Event()
        self.file_requests = 0
        self._connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._files = asyncio.Semaphore(MAX_FILES)
        self._folder = TemporaryDirectory(prefix="nemocli-", ignore_cleanup_errors=True)
        self._file_threads = ThreadPoolExecutor(MAX_FILES, "file")
        self._live_threads = ThreadPoolExecutor(count_threads(scheduler), "live")

    @property
    def folder(self) -> Path:
        """The folder of uploads, which only this user may read."""
        return Path(self._folder.name)

    @contextlib.asynccontextmanager
    async def count_connection(self) -> AsyncIterator[None]:
        """Count a connection in an `async with` block: the server waits for it when it ends.

        Raises ApiError if the server ends already.
        """
        if self.draining.is_set():
            raise make_ending_error("The server is ending.")
        self._connections += 1
        self._is_idle.clear()
        try:
            yield
        finally:
            self._connections -= 1
            if not self._connections:
                self._is_idle.set()

    @contextlib.asynccontextmanager
    async def count_file_request(self) -> AsyncIterator[None]:
        """Count a request for a file; ApiError if too many wait already."""
        if self.file_requests >= MAX_FILE_REQUESTS:
            raise ApiError(
                429,
                f"{self.file_requests} files wait already; try again later.",
                code="busy",
                retry_after_s=RETRY_AFTER_S,
            )
        self.file_requests += 1
        try:
            yield
        finally:
            self.file_requests -= 1

    async def run_file(self, work: Callable[[], Result]) -> Result:
        """Run work for a file in a thread, when one of the places for files is free.

        Raises ApiError when the server cuts it off.
        """
        return await self.run_until_cut_off(self._run_file(work))

    async def _run_file(self, work: Callable[[], Result]) -> Result:
        async with self._files:
            return await asyncio.get_running_loop().run_in_executor(self._file_threads, work)

    async def run_until_cut_off(self, work: Awaitable[Result]) -> Result:
        """Await work; cancels it and raises ApiError when the server cuts off what it has."""
        working = asyncio.ensure_future(work)
        ending = asyncio.ensure_future(self.cut_off.wait())
        try:
            await asyncio.wait((working, ending), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise make_ending_error("The server ended before this was finished.")
            return working.result()
        finally:
            working.cancel()
            ending.cancel()

    async def run_live(self, work: Callable[[], Result]) -> Result:
        """Run work for a live stream in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._live_threads, work)

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin work that its caller cannot wait for."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, timeout_s: float) -> bool:
        """Let all connections finish, and cut off those that do not; return whether all did."""
        self.draining.set()
        try:
            async with asyncio.timeout(timeout_s):
                await self._is_idle.wait()
        except TimeoutError:
            self.is_closed.set()
            self.cut_off.set()
            return False
        return True

    def close(self) -> None:
        """End the threads, without waiting for them, and remove uploads."""
        self.is_closed.set()
        self._file_threads.shutdown(wait=False, cancel_futures=True)
        self._live_threads.shutdown(wait=False, cancel_futures=True)
        self.remove_uploads()

    def remove_uploads(self) -> None:
        """Remove all uploads, also those that are being read."""
        self._folder.cleanup()


def count_threads(scheduler: Scheduler) -> int:
    """Return how many threads live streams need: one each, since each waits for the model."""
    return max(MAX_LIVE_STREAMS, scheduler.max_streams) + 1

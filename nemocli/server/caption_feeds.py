"""Captions of one page for another, such as one that OBS shows.

A page makes up an id that nobody can guess, and names it when it opens its session. Other pages
that know the id may follow its captions.
"""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator

from nemocli.server.errors import ApiError

#: What an id looks like.
ID = re.compile("[0-9A-Za-z_-]{16,64}")

#: The most followers at once, and captions that wait for one of them.
MAX_FOLLOWERS, MAX_WAITING = 64, 200


class CaptionFeeds:
    """The followers of all pages, by the pages' ids."""

    def __init__(self) -> None:
        self._followers: dict[str, set[asyncio.Queue[str | None]]] = {}
        self._count = 0

    def publish(self, feed: str, text: str, is_final: bool) -> None:
        """Send the text of a turn to the followers of a page.

        Those that are far behind are cut off; browsers then connect again.
        """
        event = json.dumps({"text": text, "final": is_final})
        for queue in tuple(self._followers.get(feed, ())):
            if queue.qsize() >= MAX_WAITING:
                self._followers[feed].discard(queue)
                queue.put_nowait(None)
            else:
                queue.put_nowait(event)

    @contextlib.contextmanager
    def follow(self, feed: str) -> Iterator["asyncio.Queue[str | None]"]:
        """Yield a queue of events, in which None is the end; ApiError if there are too many."""
        if self._count >= MAX_FOLLOWERS:
            raise ApiError(429, "Too many pages follow captions.", code="busy", retry_after_s=5)
        queue: asyncio.Queue[str | None] = asyncio.Queue()
        self._count += 1
        self._followers.setdefault(feed, set()).add(queue)
        try:
            yield queue
        finally:
            self._count -= 1
            queues = self._followers.get(feed, set())
            queues.discard(queue)
            if not queues:
                self._followers.pop(feed, None)


def read_feed(query: str | None) -> str | None:
    """Return the id of a feed in a query; None if it is not one."""
    return query if query and ID.fullmatch(query) else None

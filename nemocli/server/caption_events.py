"""GET /captions/events: the captions of a page, as events for another one."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from nemocli.server.caption_feeds import read_feed
from nemocli.server.errors import ApiError
from nemocli.server.service import Service

#: Seconds after which a follower without news is sent a remark, so that connections stay open.
REMARK_INTERVAL_S = 15.0


async def send_captions(request: Request) -> Response:
    """Send the captions of a page as events, as long as somebody takes them."""
    feed = read_feed(request.query_params.get("id"))
    if feed is None:
        raise ApiError(
            400, "The address must have the id of captions: copy it from their page.", "id"
        )
    service: Service = request.app.state.service
    events = _follow_captions(service, feed)
    first = await anext(events)  # raises what makes it impossible
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _prepend(first, events), media_type="text/event-stream", headers=headers
    )


async def _prepend(first: str, events: AsyncGenerator[str]) -> AsyncIterator[str]:
    async with aclosing(events):
        yield first
        async for event in events:
            yield event


async def _follow_captions(service: Service, feed: str) -> AsyncGenerator[str]:
    with service.caption_feeds.follow(feed) as queue:
        yield ": captions\n\n"
        ending = asyncio.ensure_future(service.draining.wait())
        getting: asyncio.Future[str | None] = ending.get_loop().create_future()
        try:
            while not ending.done():
                getting = asyncio.ensure_future(queue.get())
                await asyncio.wait(
                    (getting, ending),
                    timeout=REMARK_INTERVAL_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if not getting.done():
                    getting.cancel()
                    yield ": still here\n\n"
                elif (event := getting.result()) is None:
                    return
                else:
                    yield f"data: {event}\n\n"
        finally:
            getting.cancel()
            ending.cancel()

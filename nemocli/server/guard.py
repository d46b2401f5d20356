"""Who may use the server: keys, hosts and origins; and what every response has."""

import asyncio
import hmac
import secrets
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from nemocli.server.errors import ApiError
from nemocli.server.settings import LOOPBACK_NAMES, ServerSettings

#: Paths that need no key: whether the server lives, pages, which ask for the key, and captions of a
#: page, for which one must know its id.
OPEN_PATHS = ("/", "/captions", "/captions/events", "/health", "/ready", "/version")
OPEN_FOLDER = "/static/"

#: A sub-protocol that begins like this ends with the key: browsers cannot send other headers.
KEY_PROTOCOL = "openai-insecure-api-key."

#: Seconds in which the rest of a body is read that nobody wants; and where the server ends.
DISCARD_TIMEOUT_S, ENDING_TIMEOUT_S = 10.0, 1.0

#: The most fields of a query that are looked at.
MAX_QUERY_FIELDS = 100


class Guard:
    """Refuses what may not come in, before anything of it is read.

    Without a key, every program on this machine may use the server, but no page of the web: a
    browser would let any page open a WebSocket to localhost, and send it a form. So the host must
    be a name of this machine, and an origin, which browsers add, this server's own or allowed.
    """

    def __init__(self, app: ASGIApp, settings: ServerSettings, cut_off: asyncio.Event) -> None:
        self._app = app
        self._settings = settings
        # Set when nothing is waited for any more, since the server ends.
        self._cut_off = cut_off

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal: ApiError | None = None
        try:
            self.check(scope)
        except ApiError as error:
            refusal = error
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await WebSocket(scope, receive, send).send_denial_response(refusal.make_response())
            return
        is_held = "100-continue" in Headers(scope=scope).get("expect", "").lower()
        body = _Body(receive, is_held)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                is_ending = self._cut_off.is_set()
                await body.discard(ENDING_TIMEOUT_S if is_ending else DISCARD_TIMEOUT_S)
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = f"req_{secrets.token_hex(12)}"
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        handler = self._app if refusal is None else refusal.make_response()
        await handler(scope, body.receive, send_with_headers)

    def check(self, scope: Scope) -> None:
        """Raise ApiError for a request that may not come in."""
        headers = Headers(scope=scope)
        if self._settings.api_key is None:
            self._check_host(headers)
            self._check_origin(headers)
            return
        if scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_FOLDER):
            return
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            return  # a browser's question without a key, which reads nothing
        expected = self._settings.api_key.encode()
        # All are compared, and in constant time: how long it takes says nothing about the key.
        keys = _list_keys(scope, headers)
        if not any([hmac.compare_digest(key, expected) for key in keys]):  # noqa: C419
            raise ApiError(
                401, "This server needs its key, as in 'Authorization: Bearer KEY'.", code="key"
            )

    def _check_host(self, headers: Headers) -> None:
        host = headers.get("host", "")
        if _parse_host(host) not in (*LOOPBACK_NAMES, self._settings.host.strip("[]").lower()):
            raise ApiError(
                403, "Without a key, this server is reached as localhost only.", code="host"
            )

    def _check_origin(self, headers: Headers) -> None:
        origin = headers.get("origin")
        if origin is None or "*" in self._settings.cors or origin in self._settings.cors:
            return
        try:
            parts = urlsplit(origin)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or parts.netloc != headers.get("host"):
            raise ApiError(
                403,
                "This server does not serve pages of other origins; --cors allows one.",
                code="origin",
            )


class _Body:
    """A request's body. What nobody reads of it is discarded before the response.

    Otherwise the connection would be closed while the client still sends, and many clients would
    then not read the response.
    """

    def __init__(self, receive: Receive, is_held: bool) -> None:
        self._receive = receive
        # A client that waits to be told to continue has not sent it, and need not.
        self._is_read = is_held

    async def receive(self) -> Message:
        message = await self._receive()
        self._is_read = not message.get("more_body", False)
        return message

    async def discard(self, timeout_s: float) -> None:
        """Read what is left, for a limited time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while not self._is_read:
                    await self.receive()


def _parse_host(host: str) -> str:
    """Return the name of a Host header without its port, in lower case; empty if it is odd."""
    try:
        parts = urlsplit(f"//{host}")
        return (parts.hostname or "") if parts.netloc == host and "@" not in host else ""
    except ValueError:
        return ""


def _list_keys(scope: Scope, headers: Headers) -> Iterable[bytes]:
    """Return everything in a request that may be its key; always something."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    keys = [token.strip() if scheme.lower() == "bearer" else ""]
    keys += [headers.get(name, "") for name in ("x-api-key", "api-key")]
    if scope["type"] == "websocket":
        protocols = scope.get("subprotocols", [])
        keys += [p.removeprefix(KEY_PROTOCOL) for p in protocols if p.startswith(KEY_PROTOCOL)]
        with suppress(ValueError):
            query = scope["query_string"].decode("latin-1")
            keys += parse_qs(query, max_num_fields=MAX_QUERY_FIELDS).get("api_key", [])
    return [key.encode("utf-8", "surrogateescape") for key in keys]

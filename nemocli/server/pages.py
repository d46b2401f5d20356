"""The pages that the server has for browsers, and what they may do."""

import re
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, Response

from nemocli.server.errors import ApiError

FOLDER = Path(__file__).parent / "static"

#: Content types of the files that are served, by their endings; there are no others.
CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

#: A host as it may stand in a policy.
HOST = re.compile(r"[0-9A-Za-z.:\[\]-]+")


async def show_page(request: Request) -> Response:
    """Send the page with captions of this browser's microphone and files."""
    return _send("index.html", request)


async def show_overlay(request: Request) -> Response:
    """Send the transparent page that follows another one's captions."""
    return _send("captions.html", request)


async def send_static(request: Request) -> Response:
    """Send a file of the pages."""
    return _send(request.path_params["name"], request)


def _send(name: str, request: Request) -> Response:
    """Send a file by its name; ApiError for a name that is not one of these files'."""
    names = {path.name for path in FOLDER.iterdir() if path.suffix in CONTENT_TYPES}
    if name not in names:
        raise ApiError(404, "There is nothing at this path.")
    headers = {
        "content-security-policy": _make_policy(request.headers.get("host", "")),
        "permissions-policy": "microphone=(self), camera=(), geolocation=()",
        "referrer-policy": "no-referrer",
        "x-frame-options": "DENY",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cache-control": "no-cache",
    }
    media_type = CONTENT_TYPES[Path(name).suffix]
    return FileResponse(FOLDER / name, media_type=media_type, headers=headers)


def _make_policy(host: str) -> str:
    """Return what a page may load and where it may connect: this server, and nothing else.

    Some browsers do not count WebSockets of the page's own host as its own.
    """
    sockets = f" ws://{host} wss://{host}" if HOST.fullmatch(host) else ""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        f" connect-src 'self'{sockets}; worker-src 'self'; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'none'"
    )

"""A server's address, and its requests."""

import http.client
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from nemocli.errors import NemocliError, UsageError

#: Seconds to wait for a connection, and for an answer: files of hours take long.
CONNECT_TIMEOUT_S, ANSWER_TIMEOUT_S = 10.0, 3600.0

#: The most bytes of an answer.
MAX_ANSWER = 256 << 20


@dataclass(frozen=True)
class ServerAddress:
    """Where a server is, and the key that it wants."""

    is_secure: bool
    host: str
    port: int
    #: What comes before `/audio/transcriptions`, usually `/v1`.
    base: str
    key: str | None = None

    def __str__(self) -> str:
        scheme = "https" if self.is_secure else "http"
        return f"{scheme}://{self._at}{self.base}"

    @property
    def websocket_url(self) -> str:
        """The address of live sound."""
        scheme = "wss" if self.is_secure else "ws"
        return f"{scheme}://{self._at}{self.base}/realtime?intent=transcription"

    @property
    def headers(self) -> dict[str, str]:
        """What every request has."""
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    @property
    def _at(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_server(text: str, key: str | None = None) -> ServerAddress:
    """Read an address such as `http://127.0.0.1:8000`, with or without `/v1`; else UsageError."""
    try:
        parts = urlsplit(text.strip() if "://" in text else f"http://{text.strip()}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
        raise UsageError(
            f"--server takes an address such as http://127.0.0.1:8000, not {text[:200]!r}."
        )
    if key is not None and not (key.isascii() and key.isprintable()):
        raise UsageError("--server-key takes a key of printable ASCII characters.")
    is_secure = parts.scheme == "https"
    base = parts.path.rstrip("/") or "/v1"
    return ServerAddress(is_secure, parts.hostname, port or (443 if is_secure else 80), base, key)


def request(
    address: ServerAddress, method: str, path: str, body: Any = None, **headers: str
) -> tuple[int, Message, bytes]:
    """Send one request; return its status, headers and body. NemocliError if there is no answer."""
    kind = http.client.HTTPSConnection if address.is_secure else http.client.HTTPConnection
    connection = kind(address.host, address.port, timeout=CONNECT_TIMEOUT_S)
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with explain_failures(address):
            connection.connect()
            connection.sock.settimeout(ANSWER_TIMEOUT_S)
            with suppress(BrokenPipeError, ConnectionResetError):
                # A server may answer before it has all of the body.
                connection.request(method, address.base + path, body, address.headers | names)
            response = connection.getresponse()
            data = response.read(MAX_ANSWER)
            return response.status, response.headers, data
    finally:
        connection.close()


@contextmanager
def explain_failures(address: ServerAddress) -> Iterator[None]:
    """Turn failures of the network into a NemocliError that names the server."""
    try:
        yield
    except (TimeoutError, socket.timeout):  # noqa: UP041  both names, for readers
        raise NemocliError(f"The server {address} does not answer.") from None
    except ssl.SSLError as error:
        raise NemocliError(
            f"The server {address} has no valid certificate ({error.reason})."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise NemocliError(
            f"The server {address} cannot be reached ({reason}): is 'nemocli serve' running there?"
        ) from None


def read_json(data: bytes) -> dict[str, Any]:
    """Return an object in JSON; empty for anything else."""
    try:
        value: Any = json.loads(data)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def explain_key(address: ServerAddress) -> str:
    """Return a sentence for a server that refuses a request because of its key."""
    if address.key:
        return (
            f"The server {address} refuses the key that was given by NEMOCLI_SERVER_KEY or"
            " --server-key: correct it."
        )
    return f"The server {address} wants its key: give it by NEMOCLI_SERVER_KEY."


def explain_status(address: ServerAddress, status: int, data: bytes) -> str:
    """Return a sentence for a request that was refused."""
    error = read_json(data).get("error")
    message = error.get("message") if isinstance(error, dict) else None
    if status == 401:
        return explain_key(address)
    if isinstance(message, str) and message:
        return f"The server says: {message}"
    return f"The server {address} answers {status}."

"""A WebSocket with a server's realtime events, and its failures as sentences."""

import json
from typing import Any

from nemocli.errors import NemocliError, UnsupportedError
from nemocli.remote.server import CONNECT_TIMEOUT_S, ServerAddress, explain_failures, explain_key

try:
    from websockets.exceptions import ConnectionClosed, InvalidHandshake
    from websockets.sync.client import connect
except ModuleNotFoundError:
    raise UnsupportedError(
        "nemocli live --server needs more packages: pip install 'nemocli[serve]'."
    ) from None

#: How the types of events about text begin.
TRANSCRIPTION = "conversation.item.input_audio_transcription."

#: The type that stands for an error about a turn without sound, which does no harm.
EMPTY_COMMIT = "input_audio_buffer_commit_empty"

#: The type that stands for an error about phrases, with the error in `error`.
PHRASES_REFUSED = "phrases_refused"


class EventConnection:
    """Sends and receives events. Raises NemocliError if there is no connection, or it ends."""

    def __init__(self, address: ServerAddress) -> None:
        self._address = address
        with explain_failures(address):
            try:
                self._connection = connect(
                    address.websocket_url,
                    additional_headers=address.headers,
                    open_timeout=CONNECT_TIMEOUT_S,
                    max_size=None,
                )
                self._socket = self._connection.__enter__()
            except InvalidHandshake as error:
                status = getattr(getattr(error, "response", None), "status_code", None)
                raise NemocliError(
                    explain_key(address)
                    if status == 401
                    else f"The server {address} has no live transcription (it answers {status})."
                ) from None

    def send(self, kind: str, **members: Any) -> None:
        """Send an event; waits while the server does not take it."""
        try:
            self._socket.send(json.dumps({"type": kind, **members}))
        except ConnectionClosed as closed:
            raise self._explain(closed) from None

    def receive(self, timeout: float) -> dict[str, Any] | None:
        """Return the next event; None if none came in time. An error is raised, but two.

        That there was no sound to commit is an event of the type EMPTY_COMMIT; that the server does
        not take phrases, one of the type PHRASES_REFUSED.
        """
        try:
            message = self._socket.recv(timeout=max(0.0, timeout))
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            raise self._explain(closed) from None
        try:
            event: Any = json.loads(message)
        except (ValueError, RecursionError):
            event = None
        if not isinstance(event, dict):
            raise NemocliError(f"The server {self._address} sends no events in JSON.")
        if event.get("type") in ("error", f"{TRANSCRIPTION}failed"):
            error = event.get("error")
            error = error if isinstance(error, dict) else {}
            if error.get("code") == EMPTY_COMMIT:
                return {"type": EMPTY_COMMIT}
            if "keyword" in f"{error.get('param')} {error.get('message')}".lower():
                return {"type": PHRASES_REFUSED, "error": error}
            raise NemocliError(f"The server says: {error.get('message') or 'an error, unnamed.'}")
        return event

    def close(self) -> None:
        """End the connection; twice is fine."""
        self._connection.__exit__(None, None, None)

    def _explain(self, closed: ConnectionClosed) -> NemocliError:
        reason = closed.rcvd.reason if closed.rcvd is not None else ""
        said = f": {reason.rstrip('.')}" if reason else ""
        return NemocliError(f"The server {self._address} closed the connection{said}.")

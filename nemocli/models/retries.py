"""Retry requests to the hub: after which failures, how often, and after which pauses."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

Result = TypeVar("Result")

#: Pauses in seconds before attempts that follow a failure without progress; then `retry` fails.
PAUSES_S = (1, 2, 4, 8, 16)

#: Limit in seconds on a pause that a server requests; after a longer one, the user must retry.
MAX_WAIT_S = 300

#: HTTP statuses of failures that may pass: too many requests, and a server's own troubles.
PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)

#: Names of an HTTP client's exceptions for requests that it cannot even try.
_IMPOSSIBLE = ("UnsupportedProtocol", "LocalProtocolError")


class TransferError(Exception):
    """A transfer failed, and the next attempt may succeed; `str` says why.

    The server requests a pause of `wait_s` seconds before that.
    """

    def __init__(self, what: str, wait_s: float = 0.0) -> None:
        super().__init__(what)
        self.wait_s = wait_s


def sleep(seconds: float) -> None:
    """Wait for some seconds, or until a signal comes."""
    time.sleep(seconds)


def retry(
    attempt: Callable[[], Result],
    note: Callable[[str], None],
    measure: Callable[[], int] = lambda: 0,
    pauses: tuple[int, ...] = PAUSES_S,
) -> Result:
    """Call `attempt` until it succeeds, again after failures that may pass; return its result.

    `note` is called with one sentence before each pause. `measure` returns how much has come so
    far: while that grows, failures are not counted. Raises what the last attempt raised.
    """
    most_here, failures = measure(), 0
    while True:
        try:
            return attempt()
        except Exception as error:
            trouble = _explain_passing(error)
            if trouble is None:
                raise
            have = measure()
            failures = failures if have <= most_here else 0
            most_here = max(most_here, have)
            if failures == len(pauses) or trouble.wait_s > MAX_WAIT_S:
                raise
            pause = max(pauses[failures], trouble.wait_s)
            failures += 1
        note(f"{trouble}; trying again in {pause:.0f} s.")
        sleep(pause)


def read_retry_after(headers: Any) -> float:
    """Return the seconds that a Retry-After header requests, by number or date; 0 without one."""
    text = str(headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return 0.0


def is_untrusted(error: Exception) -> bool:
    """Return whether a connection failed because a server's certificate is not trusted."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def is_connection_failure(error: Exception) -> bool:
    """Return whether a connection could not be made, or broke.

    The HTTP client of huggingface_hub is another package from version to version, so its exceptions
    are known by their names.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, (ConnectionError, TimeoutError)) or "TransportError" in names


def may_pass(error: Exception) -> bool:
    """Return whether the same request may succeed another time."""
    return _explain_passing(error) is not None


def _explain_passing(error: Exception) -> TransferError | None:
    """Return a sentence for an error that the next attempt may not meet; None for others."""
    if isinstance(error, TransferError):
        return error
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if response is not None and status in PASSING_STATUSES:
        words = f"{response.url.host} answers with HTTP status {status}"
        return TransferError(words, read_retry_after(response.headers))
    if not is_connection_failure(error) or is_untrusted(error):
        return None
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & set(_IMPOSSIBLE):
        return None
    if "TimeoutException" in names or isinstance(error, TimeoutError):
        return TransferError("the connection does not answer any more")
    if "ConnectError" in names:
        return TransferError("there is no connection")
    return TransferError("the connection broke")

"""Requests to the hub that are tried again: what may pass, how long to wait, and how often."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

Result = TypeVar("Result")

#: Seconds before each attempt after one that brought nothing; then it is given up.
PAUSES_S = (1, 2, 4, 8, 16)

#: Seconds that a server may ask for; a longer wait is left to the person.
LONGEST_WAIT_S = 300

#: Too many requests, and what a server says of troubles that are its own.
PASSING_STATUSES = (408, 425, 429, 500, 502, 503, 504)

#: What an HTTP client cannot even try, by the names of its exceptions.
_HOPELESS = ("UnsupportedProtocol", "LocalProtocolError")


class TransferError(Exception):
    """An answer that is not what was asked for, and may be the next time: `str` says what."""

    def __init__(self, what: str, wait: float = 0.0) -> None:
        super().__init__(what)
        self.wait = wait


def sleep(seconds: float) -> None:
    """Wait; a signal ends it."""
    time.sleep(seconds)


def retry(
    attempt: Callable[[], Result],
    note: Callable[[str], None],
    measure: Callable[[], int] = lambda: 0,
    pauses: tuple[int, ...] = PAUSES_S,
) -> Result:
    """Return what `attempt` returns, which is called again after what may pass.

    `note` gets one sentence before each pause. `measure` says how much has come so far: as long as
    that grows, it is not given up. Raises what the last attempt raised.
    """
    most, failures = measure(), 0
    while True:
        try:
            return attempt()
        except Exception as error:
            trouble = _passing(error)
            if trouble is None:
                raise
            have = measure()
            failures = failures if have <= most else 0
            most = max(most, have)
            if failures == len(pauses) or trouble.wait > LONGEST_WAIT_S:
                raise
            pause = max(pauses[failures], trouble.wait)
            failures += 1
        note(f"{trouble}; trying again in {pause:.0f} s.")
        sleep(pause)


def wait_asked_for(headers: Any) -> float:
    """The seconds that a Retry-After header asks for, as a number or a date; 0 without one."""
    text = str(headers.get("Retry-After") or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        until = parsedate_to_datetime(text)
        return max(0.0, (until - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):  # TypeError: a date without a zone
        return 0.0


def is_untrusted(error: Exception) -> bool:
    """Whether a connection failed because a server's certificate is not trusted."""
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def is_connection_failure(error: Exception) -> bool:
    """Whether a connection could not be made, or broke.

    The HTTP client of huggingface_hub is another package from version to version, so its exceptions
    are known by their names.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    return isinstance(error, (ConnectionError, TimeoutError)) or "TransportError" in names


def may_pass(error: Exception) -> bool:
    """Whether the same request may succeed another time."""
    return _passing(error) is not None


def _passing(error: Exception) -> TransferError | None:
    """What is said of an error that the next attempt may not meet; None of any other."""
    if isinstance(error, TransferError):
        return error
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if response is not None and status in PASSING_STATUSES:
        words = f"{response.url.host} answers with HTTP status {status}"
        return TransferError(words, wait_asked_for(response.headers))
    if not is_connection_failure(error) or is_untrusted(error):
        return None
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & set(_HOPELESS):
        return None
    if "TimeoutException" in names or isinstance(error, TimeoutError):
        return TransferError("the connection does not answer any more")
    if "ConnectError" in names:
        return TransferError("there is no connection")
    return TransferError("the connection broke")

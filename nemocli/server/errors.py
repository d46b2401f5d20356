"""Failures as OpenAI's clients expect them: a status, and a body with one sentence."""

from typing import Any

from starlette.responses import JSONResponse

from nemocli.errors import AudioError, NemocliError, UsageError, lacks_memory
from nemocli.scheduler.scheduler import RETRY_AFTER_S, BusyError

#: Types of errors by status; others are of the server.
_TYPES = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}

#: The code of what the server did not finish because it ends.
ENDING = "ending"


class ApiError(Exception):
    """A request that cannot be served: its HTTP status, and one sentence for the user.

    `param` is the field of the request that is wrong, `code` a name for programs.
    """

    def __init__(
        self,
        status: int,
        message: str,
        param: str | None = None,
        code: str | None = None,
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.retry_after_s = retry_after_s

    def make_body(self) -> dict[str, Any]:
        """Return the object under `error` in a response or an event."""
        usual = "invalid_request_error" if self.status < 500 else "server_error"
        return {
            "message": self.message,
            "type": _TYPES.get(self.status, usual),
            "param": self.param,
            "code": self.code,
        }

    @property
    def is_fault(self) -> bool:
        """Whether it is the server's fault, and to be logged."""
        return self.status >= 500 and self.code != ENDING

    def make_response(self) -> JSONResponse:
        """Return the response of a request that failed."""
        headers = {}
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse({"error": self.make_body()}, self.status, headers)


def make_ending_error(message: str) -> ApiError:
    """Return the error of a request that is not served because the server ends."""
    return ApiError(503, message, code=ENDING, retry_after_s=RETRY_AFTER_S)


def as_api_error(error: BaseException, param: str | None = None) -> ApiError:
    """Return the ApiError for an exception; `param` is the field that a wrong value came from.

    Bad input is 400: clients repeat a request that failed with 500. What is unexpected gets a
    sentence without details, which may be private.
    """
    if isinstance(error, ApiError):
        return error
    if isinstance(error, BusyError):
        return ApiError(429, str(error), code="busy", retry_after_s=error.retry_after_s)
    if isinstance(error, AudioError):
        return ApiError(400, str(error), param or "file", "invalid_audio")
    if isinstance(error, UsageError):
        return ApiError(400, str(error), param, "invalid_value")
    if isinstance(error, Exception) and lacks_memory(error):
        return ApiError(503, "The server lacks the memory for this.", code="memory")
    if isinstance(error, NemocliError):
        return ApiError(500, str(error), code="failed")
    return ApiError(500, f"The server failed ({type(error).__name__}).", code="failed")

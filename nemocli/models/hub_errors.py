"""Explain failures of the hub in sentences that say what to do, and quote no addresses."""

import errno

from nemocli.errors import ModelError, NemocliError, UnsupportedError, UsageError
from nemocli.models.fetch import WrongHashError
from nemocli.models.hub import MAIN, HubModel
from nemocli.models.retries import MAX_WAIT_S, TransferError, is_untrusted, read_retry_after

#: Errors of a disk while an open file is written; they do not have the file's name.
_DISK_FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.EFBIG)


def explain(error: Exception, model: HubModel) -> NemocliError:
    """Return the error for an exception, of nemocli or of a library, that ended a download."""
    from huggingface_hub import constants, errors

    if "proxy" in str(error) and isinstance(error, (ImportError, ValueError)):
        return _explain_proxy(error)
    if isinstance(error, errors.GatedRepoError):
        return ModelError(
            f"The model {model} asks for agreement: agree on {constants.ENDPOINT}/{model.name}, and"
            " log in with: hf auth login"
        )
    if isinstance(error, errors.RevisionNotFoundError):
        return ModelError(
            f"The model {model.name} has no revision {model.revision_to_pull!r}; see its branches"
            f" and tags on {constants.ENDPOINT}/{model.name}/tree/{MAIN}"
        )
    if isinstance(error, errors.RepositoryNotFoundError):
        return ModelError(
            f"The hub has no model {model.name}, or not for you; check the name, and for a private"
            " model log in with: hf auth login"
        )
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if response is not None and status is not None:
        return _explain_status(status, read_retry_after(response.headers), model)
    if isinstance(error, OSError) and error.errno in _DISK_FAILURES and not error.filename:
        return NemocliError(
            f"The download cannot be written in {model.folder}: {error.strerror}; what has come is"
            f" kept, so when that is mended run again: {model.pull_command}"
        )
    if isinstance(error, OSError) and error.strerror and error.filename:
        return NemocliError(
            f"The file {error.filename} cannot be written: {error.strerror}; make room or give"
            " yourself the right to write there, or set HF_HOME to a folder elsewhere."
        )
    return _explain_break(error, model)


def explain_hash(error: WrongHashError, name: str, expected: str, model: HubModel) -> ModelError:
    """Return the error for a file that came in one piece with another hash than announced."""
    kind = "SHA-256" if len(expected) == 64 else "git's SHA-1"
    return ModelError(
        f"The downloaded {name} is damaged ({kind} {error} instead of {expected}); run again:"
        f" {model.pull_command}"
    )


def _explain_status(status: int, wait: float, model: HubModel) -> NemocliError:
    from huggingface_hub import constants

    if status in (401, 403):
        return ModelError(
            f"The hub does not give {model} to you (HTTP status {status}); log in with:"
            " hf auth login"
        )
    if status in (404, 410):
        return ModelError(
            f"The hub at {constants.ENDPOINT} does not have {model}, or lacks a file of it (HTTP"
            f" status {status}); check the name, and HF_ENDPOINT if you set it."
        )
    when = f"in {wait / 60:.0f} minutes" if wait > MAX_WAIT_S else "later"
    return NemocliError(
        f"The hub at {constants.ENDPOINT} answered with HTTP status {status}; what has come is"
        f" kept, so try again {when}: {model.pull_command}"
    )


def _explain_break(error: Exception, model: HubModel) -> NemocliError:
    from huggingface_hub import constants

    if is_untrusted(error):
        return NemocliError(
            f"The certificate of {constants.ENDPOINT} is not trusted; where a proxy replaces it,"
            " set SSL_CERT_FILE to the proxy's own."
        )
    what = str(error) if isinstance(error, TransferError) else type(error).__name__
    return NemocliError(
        f"The download from {constants.ENDPOINT} failed ({what}); what has come is kept, so when"
        f" the connection is back run again: {model.pull_command}"
    )


def _explain_proxy(error: Exception) -> NemocliError:
    """Return the error for a proxy in the environment that the HTTP client refuses to use."""
    if isinstance(error, ImportError):
        return UnsupportedError(
            "The proxy of this environment (ALL_PROXY, HTTPS_PROXY) is a SOCKS proxy, for which a"
            " package is missing; add it beside nemocli with: pip install socksio"
        )
    return UsageError(
        "The proxy of this environment (ALL_PROXY, HTTPS_PROXY) is of a kind that is not known;"
        " write http://HOST:PORT or socks5://HOST:PORT."
    )

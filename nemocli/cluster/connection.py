"""Connection to a Ray cluster: one that runs already, or one that is started here.

Ray is imported only here and in `workers`, and only if a cluster is used.
"""

import atexit
import faulthandler
import logging
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import Any

from nemocli.cluster.call_thread import CallThread, StuckError
from nemocli.errors import NemocliError, UnsupportedError, UsageError

#: Starts Ray on this machine, for as long as the command runs.
LOCAL = "local"

#: The cluster that this machine belongs to.
AUTO_ADDRESS = "auto"

#: Begins the address of Ray's client server, for a cluster that this machine does not belong to.
CLIENT = "ray://"

#: Seconds to wait for a cluster's port to answer.
CONNECT_TIMEOUT_S = 10

#: Seconds to wait until Ray has started or connected, and until a worker is ready.
START_TIMEOUT_S, READY_TIMEOUT_S = 60, 900

#: Seconds after which the program is ended if Ray's native code blocks all of Python.
HELD_TIMEOUT_S = 90

#: Seconds to wait for Ray's shutdown, and then for its processes to end.
END_TIMEOUT_S = 3

#: Advice for a cluster that wants a token.
TOKEN_ADVICE = (
    "If it wants a token, set RAY_AUTH_MODE=token, and put the token into RAY_AUTH_TOKEN or"
    " ~/.ray/auth_token."
)

#: Memory in bytes for results in a Ray that is started here; more are written to disk.
MAX_RESULT_BYTES = 100_000_000


def parse_address(text: str) -> str:
    """Return `local`, `auto`, `host:port` or `ray://host:port`; UsageError for other text."""
    if text in (LOCAL, AUTO_ADDRESS) or re.fullmatch(rf"({CLIENT})?[^:/\s]+:\d{{1,5}}", text):
        return text
    raise UsageError(
        f"--cluster takes {LOCAL}, {AUTO_ADDRESS}, host:port or {CLIENT}host:port, not {text!r}."
    )


@contextmanager
def connect(address: str, cpus: int) -> Iterator[CallThread]:
    """Connect to the cluster at a parsed address, or for `local` start one with `cpus` CPUs.

    Yields a CallThread; calls of Ray that may block for ever should be made by it. At the end, a
    cluster that was started here is stopped; of any other, only what ran for this command. Raises
    UnsupportedError if Ray is not installed, and NemocliError if no cluster answers.
    """
    # Ray must not send usage statistics to its makers.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == LOCAL and "RAY_AUTH_MODE" not in os.environ:
        # Ray listens on the network, and obeys everyone who has this token.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex())
        if "ray" not in sys.modules:  # Ray reads the mode when it is imported
            os.environ["RAY_AUTH_MODE"] = "token"
    try:
        import ray
    except ImportError as error:
        raise UnsupportedError(
            f"--cluster needs Ray: pip install 'nemocli[cluster]' ({error})."
        ) from None
    # Ray would print messages about workers on stdout, which is for results.
    ray._private.worker.print_to_stdstream = lambda *args, **kwargs: None
    warnings.filterwarnings("ignore", module="ray")
    begin: Callable[[], None]
    folder = ""
    with ExitStack() as stack:
        if address == LOCAL:
            # Ray puts its sockets there, and a socket's path must be short.
            folder = tempfile.mkdtemp(prefix="nemocli-ray-", dir="/tmp")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            begin, late = partial(_start, cpus, folder), "Ray did not start here"
        else:
            begin, late = _prepare_join(address), f"The Ray cluster {address} did not answer"
        ray_calls = CallThread()
        stack.callback(_disconnect, ray_calls, _find_child_processes())
        with _end_if_held(HELD_TIMEOUT_S, late, folder):
            ray_calls.call(begin, START_TIMEOUT_S, late)
        yield ray_calls


@contextmanager
def _end_if_held(seconds: int, late: str, folder: str) -> Iterator[None]:
    """End the program with exit code 1 and a sentence if the block takes longer than this.

    The folder, if any, is deleted too. Ray's native code may block all of Python; then only
    another process can print the sentence and delete the folder.
    """
    sentence = f"nemocli: {late} within {seconds} seconds: try again, or without --cluster."
    script = 'read -r _ || { printf "%s\\n" "$0" >&2; sleep 1; rm -rf "$1"; }'
    command = ["sh", "-c", script, sentence, folder]
    with (
        open(os.devnull, "w") as nowhere,
        subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as watcher,
    ):
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            watcher.communicate(b"\n")  # without this line, it prints and deletes


def _disconnect(ray_calls: CallThread, before: set[Any]) -> None:
    """Shut Ray down, and kill its processes here that do not end."""
    import psutil
    import ray

    started = _find_child_processes() - before
    try:
        ray_calls.call(ray.shutdown, END_TIMEOUT_S, "Ray did not end")
    except StuckError:
        atexit.unregister(ray.shutdown)  # it would block again
    ray_calls.end()
    started |= _find_child_processes() - before
    for process in started:
        with suppress(psutil.Error):  # most have ended already
            process.kill()
    psutil.wait_procs(started, END_TIMEOUT_S)


def _find_child_processes() -> set[Any]:
    """Return the child processes of this process, and all theirs."""
    import psutil  # installed with Ray

    return set(psutil.Process().children(recursive=True))


def _start(cpus: int, folder: str) -> None:
    """Start Ray here, for this command alone."""
    import ray

    try:
        ray.init(
            LOCAL,
            num_cpus=cpus,
            num_gpus=0,
            object_store_memory=MAX_RESULT_BYTES,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.CRITICAL,
            _temp_dir=folder,
        )
    except Exception as error:  # Ray raises many classes
        raise NemocliError(f"Ray cannot be started here: {_take_first_line(error)}.") from None


def _prepare_join(address: str) -> Callable[[], None]:
    """Return a function that connects to a running cluster; NemocliError if there is none."""
    if address == AUTO_ADDRESS:
        address = os.environ.get("RAY_ADDRESS", AUTO_ADDRESS)
    if address != AUTO_ADDRESS:
        _check_answers(address)
    return partial(_join, address)


def _join(address: str) -> None:
    import ray

    try:
        ray.init(address, log_to_driver=False, logging_level=logging.CRITICAL)
    except Exception as error:
        if address.startswith(CLIENT):
            advice = f"check that Ray's client server has this port. {TOKEN_ADVICE}"
        else:
            advice = f"run this on a machine of the cluster, or give {CLIENT}host:10001."
        raise NemocliError(
            f"The Ray cluster {address} cannot be used ({_take_first_line(error)}): {advice}"
        ) from None


def _check_answers(address: str) -> None:
    """Raise NemocliError if no Ray answers there; Ray itself would try for minutes, then exit."""
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError, ValueError) as error:
        raise NemocliError(
            f"There is no Ray cluster at {address} ({error}): check the address, and that 'ray"
            " status' works there."
        ) from None
    if address.startswith(CLIENT):
        return  # Ray's client has a timeout of its own
    check = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        subprocess.run(check, check=True, timeout=3 * CONNECT_TIMEOUT_S, capture_output=True)
    except subprocess.SubprocessError as error:
        if b"AuthenticationError" in (error.stderr or b""):  # type: ignore[attr-defined]
            raise NemocliError(
                f"The Ray cluster at {address} lets nobody in. {TOKEN_ADVICE}"
            ) from None
        raise NemocliError(
            f"What answers at {address} is no Ray cluster of this version: check the port."
        ) from None


def _take_first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].partition(". ")[0].rstrip(".")

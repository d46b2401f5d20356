"""A Ray cluster to transcribe on: one that runs already, or one started here.

Ray is imported only here and in `workers`, when somebody asks for a cluster.
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

#: The cluster that this machine is a part of.
AUTO = "auto"

#: Before the address of a cluster that this machine is no part of: Ray's client server.
CLIENT = "ray://"

#: Seconds until a cluster that does not answer is given up.
CONNECT_TIMEOUT_S = 10

#: Seconds in which Ray must start or be joined, workers be asked for, and one of them be ready.
START_TIMEOUT_S, READY_TIMEOUT_S = 60, 900

#: Seconds after which the program ends if it cannot even see that START_TIMEOUT_S has passed.
HELD_TIMEOUT_S = 90

#: Seconds that Ray has to end by itself.
END_TIMEOUT_S = 3

#: What helps if the cluster asks who comes.
TOKEN = (
    "If it wants a token, set RAY_AUTH_MODE=token, and put the token into RAY_AUTH_TOKEN or"
    " ~/.ray/auth_token."
)

#: Bytes that Ray started here may hold of results on their way; more goes to the disk.
MAX_RESULT_BYTES = 100_000_000


def parse_address(text: str) -> str:
    """`local`, `auto`, `host:port` or `ray://host:port`; UsageError for anything else."""
    if text in (LOCAL, AUTO) or re.fullmatch(rf"({CLIENT})?[^:/\s]+:\d{{1,5}}", text):
        return text
    raise UsageError(
        f"--cluster takes {LOCAL}, {AUTO}, host:port or {CLIENT}host:port, not {text!r}."
    )


@contextmanager
def connected(address: str, cpus: int) -> Iterator[CallThread]:
    """Connect to the cluster at a parsed address, or for `local` start one of so many CPUs.

    In the end, what was started here is stopped, and of another cluster only what ran for this
    command. What may wait for Ray without end is done by the CallThread that comes. Raises
    UnsupportedError if Ray is not installed, NemocliError if nothing answers.
    """
    # Ray would tell its makers that it is used.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if address == LOCAL and "RAY_AUTH_MODE" not in os.environ:
        # It listens to the network, and does what it is told by those who have this.
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex())
        if "ray" not in sys.modules:  # which reads it when it is imported
            os.environ["RAY_AUTH_MODE"] = "token"
    try:
        import ray
    except ImportError as error:
        raise UnsupportedError(
            f"--cluster needs Ray: pip install 'nemocli[cluster]' ({error})."
        ) from None
    # It would print what befalls workers on stdout, which is for results.
    ray._private.worker.print_to_stdstream = lambda *args, **kwargs: None
    warnings.filterwarnings("ignore", module="ray")
    begin: Callable[[], None]
    folder = ""
    with ExitStack() as stack:
        if address == LOCAL:
            # Its sockets are in there, and paths of sockets are short.
            folder = tempfile.mkdtemp(prefix="nemocli-ray-", dir="/tmp")
            stack.callback(shutil.rmtree, folder, ignore_errors=True)
            begin, late = partial(_start, cpus, folder), "Ray did not start here"
        else:
            begin, late = _join(address), f"The Ray cluster {address} did not answer"
        ray_calls = CallThread()
        stack.callback(_end, ray_calls, _processes())
        with _ended_if_held(HELD_TIMEOUT_S, late, folder):
            ray_calls.call(begin, START_TIMEOUT_S, late)
        yield ray_calls


@contextmanager
def _ended_if_held(seconds: int, late: str, folder: str) -> Iterator[None]:
    """End the program with exit code 1 and a sentence if the block takes so many seconds.

    The folder, if there is one, goes as well. Ray's native code may keep all of Python waiting;
    then only another process can do something.
    """
    sentence = f"nemocli: {late} within {seconds} seconds: try again, or without --cluster."
    script = 'read -r _ || { printf "%s\\n" "$0" >&2; sleep 1; rm -rf "$1"; }'
    tell = ["sh", "-c", script, sentence, folder]
    with (
        open(os.devnull, "w") as nowhere,
        subprocess.Popen(tell, stdin=subprocess.PIPE, start_new_session=True) as teller,
    ):
        faulthandler.dump_traceback_later(seconds, exit=True, file=nowhere)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            teller.communicate(b"\n")  # it acts if this does not come


def _end(ray_calls: CallThread, before: set[Any]) -> None:
    """Leave Ray, and see to it that nothing of it is left running here."""
    import psutil
    import ray

    started = _processes() - before
    try:
        ray_calls.call(ray.shutdown, END_TIMEOUT_S, "Ray did not end")
    except StuckError:
        atexit.unregister(ray.shutdown)  # it would be stuck once more
    ray_calls.end()
    started |= _processes() - before
    for process in started:
        with suppress(psutil.Error):  # most have ended
            process.kill()
    psutil.wait_procs(started, END_TIMEOUT_S)


def _processes() -> set[Any]:
    """All that was started by this process, and what they have started."""
    import psutil  # which Ray brings along

    return set(psutil.Process().children(recursive=True))


def _start(cpus: int, folder: str) -> None:
    """Start Ray here, for nobody else."""
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
    except Exception as error:  # of many kinds, as what went wrong is
        raise NemocliError(f"Ray cannot be started here: {_first_line(error)}.") from None


def _join(address: str) -> Callable[[], None]:
    """What connects to a cluster that runs already; NemocliError if there is none."""
    place = os.environ.get("RAY_ADDRESS", AUTO) if address == AUTO else address
    if place != AUTO:
        _knock(place)
    return partial(_connect, place)


def _connect(place: str) -> None:
    import ray

    try:
        ray.init(place, log_to_driver=False, logging_level=logging.CRITICAL)
    except Exception as error:
        if place.startswith(CLIENT):
            advice = f"check that Ray's client server has this port. {TOKEN}"
        else:
            advice = f"run this on a machine of the cluster, or give {CLIENT}host:10001."
        raise NemocliError(
            f"The Ray cluster {place} cannot be used ({_first_line(error)}): {advice}"
        ) from None


def _knock(address: str) -> None:
    """NemocliError if no Ray answers there: by itself, Ray would try for minutes, and then exit."""
    host, _, port = address.removeprefix(CLIENT).rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_TIMEOUT_S).close()
    except (OSError, OverflowError, ValueError) as error:
        raise NemocliError(
            f"There is no Ray cluster at {address} ({error}): check the address, and that 'ray"
            " status' works there."
        ) from None
    if address.startswith(CLIENT):
        return  # its client gives up by itself
    check = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--address", address]
    try:
        subprocess.run(check, check=True, timeout=3 * CONNECT_TIMEOUT_S, capture_output=True)
    except subprocess.SubprocessError as error:
        if b"AuthenticationError" in (error.stderr or b""):  # type: ignore[attr-defined]
            raise NemocliError(f"The Ray cluster at {address} lets nobody in. {TOKEN}") from None
        raise NemocliError(
            f"What answers at {address} is no Ray cluster of this version: check the port."
        ) from None


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].partition(". ")[0].rstrip(".")

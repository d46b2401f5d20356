"""CallThread: results, exceptions, timeouts and signals."""

import os
import signal
import threading

import pytest

from nemocli.cli.signals import Ended
from nemocli.cluster.call_thread import CallThread, StuckError
from nemocli.errors import UsageError


@pytest.fixture
def call_thread():
    thread = CallThread()
    yield thread
    thread.end()


def test_all_calls_are_made_in_one_thread_and_their_results_returned(call_thread):
    threads = [call_thread.call(threading.get_ident, 60, "It did not tell") for _ in range(2)]
    assert threads[0] == threads[1] != threading.get_ident()
    with pytest.raises(UsageError, match="as it is"):
        call_thread.call(lambda: fail(UsageError("as it is")), 60, "It did not fail")
    with pytest.raises(TimeoutError):  # raised by the function itself
        call_thread.call(lambda: fail(TimeoutError()), 60, "It did not fail")


def fail(error):
    raise error


def test_a_call_that_does_not_return_is_given_up_and_so_are_later_ones(call_thread):
    returns = threading.Event()
    with pytest.raises(StuckError, match=r"^It did not come within 0 seconds: try again"):
        call_thread.call(returns.wait, 0, "It did not come")
    with pytest.raises(StuckError):
        call_thread.call(threading.get_ident, 0, "It did not tell")
    returns.set()
    assert call_thread.call(threading.get_ident, 60, "It did not tell")


def test_a_signal_ends_the_waiting(call_thread):
    returns = threading.Event()

    def raise_ended(number, frame):
        raise Ended(number)

    def end_and_wait():
        os.kill(os.getpid(), signal.SIGTERM)
        returns.wait()

    before = signal.signal(signal.SIGTERM, raise_ended)
    try:
        with pytest.raises(Ended):
            call_thread.call(end_and_wait, 60, "Late")
    finally:
        signal.signal(signal.SIGTERM, before)
        returns.set()

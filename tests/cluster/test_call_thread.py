"""Calls in a thread of their own: what they give, and that nobody has to wait for them."""

import os
import signal
import threading

import pytest

from nemocli.cli.signals import Ended
from nemocli.cluster.call_thread import CallThread, StuckError
from nemocli.errors import UsageError


@pytest.fixture
def apart():
    made = CallThread()
    yield made
    made.end()


def test_what_calls_give_comes_back_and_all_are_made_in_one_thread(apart):
    threads = [apart.call(threading.get_ident, 60, "It did not tell") for _ in range(2)]
    assert threads[0] == threads[1] != threading.get_ident()
    with pytest.raises(UsageError, match="as it is"):
        apart.call(lambda: fail(UsageError("as it is")), 60, "It did not fail")
    with pytest.raises(TimeoutError):  # its own, which is not ours
        apart.call(lambda: fail(TimeoutError()), 60, "It did not fail")


def fail(error):
    raise error


def test_a_call_that_does_not_come_back_is_given_up_and_so_are_those_after_it(apart):
    comes = threading.Event()
    with pytest.raises(StuckError, match=r"^It did not come within 0 seconds: try again"):
        apart.call(comes.wait, 0, "It did not come")
    with pytest.raises(StuckError):
        apart.call(threading.get_ident, 0, "It did not tell")
    comes.set()
    assert apart.call(threading.get_ident, 60, "It did not tell")


def test_a_signal_ends_the_waiting(apart):
    comes = threading.Event()

    def raise_it(number, frame):
        raise Ended(number)

    before = signal.signal(signal.SIGTERM, raise_it)
    try:
        with pytest.raises(Ended):
            apart.call(lambda: [os.kill(os.getpid(), signal.SIGTERM), comes.wait()], 60, "Late")
    finally:
        signal.signal(signal.SIGTERM, before)
        comes.set()

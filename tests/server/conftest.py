"""Servers with the demo: one for all tests that only use it, and others with other settings."""

import pytest

import nemocli
from tests.missing import skips_without
from tests.server.running import InThread

pytest_pycollect_makemodule = skips_without(
    *("starlette", "uvicorn", "python_multipart", "websockets"),
    reason="needs pip install 'nemocli[serve]'",
)


@pytest.fixture(scope="session")
def transcriber():
    with nemocli.load("demo") as loaded:
        yield loaded


@pytest.fixture(scope="session")
def server(transcriber):
    with InThread(transcriber, wyoming_port=0) as running:
        yield running


@pytest.fixture
def start(transcriber):
    """Return a function that starts a server with other settings."""
    started = []

    def start(**settings):
        started.append(InThread(nemocli.load("demo"), **settings))
        return started[-1]

    yield start
    for running in started:
        running.close()

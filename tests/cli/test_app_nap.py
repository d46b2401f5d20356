"""App Nap is prevented while a live stream runs, on macOS alone."""

import sys
from contextlib import contextmanager
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from nemocli.cli import live
from nemocli.cli.app_nap import prevent_app_nap
from tests.typed import nemocli


@pytest.fixture
def activity(monkeypatch):
    """A stand-in for the package, which is only for macOS: what begins and ends."""
    steps = []

    @contextmanager
    def nope_scope(reason):
        steps.append(reason)
        yield
        steps.append("end")

    monkeypatch.setitem(sys.modules, "appnope", SimpleNamespace(nope_scope=nope_scope))
    return steps


def test_on_macos(activity, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with prevent_app_nap():
        assert activity == ["nemocli listens"]
    assert activity == ["nemocli listens", "end"]


def test_without_the_package_it_runs_too(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setitem(sys.modules, "appnope", None)
    with prevent_app_nap():
        pass


@pytest.mark.skipif(sys.platform == "darwin", reason="there it does something")
def test_elsewhere_nothing_is_done(activity):
    with prevent_app_nap():
        assert activity == []


def test_live_runs_within_it(activity, monkeypatch, tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(1600), 16000)
    heard = []

    @contextmanager
    def prevented():
        heard.append("begun")
        yield
        heard.append("ended")

    monkeypatch.setattr(live, "prevent_app_nap", prevented)
    done = nemocli("live", "--input", tmp_path / "short.wav", "--model", "demo")
    assert (done.exit_code, heard) == (0, ["begun", "ended"])

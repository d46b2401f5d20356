"""The model that is run if none was named, and the offer to get it."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from nemocli.cli import convert, loading
from nemocli.errors import ModelError
from nemocli.models.hub import DEFAULT_MODEL
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.kind import Library
from nemocli.runtimes.system import System


@pytest.fixture
def asked(monkeypatch, tmp_path):
    """A user at a terminal who says yes, and the steps that follow; nothing is downloaded."""
    done = []
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("typer.confirm", lambda question, err: "2.6 GB" in question)
    monkeypatch.setattr(convert, "download", lambda name, screen: done.append(name))
    monkeypatch.setattr(convert, "write_model", lambda *options: done.append(options[:4]))
    return done


TERMINAL = SimpleNamespace(draws=True)


@pytest.mark.parametrize(
    ("runtime", "expected"),
    [
        ("auto", (DEFAULT_MODEL, None, "onnx", "int8")),
        ("onnx", (DEFAULT_MODEL, None, "onnx", "int8")),
        ("numpy", DEFAULT_MODEL),
    ],
)
def test_the_released_model_is_offered_for_the_runtime_asked_for(asked, runtime, expected):
    spec = ModelSpec(None, runtime, lookahead=3)
    assert loading.complete_spec(spec, TERMINAL) == replace(spec, model=DEFAULT_MODEL)
    assert asked == [expected]


def test_on_a_mac_it_is_offered_for_what_auto_is_there(asked, monkeypatch):
    monkeypatch.setattr(Library, "is_here", True)
    monkeypatch.setattr(loading, "read_system", lambda: System("darwin", "15.5"))
    loading.complete_spec(ModelSpec(), TERMINAL)
    loading.complete_spec(ModelSpec(precision="int8"), TERMINAL)
    monkeypatch.setattr(loading, "read_system", lambda: System("darwin", "15.5", "x86_64"))
    loading.complete_spec(ModelSpec(), TERMINAL)
    assert [options[2:] for options in asked] == [
        ("coreml", None),
        ("coreml", "int8"),
        ("onnx", "int8"),
    ]


def test_an_offer_declined_says_how_to_get_it_later(asked, monkeypatch):
    monkeypatch.setattr("typer.confirm", lambda question, err: False)
    with pytest.raises(ModelError, match=f"nemocli models pull {DEFAULT_MODEL}$"):
        loading.complete_spec(ModelSpec(), TERMINAL)
    assert asked == []


def test_without_a_terminal_nothing_is_asked(asked):
    with pytest.raises(ModelError, match=f"--model demo.* nemocli models pull {DEFAULT_MODEL}$"):
        loading.complete_spec(ModelSpec(), SimpleNamespace(draws=False))
    assert asked == []

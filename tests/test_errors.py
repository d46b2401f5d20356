"""Messages stay short, even if they quote long text."""

import ast
import pickle
from pathlib import Path

import pytest

from nemocli.errors import MAX_MESSAGE_LENGTH, AudioError, ModelError, explain_model_errors, quote
from tests.typed import ROOT


def test_a_long_message_keeps_both_ends():
    message = str(ModelError("begin " + "x" * 100_000 + " end."))
    assert message.startswith("begin x") and message.endswith(" end.")
    assert len(message) < MAX_MESSAGE_LENGTH + 10


def test_a_value_that_holds_itself_many_times_is_brief():
    value = ["x"]
    for _ in range(60):
        value = [value] * 9
    assert len(quote(value)) < 2000
    assert quote({"a": [1, None, 0.5]}) == "{'a': [1, None, 0.5]}"
    assert quote(16**6000) == "a number of thousands of digits"


class Panic(BaseException):
    """Like the panics of Rust libraries."""


@pytest.mark.parametrize("error", [ValueError("why"), Panic("why")])
def test_what_a_library_raises_is_a_sentence(error):
    with (
        pytest.raises(ModelError, match=r"It is no model: why\."),
        explain_model_errors("It is no model"),
    ):
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, AudioError("x")])
def test_what_is_no_defect_of_the_model_goes_on(error):
    with (
        pytest.raises(type(error) if isinstance(error, Exception) else error),
        explain_model_errors("It"),
    ):
        raise error


def test_an_audio_error_goes_by_the_name_that_a_person_knows():
    error = AudioError("is empty: record it again.", Path("/tmp/x/stdin"))
    assert str(error) == "/tmp/x/stdin is empty: record it again."
    assert str(error.rename("stdin")) == "stdin is empty: record it again."
    copy = pickle.loads(pickle.dumps(error))  # as it comes from a worker
    assert (str(copy), copy.path, copy.reason) == (str(error), error.path, error.reason)
    of_a_device = AudioError("There is no microphone.")
    assert of_a_device.rename("stdin") is of_a_device


def test_no_audio_error_has_its_path_in_the_sentence():
    """Otherwise the file could not be named in another way."""
    wrong = []
    for path in (ROOT / "nemocli").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "AudioError":
                first = node.args[0]
                if isinstance(first, ast.JoinedStr) and "path" in ast.unparse(first.values[0]):
                    wrong.append(f"{path.name}:{node.lineno}")
    assert wrong == []

"""Messages stay short, whatever they quote."""

import pytest

from nemocli.errors import MAX_MESSAGE_LENGTH, AudioError, ModelError, model_errors, shown


def test_a_long_message_keeps_both_ends():
    message = str(ModelError("begin " + "x" * 100_000 + " end."))
    assert message.startswith("begin x") and message.endswith(" end.")
    assert len(message) < MAX_MESSAGE_LENGTH + 10


def test_a_value_that_holds_itself_many_times_is_brief():
    value = ["x"]
    for _ in range(60):
        value = [value] * 9
    assert len(shown(value)) < 2000
    assert shown({"a": [1, None, 0.5]}) == "{'a': [1, None, 0.5]}"
    assert shown(16**6000) == "a number of thousands of digits"


class Panic(BaseException):
    """As Rust's are."""


@pytest.mark.parametrize("error", [ValueError("why"), Panic("why")])
def test_what_a_library_raises_is_a_sentence(error):
    with pytest.raises(ModelError, match=r"It is no model: why\."), model_errors("It is no model"):
        raise error


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, AudioError("x")])
def test_what_is_no_defect_of_the_model_goes_on(error):
    with pytest.raises(type(error) if isinstance(error, Exception) else error), model_errors("It"):
        raise error

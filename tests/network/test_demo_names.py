"""The names that the demo's successor is trained on, and those kept for phrase boosting."""

import random
import sys
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts" / "demo"


@pytest.fixture(scope="module")
def made():
    """The scripts' modules, which import each other by their bare names."""
    before = set(sys.modules)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(SCRIPTS))
        import grammar
        import messages
        import names

        yield grammar, messages, names
    for name in ("grammar", "messages", "names", "spelling"):
        if name not in before:
            del sys.modules[name]


def test_training_has_none_of_the_names_that_boosting_is_measured_on(made):
    grammar, messages, names = made
    kept = [name for each in names.HELD_OUT.values() for name in each.all()]
    assert len(kept) >= 60
    known = " ".join(name for each in names.KNOWN.values() for name in each.all())
    rng = random.Random(0)
    said = " ".join(
        grammar.written(messages.message(language, rng))
        for language in grammar.LANGUAGES
        for _ in range(300)
    )
    for name in kept:
        assert name.casefold() not in known.casefold(), name
        assert name.casefold() not in said.casefold(), name

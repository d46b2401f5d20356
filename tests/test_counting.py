"""Numbers of things in sentences: one thing has no s, whatever the sentence."""

import re
from pathlib import Path

import pytest

import nemocli
from nemocli.audio.decoder import describe_rest
from nemocli.boosting.phrases import explain_unspelled
from nemocli.cli.live_history import describe_copy
from nemocli.cli.typist import describe_untyped
from nemocli.counting import count_things


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (2000, "2,000 files")]
)
def test_things_are_counted(number, text):
    assert count_things(number, "file") == text


def test_sentences_about_one_thing():
    assert describe_untyped(1) == "1 segment was not typed, or not to its end."
    assert describe_untyped(2) == "2 segments were not typed, or not to their end."
    assert describe_rest(1).endswith(", 1 byte was left out.")
    assert describe_copy("a").startswith("1 character went")
    assert "1 of 1 phrase, which has no effect: a" in explain_unspelled(["a"], 1)


def test_nothing_is_counted_by_hand():
    for path in Path(nemocli.__file__).parent.rglob("*.py"):
        assert not re.search(r'"1 \w+" if', path.read_text(encoding="utf-8")), path

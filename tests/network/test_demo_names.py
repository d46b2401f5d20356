"""The names in the demo's messages: which it was trained on, and how its tokenizer splits them."""

import json
import random
import sys
from pathlib import Path

import pytest
import soundfile
from tokenizers import Tokenizer

import nemocli

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
        import spelling

        yield grammar, messages, names, spelling
    for name in ("grammar", "messages", "names", "spelling"):
        if name not in before:
            del sys.modules[name]


def test_training_has_none_of_the_names_that_boosting_is_measured_on(made):
    grammar, messages, names, _ = made
    kept = [name for each in names.HELD_OUT.values() for name in each.all()]
    assert len(kept) >= 60
    known = " ".join(name for each in names.KNOWN.values() for name in each.all())
    rng = random.Random(0)
    said = " ".join(
        grammar.written(messages.message(language, rng))
        for language in grammar.LANGUAGES
        for _ in range(100)
    )
    for name in kept:
        assert name.casefold() not in known.casefold(), name
        assert name.casefold() not in said.casefold(), name


def test_the_demo_s_tokenizer_splits_names_as_in_training(made, demo):
    _, _, names, spelling = made
    tokenizer = Tokenizer.from_file(str(demo / "tokenizer.json"))
    pieces = list(spelling.vocabulary())
    assert [tokenizer.id_to_token(n) for n in range(tokenizer.get_vocab_size())] == pieces
    for each in (*names.KNOWN.values(), *names.HELD_OUT.values()):
        for name in each.all():
            marked = "▁" + name.replace(" ", "▁")
            assert tokenizer.encode(name).tokens == list(spelling.spell(marked)), name
            assert tokenizer.decode(tokenizer.encode(name).ids) == name


def test_the_clips_of_names_are_wrong_in_the_name_alone(demo):
    """Otherwise they would say nothing about boosting."""
    folder = demo.parent / "clips" / "names"
    transcriber = nemocli.load("demo")
    for clip in json.loads((folder / "clips.json").read_text(encoding="utf-8")):
        sound, _ = soundfile.read(folder / clip["file"], dtype="float32")
        heard = transcriber.transcribe(sound, lang=clip["lang"]).text
        (name,) = clip["names"]
        before, after = clip["text"].split(name)
        assert heard.startswith(before) and heard.endswith(after) and name not in heard

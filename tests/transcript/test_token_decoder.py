"""What a checkpoint's tokenizer may do with the pieces; one that does more is refused."""

import pytest
from tokenizers import Regex, Tokenizer, decoders, models

from nemocli.errors import ModelError
from nemocli.transcript.token_decoder import MAX_STEPS, TokenDecoder


def pieces_with(decoder):
    tokenizer = Tokenizer(models.BPE({"▁a": 0, "b": 1}, []))
    if decoder is not None:
        tokenizer.decoder = decoder
    return TokenDecoder(tokenizer.to_str())


@pytest.mark.parametrize(
    ("decoder", "text"),
    [
        (None, "▁a b"),
        (decoders.Metaspace(), "ab"),
        (decoders.Replace("▁a", "xy"), "xyb"),
        (decoders.Replace("▁a", "x"), "xb"),
        (decoders.Replace("b", ""), "▁a"),
        (decoders.Sequence([decoders.Replace("b", "c"), decoders.Metaspace()]), "ac"),
        (decoders.Sequence([decoders.Fuse()] * MAX_STEPS), "▁ab"),
    ],
)
def test_putting_together_and_replacing_letters(decoder, text):
    assert pieces_with(decoder).decode_text([0, 1]) == text


@pytest.mark.parametrize(
    "decoder",
    [
        decoders.Replace("b", "bb"),
        decoders.Replace("", ""),
        decoders.Replace(Regex("b+"), ""),
        decoders.Sequence([decoders.Metaspace(), decoders.Replace("b", "bb")]),
        decoders.Sequence([decoders.Sequence([decoders.Fuse()])]),
        decoders.Sequence([decoders.Fuse()] * (MAX_STEPS + 1)),
    ],
    ids=["longer", "of nothing", "of a pattern", "longer in a sequence", "nested", "too many"],
)
def test_more_than_that_is_refused(decoder):
    with pytest.raises(ModelError) as refused:
        pieces_with(decoder)
    assert str(refused.value) == (
        "The model's tokenizer does more than to put pieces together; get the model from a source"
        " you trust."
    )


def test_a_failure_of_its_rules_is_a_sentence():
    pieces = pieces_with(None)
    with pytest.raises(ModelError) as failed:
        pieces.decode_text([-1])
    start = "The model's tokenizer cannot make text of what the model says: "
    assert str(failed.value).startswith(start)


@pytest.mark.parametrize("text", ["", "{}", '{"model": {"vocab": {}}}'])
def test_not_a_tokenizer(text):
    with pytest.raises(ModelError, match=r"^The model's tokenizer is not a tokenizer: .+\.$"):
        TokenDecoder(text)


def test_an_id_that_is_not_in_the_vocabulary():
    pieces = pieces_with(None)
    assert (pieces.get_piece(0), pieces.get_piece(2), pieces.decode_text([1, 2])) == (
        "▁a",
        "<2>",
        "b",
    )

"""The model for English alone, and lookaheads without training, against transformers."""

import json

import pytest

from tests.oracle.compare import assert_same, check_tokens, transcribe
from tests.oracle.conftest import ENGLISH
from tests.oracle.test_lengths import HOP, REACH, lengths
from tests.sounds import speech_like

#: Those that the checkpoints list, and 3: its chunks of four frames do not divide 70 frames.
LOOKAHEADS = (13, 6, 1, 0, 3)

#: Name, runtime and lookahead of the cases in the default run; the others, among them all of Core
#: AI's, are slow.
DEFAULT_RUN = {
    *(("english-thin", "numpy", lookahead) for lookahead in LOOKAHEADS),
    ("english", "onnx", 1),
    ("english-thin", "mlx", 3),
    ("thin", "numpy", 2),
}


def check(oracle, name, runtime, lookahead, sound, lang):
    finished = check_tokens(oracle, name, runtime, lookahead, lang, sound)
    assert len(set(finished.tokens)) > 5


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
@pytest.mark.parametrize("name", ENGLISH)
def test_every_checkpoint_at_every_lookahead(oracle, name, runtime, lookahead):
    """Eight seconds are more than the left context, so that the oldest frames are dropped."""
    check(oracle, name, runtime, lookahead, speech_like(8, seed=len(name)), "en-US")


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
@pytest.mark.parametrize("name", ["english-thin"])
def test_every_end(oracle, name, runtime, lookahead):
    """The lengths of test_lengths: all of them for short chunks, and some for longer ones."""
    sound = speech_like(4, seed=3)[: 1280 * (3 * (lookahead + 1) + 2)]
    transcriber = oracle.transcriber(name, runtime, lookahead)
    streamed = oracle.expected("streaming", name, lookahead, "en-US", sound)
    for length in lengths(lookahead)[:: 1 if lookahead < 2 else 6]:
        fed, finished = transcribe(transcriber, sound[:length], "en-US", packet=3001)
        want = oracle.expected("offline", name, lookahead, "en-US", sound[:length])
        assert_same(finished, want, f"{length} samples")
        chunks = (max(0, (length - REACH) // HOP + 1) + 7) // (8 * (lookahead + 1))
        assert_same(fed, streamed.until(chunks * (lookahead + 1)), f"{length} samples")


@pytest.mark.parametrize("lookahead", [1, 2])
@pytest.mark.parametrize("name", ["small-0", "thin"])
def test_a_lookahead_that_the_multilingual_model_does_not_list(oracle, name, runtime, lookahead):
    """Chunks of three frames do not divide the left context of 56 frames."""
    check(oracle, name, runtime, lookahead, speech_like(7, seed=8), "de-DE")


def test_a_checkpoint_is_as_the_released_one(oracle):
    """No prompts; the tokenizer has <pad> where the model has its blank."""
    folder = oracle.folder("english-thin")
    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    added = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    assert added["<pad>"] == config["blank_token_id"] == added["<blank>"] - 1
    assert not any("prompt" in key for key in config)
    assert oracle.transcriber("english-thin", "numpy", 13).languages == ("en-US",)

"""Apple's formats on any machine, against transformers: every lookahead of several checkpoints.

Core AI packages are run by Apple's own runtime, Core ML packages evaluated in float32 (see
tests/mlprogram). This takes minutes, and so is run by `pytest -m slow tests/oracle/test_apple.py`.
"""

from functools import cache

import pytest

import nemocli
from nemocli.models.convert import convert
from nemocli.network.checkpoint import TOKENIZER
from nemocli.transcriber import Transcriber
from nemocli.transcript.token_decoder import TokenDecoder
from tests.oracle.compare import assert_same, transcribe
from tests.sounds import speech_like

NAMES = ["small-0", "thin", "deep", "many-heads", "kernel-5", "window-29", "float16", "demo"]


@pytest.fixture(scope="module")
def packages(oracle, tmp_path_factory):
    """Give a function for folders of float32 packages by checkpoint and kind, converted once."""

    @cache
    def folder(name, kind):
        out = tmp_path_factory.mktemp("packages") / f"{name}-{kind}"
        manifest = convert(oracle.folder(name), out, kind, "fp32")
        return out, manifest

    return folder


#: Those of the model for English alone list other lookaheads.
ENGLISH_CASES = [
    (name, lookahead) for name in ("english", "english-thin") for lookahead in (0, 1, 6, 13)
]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["coreai", "coreml"])
@pytest.mark.parametrize(
    "name,lookahead",
    [*((name, lookahead) for name in NAMES for lookahead in (0, 3, 6, 13)), *ENGLISH_CASES],
)
def test_tokens_are_the_reference_s(oracle, packages, name, kind, lookahead):
    pytest.importorskip({"coreai": "coreai", "coreml": "coremltools"}[kind])
    out, manifest = packages(name, kind)
    if kind == "coreai":
        transcriber = nemocli.load(out, lookahead=lookahead)
    else:
        from tests.mlprogram.runtime import EvaluatedRuntime

        runtime = EvaluatedRuntime(out, manifest.config, lookahead, exact=True)
        transcriber = Transcriber(runtime, TokenDecoder((out / TOKENIZER).read_text()), name)
    sound, lang = speech_like(3.3, seed=len(name)), "en-US" if "english" in name else "de-DE"
    numpy = oracle.transcriber(name, "numpy", lookahead)
    _, got = transcribe(transcriber, sound, lang)
    _, reference = transcribe(numpy, sound, lang)
    assert (got.tokens, got.frames) == (reference.tokens, reference.frames)
    assert_same(got, oracle.expected("offline", name, lookahead, lang, sound))

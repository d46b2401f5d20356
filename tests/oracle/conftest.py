"""Random checkpoints, and transformers' transcripts of sounds with them, each computed once."""

import functools
import hashlib
import os

import pytest

import nemocli
from nemocli.errors import ModelError
from nemocli.models.paths import find_demo_folder
from tests.kinds_here import PORTABLE_HERE
from tests.missing import skips_without

pytest_pycollect_makemodule = skips_without(
    "torch", "transformers", reason="needs pip install -e '.[test]'"
)

#: Shape and seed of each checkpoint, see scripts/random_checkpoint.py.
CHECKPOINTS = {
    "small-0": ("small", 0),
    "small-1": ("small", 1),
    "small-2": ("small", 2),
    "thin": ("thin", 0),
    "wide": ("wide", 0),
    "deep": ("deep", 2),
    "many-heads": ("many-heads", 0),
    "kernel-5": ("kernel-5", 0),
    "window-29": ("window-29", 0),
    "window-85": ("window-85", 0),
    "capped": ("capped", 0),
    "bfloat16": ("bfloat16", 0),
    "float16": ("float16", 0),
    "sharded": ("sharded", 0),
}

#: Those of the model for English alone, which tests/oracle/test_english.py meets.
ENGLISH = {
    "english": ("english", 0),
    "english-thin": ("english-thin", 0),
    "english-sharded": ("english-sharded", 0),
}

LOOKAHEADS = (0, 3, 6, 13)

#: By default, a runtime meets this many lookaheads a checkpoint, and others than numpy only one
#: checkpoint of so many. The other tests are slow ones: pytest -m slow tests/oracle -k mlx
SOME_LOOKAHEADS = {"numpy": 2, "onnx": 1, "coreai": 1, "mlx": 1}
ONE_CHECKPOINT_IN = {"onnx": 3, "coreai": 5, "mlx": 5}


def pytest_generate_tests(metafunc):
    """Run a test that takes `name` on every checkpoint, the demo too if it has been trained."""
    if "name" in metafunc.fixturenames and not _parametrized(metafunc, "name"):
        metafunc.parametrize("name", [*CHECKPOINTS, *_demo()])
    if "runtime" in metafunc.fixturenames:
        metafunc.parametrize("runtime", PORTABLE_HERE)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark as slow what a runtime does not meet by default."""
    for item in items:
        params = item.callspec.params if hasattr(item, "callspec") else {}
        runtime, name = params.get("runtime"), params.get("name")
        own = getattr(item.module, "DEFAULT_RUN", None)  # a file that says itself what is default
        if own is not None and runtime is not None:
            if (name, runtime, params["lookahead"]) not in own:
                item.add_marker(pytest.mark.slow)
            continue
        if runtime in SOME_LOOKAHEADS and name in [*CHECKPOINTS, "demo"]:
            number = [*CHECKPOINTS, "demo"].index(name)
            is_met = number % ONE_CHECKPOINT_IN.get(runtime, 1) == 0
            if "lookahead" in params:
                some = [number + n for n in range(SOME_LOOKAHEADS[runtime])]
                is_met &= params["lookahead"] in [LOOKAHEADS[n % len(LOOKAHEADS)] for n in some]
            if not is_met:
                item.add_marker(pytest.mark.slow)


def _parametrized(metafunc, argument):
    marks = metafunc.definition.iter_markers("parametrize")
    return any(argument in mark.args[0].split(",") for mark in marks)


def _demo():
    try:
        find_demo_folder()
    except ModelError:
        return []
    return ["demo"]


class Oracle:
    """Opens checkpoints by name, in transformers and in nemocli."""

    def __init__(self, random_checkpoint):
        from tests.oracle.reference import Reference

        self._random_checkpoint = random_checkpoint
        self._expected = {}
        self.folder = functools.cache(self._folder)
        self.reference = functools.cache(lambda name: Reference(self.folder(name)))
        self.transcriber = functools.lru_cache(8)(self._transcriber)

    def _folder(self, name):
        if name == "demo":
            return find_demo_folder()
        return self._random_checkpoint(*(CHECKPOINTS | ENGLISH)[name])

    def _transcriber(self, name, runtime, lookahead):
        folder = self.folder(name)
        return nemocli.load(
            folder,
            runtime=runtime,
            precision="fp32",
            lookahead=lookahead,
            untrained_lookahead=True,
        )

    def expected(self, way, name, lookahead, lang, samples):
        """Return the reference's Decoding; `way` is `offline` or `streaming`."""
        digest = hashlib.sha256(samples.tobytes()).digest()
        key = (way, name, lookahead, lang, digest)
        if key not in self._expected:
            self._expected[key] = getattr(self.reference(name), way)(samples, lookahead, lang)
        return self._expected[key]


@pytest.fixture(scope="session")
def oracle(random_checkpoint):
    import torch

    # More threads than free cores make torch many times slower.
    torch.set_num_threads(max(1, (os.cpu_count() or 2) // 2))
    return Oracle(random_checkpoint)

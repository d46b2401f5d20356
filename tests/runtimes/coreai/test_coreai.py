"""Core AI packages, run by Apple's own runtime, give the tokens of the numpy reference."""

import asyncio
import functools
import gc
import shutil
import subprocess
import sys
import tempfile

import numpy as np
import pytest

import nemocli
from nemocli.errors import ModelError, UnsupportedError, UsageError
from nemocli.models.convert import convert
from nemocli.models.folder import read_manifest
from nemocli.runtimes.coreai import runtime as coreai_runtime
from tests.missing import skip_file_without
from tests.once import made_once
from tests.repeats import repeats
from tests.sounds import speech_like

skip_file_without("coreai", reason="coreai-core has no wheel for this system")


@pytest.fixture(scope="module")
def write(demo, tmp_path_factory):
    """Give a function that converts the demo, in single precision, for some lookaheads, once."""

    def get(*lookaheads):
        def make(path):
            convert(demo, path, to="coreai", precision="fp32", lookaheads=lookaheads)

        return made_once(tmp_path_factory, f"demo-coreai-{'-'.join(map(str, lookaheads))}", make)

    return get


@pytest.fixture(scope="module")
def folder(write):
    """The demo in single precision, for tests that only read it."""
    return write(0, 3)


@pytest.fixture(scope="module")
def one(write):
    """The same for one lookahead."""
    return write(3)


@functools.lru_cache(1)
def load(folder, lookahead):
    """Return a model for several tests: to load it takes as long as to transcribe ten seconds."""
    return nemocli.load(folder, lookahead=lookahead)


def transcribe(transcriber, sound, lang):
    session = transcriber.session(lang, keep_encoder=True)
    session.feed(sound)
    tokens = [(token.id, token.frame) for token in session.finish().tokens]
    return tokens, np.concatenate(session.enc_proj)


@pytest.mark.parametrize("lookahead", repeats([3, 13, 6, 0], 1))
def test_tokens_are_those_of_numpy(folder, write, clips, lookahead):
    """This holds for speech with a partial last chunk, and for sound that is no speech."""
    spoken = clips[lookahead % len(clips)]
    runtimes = [
        load(folder if lookahead in (0, 3) else write(6, 13), lookahead),
        nemocli.load("demo", runtime="numpy", lookahead=lookahead),
    ]
    for sound in (spoken.samples, speech_like(0.9, seed=2)):
        (tokens, encoded), (expected, reference) = (
            transcribe(transcriber, sound, spoken.lang) for transcriber in runtimes
        )
        assert tokens == expected
        assert np.abs(encoded - reference).max() < 1e-4 * reference.std()


def test_functions_share_their_weights(folder, one):
    sizes = [sum(r.bytes for r in read_manifest(f).files.values()) for f in (folder, one)]
    assert sizes[0] < 1.15 * sizes[1]


def test_the_same_weights_make_the_same_bytes_in_any_process(one, tmp_path):
    again = tmp_path / "again"
    options = ["--to", "coreai", "--precision", "fp32", "--lookahead", "3", "--no-verify", "-q"]
    command = [sys.executable, "-m", "nemocli", "convert", "demo", *options, "-o", str(again)]
    subprocess.run(command, check=True)
    assert read_manifest(again).files == read_manifest(one).files


def test_float16_computes_nearly_the_same(demo, folder, tmp_path):
    """One call of one graph is tested: Apple's runtime is slow at float16 on a processor."""
    out = tmp_path / "half"
    assert convert(demo, out, to="coreai", lookaheads=[3]).precision == "fp16"
    mel = np.random.default_rng(0).normal(-8, 2, (1, 25, 128)).astype(np.float32)
    half, full = (
        model._runtime.run("pre_first", {"mel": mel})["embeds"]
        for model in (nemocli.load(out), load(folder, 3))
    )
    assert 0 < np.abs(half - full).max() < 0.02 * np.abs(full).max()


def test_a_missing_package_is_named(one, tmp_path):
    out = shutil.copytree(one, tmp_path / "model")
    manifest = read_manifest(out)
    for file in (out / "joint.aimodel").iterdir():
        file.unlink()
    with pytest.raises(ModelError, match=r"joint\.aimodel"):
        nemocli.load(out)
    with pytest.raises(ModelError, match=r"joint\.aimodel"):
        coreai_runtime.CoreAIRuntime(out, manifest.config, 3, "fp32")


def test_compute_units(folder):
    assert nemocli.load(folder, compute_units="cpu").runtime == "coreai"
    with pytest.raises(UsageError, match="cpu, gpu, ane, all"):
        nemocli.load(folder, compute_units="tpu")
    from coreai.runtime import SpecializationOptions

    if not SpecializationOptions.is_supported():
        with pytest.raises(UnsupportedError, match="macOS 27"):
            nemocli.load(folder, compute_units="ane")


def test_without_the_package_it_says_what_to_install(folder, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "coreai.runtime", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'nemocli\[coreai\]'") as caught:
        nemocli.load(folder)
    assert caught.value.exit_code == 4


def test_nothing_is_kept_of_a_call(folder):
    """Apple's package never lets go of the handles by which asyncio returns its results."""
    transcriber = load(folder, 3)
    session, sound = transcriber.session(), speech_like(0.96, seed=3)
    session.feed(sound)

    def count():
        gc.collect()
        return sum(type(kept) is asyncio.Handle for kept in gc.get_objects())

    before = count()
    for _ in range(3):
        session.feed(sound)
    assert count() <= before + 2


def test_a_closed_model_is_gone_with_its_temporary_folders(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    transcriber = nemocli.load(folder)
    assert list(tmp_path.iterdir())
    transcriber.close()
    assert not list(tmp_path.iterdir())

"""The packages of a diarization model, evaluated: every mode, every precision, and what is refused.

Core ML itself is on Macs alone; tests/oracle/test_diarization.py compares with transformers.
"""

import gc
import shutil
import sys
import tempfile

import numpy as np
import pytest

from nemocli.diarization.diarizer import Diarizer
from nemocli.diarization.modes import list_fixed_sizes
from nemocli.errors import ModelError, UnsupportedError
from nemocli.models.convert import convert
from nemocli.models.folder import parse_manifest
from nemocli.models.integrity import describe_damage
from nemocli.models.load_diarizer import load_diarizer
from nemocli.network.diarizer_checkpoint import DiarizerFolder
from nemocli.network.diarizer_config import read_diarizer_config
from nemocli.network.diarizer_nemo import RELEASED_MODES, RELEASED_OFFLINE, RELEASED_STREAMING
from nemocli.runtimes.coreml import backend
from nemocli.runtimes.coreml import files as coreml_files
from nemocli.runtimes.coreml.diarizer import CoreMLDiarizer
from nemocli.runtimes.coreml.kind import KIND
from tests.diarizers import CONFIG_JSON, PROCESSOR_JSON, write_tiny_diarizer
from tests.missing import skips_without
from tests.mlprogram.reader import Package
from tests.mlprogram.runtime import EvaluatedDiarizer, EvaluatingBackend, hash_packages

pytest_pycollect_makemodule = skips_without("coremltools", reason="needs coremltools")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return write_tiny_diarizer(tmp_path_factory.mktemp("checkpoints") / "tiny")


@pytest.fixture(scope="module")
def packages(checkpoint, tmp_path_factory):
    """Folders of the checkpoint by precision."""
    folder = tmp_path_factory.mktemp("packages")
    for precision in ("fp32", "fp16"):
        convert(checkpoint, folder / precision, "coreml", precision)
    return folder


def decide(diarizer, mode):
    """Probabilities of a sound that ends within a frame."""
    rows = np.random.default_rng(1).normal(-9, 3, (403, 16)).astype(np.float32)
    stream = diarizer.begin(mode)
    return np.concatenate([stream.feed(rows[:111]), stream.feed(rows[111:]), stream.finish()])


@pytest.mark.parametrize("mode", ["ultra_low_latency", "low_latency", "large_chunk", "offline"])
def test_every_mode_is_numpy_s(checkpoint, packages, mode):
    expected = decide(load_diarizer(checkpoint, "numpy"), mode)
    assert len(expected) == 403
    config = parse_manifest(packages / "fp32").config
    exact = decide(Diarizer(EvaluatedDiarizer(packages / "fp32", config, True), config), mode)
    np.testing.assert_allclose(exact, expected, atol=1e-5)
    half = decide(Diarizer(EvaluatedDiarizer(packages / "fp16", config, False), config), mode)
    assert 0 < np.abs(half - expected).max() < 0.03


@pytest.mark.slow
def test_other_precisions_are_near(checkpoint, packages, tmp_path):
    def decide_in(folder):
        config = parse_manifest(folder).config
        return decide(Diarizer(EvaluatedDiarizer(folder, config, False), config), "offline")

    expected = decide(load_diarizer(checkpoint, "numpy"), "offline")
    half = decide_in(packages / "fp16")
    for precision, most in (("int8", 0.001), ("palettized-6", 0.01), ("int4", 0.01)):
        convert(checkpoint, tmp_path / precision, "coreml", precision)
        decided = decide_in(tmp_path / precision)
        assert not np.array_equal(decided, half)
        assert np.abs(decided - expected).mean() < most < expected.std()


def test_an_interrupted_conversion_has_no_file_open(checkpoint, tmp_path, monkeypatch):
    """Such a file would be removed with its folder, and Python would say that it is gone."""
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", ignored.append)

    def interrupt(*_):
        file = tempfile.NamedTemporaryFile(suffix=".mlmodel")  # noqa: SIM115
        raise KeyboardInterrupt(file.name)

    monkeypatch.setattr(coreml_files, "write_package", interrupt)
    with pytest.raises(KeyboardInterrupt, match="mlmodel"):
        convert(checkpoint, tmp_path / "model", "coreml", "fp16")
    gc.collect()
    assert not ignored
    assert list(tmp_path.iterdir()) == []


def test_functions_have_the_modes_sizes_and_share_weights(checkpoint, packages):
    config = DiarizerFolder(checkpoint).config
    functions = {
        name: Package(packages / "fp16" / f"{name}.mlpackage").functions
        for name in ("embed", "diarize")
    }
    sizes = list_fixed_sizes(config)
    assert set(functions["embed"]) == {f"frames{embedded}" for embedded, _ in sizes}
    assert set(functions["diarize"]) == {f"frames{encoded}" for _, encoded in sizes}
    for function in functions["embed"].values():
        assert {tensor.dtype for tensor in function.inputs} == {np.dtype(np.float32)}
    for function in functions["diarize"].values():
        assert {tensor.dtype for tensor in function.inputs} == {np.dtype(np.float16)}
    written = list((packages / "fp16").rglob("weight.bin"))
    once = sum(np.prod(shape) for shape in DiarizerFolder(checkpoint).weights.shapes().values())
    assert sum(path.stat().st_size for path in written) < 5 * 4 * once


def test_released_sizes():
    """541 rows for all live modes, 684 for recordings, 340 for large chunks."""
    streaming = {**CONFIG_JSON["streaming_config"], **RELEASED_STREAMING}
    audio = {**CONFIG_JSON["audio_config"], "max_position_embeddings": 5000}
    config = CONFIG_JSON | RELEASED_OFFLINE | {"streaming_config": streaming, "audio_config": audio}
    read = read_diarizer_config(config, PROCESSOR_JSON | RELEASED_MODES)
    assert list_fixed_sizes(read) == [(13, 541), (36, 340), (380, 684)]


def test_it_is_loaded_as_any_other(checkpoint, packages, monkeypatch, tmp_path):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(type(KIND), "check_machine", lambda kind, system: None)
    monkeypatch.setattr(backend, "CoreMLTools", lambda: EvaluatingBackend(exact=False))
    expected = decide(load_diarizer(checkpoint, "numpy"), "low_latency")
    sentences = []
    with load_diarizer(packages / "fp16", progress=sentences.append) as loaded:
        assert loaded.runtime == "coreml"
        assert np.abs(decide(loaded, "low_latency") - expected).max() < 0.03
    assert sum("compiling" in sentence for sentence in sentences) == 2


def test_what_the_neural_engine_refuses_runs_on_the_gpu(packages, tmp_path):
    units = []

    class Refusing(EvaluatingBackend):
        def load(self, compiled, compute_units, function):
            units.append((compute_units, function))
            if compute_units == "CPU_AND_NE" and function == refused:
                raise RuntimeError("Error in declaring network")
            return super().load(compiled, compute_units, function)

    config = parse_manifest(packages / "fp16").config
    refused = f"frames{list_fixed_sizes(config)[-1][1]}"
    hashes = hash_packages(packages / "fp16")
    runtime = CoreMLDiarizer(packages / "fp16", config, hashes, tmp_path, Refusing(exact=False))
    diarizer = Diarizer(runtime, config)
    assert len(decide(diarizer, "offline")) == len(decide(diarizer, "low_latency")) == 403
    assert ("CPU_AND_GPU", refused) in units
    assert {used for used, function in units if function != refused} == {"CPU_ONLY", "CPU_AND_NE"}


def test_elsewhere_it_is_refused(packages):
    with pytest.raises(UnsupportedError, match="needs macOS; on this machine use another one"):
        load_diarizer(packages / "fp16")


def test_a_damaged_package_is_named(packages, tmp_path):
    out = shutil.copytree(packages / "fp16", tmp_path / "made")
    config = parse_manifest(out).config
    runtime = EvaluatedDiarizer(out, config, False)
    weights = out / "diarize.mlpackage/Data/com.apple.CoreML/weights/weight.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    with pytest.raises(ModelError, match=r"cannot load .*diarize\.mlpackage.* is damaged"):
        decide(Diarizer(runtime, config), "low_latency")
    assert any("weight.bin is damaged" in sentence for sentence in describe_damage(out))

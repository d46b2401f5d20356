"""The Core ML runtime with an evaluator in Core ML's place, and its refusals without Core ML."""

import shutil
import sys
from importlib import metadata

import numpy as np
import pytest

from nemocli.doctor.runtimes import examine_runtimes
from nemocli.errors import ModelError, UnsupportedError
from nemocli.models.folder import record_files
from nemocli.runtimes.coreml.kind import KIND
from nemocli.runtimes.coreml.package_files import list_package_files
from nemocli.runtimes.coreml.runtime import COMPUTE_UNITS, CoreMLRuntime
from nemocli.runtimes.kind import Library, ModelFolder
from nemocli.runtimes.system import System, read_system
from tests.mlprogram.runtime import EvaluatingBackend


class Backend(EvaluatingBackend):
    """An evaluator in Core ML's place that records what is compiled and loaded."""

    def __init__(self):
        super().__init__(exact=False)
        self.compiled, self.loaded = [], []

    def compile(self, package, destination):
        self.compiled.append(package.name)
        super().compile(package, destination)

    def load(self, compiled, compute_units, function):
        self.loaded.append((compute_units, function))
        return super().load(compiled, compute_units, function)


@pytest.fixture
def opened(case, tmp_path):
    """Give a function that opens the demo's packages in a CoreMLRuntime."""
    demo = case("demo")
    folder = demo.write("fp16", (3,))
    names = [name for path in folder.glob("*.mlpackage") for name in list_package_files(path)]
    hashes = {name: record.sha256 for name, record in record_files(folder, names).items()}

    def get(backend, folder=folder, hashes=hashes, **options):
        config = demo.parameters.config
        return CoreMLRuntime(
            folder, config, 3, hashes, tmp_path / "compiled", backend=backend, **options
        )

    return get


def test_each_function_is_loaded_alone_where_it_belongs(opened):
    backend, messages = Backend(), []
    runtime = opened(backend, compute_units="gpu", progress=messages.append)
    encoder, decoder = ("CPU_AND_GPU", "lookahead3"), ("CPU_ONLY", "main")
    assert backend.loaded == [encoder] * 4 + [decoder] * 2
    assert len(backend.compiled) == 6 and not any("tail" in name for name in backend.compiled)
    assert messages[0] == "compiling pre_first.mlpackage for this machine, once: minutes at most"
    assert messages[1].startswith("pre_first.mlpackage took ") and len(messages) == 12
    shapes = [(1, 1, n, 1) for n in (13, 7, 4)]
    inputs = {f"row_mask{n}": np.ones(shape, np.float32) for n, shape in enumerate(shapes)}
    inputs["mel"] = np.zeros((1, 25, 128), np.float32)
    runtime.run("pre_first_tail", inputs)
    assert backend.loaded[6:] == [encoder]
    again = Backend()
    opened(again, progress=messages.append)
    assert again.compiled == [] and len(messages) == 14
    assert again.loaded[0] == ("CPU_AND_NE", "lookahead3")


def test_arrays_belong_to_the_caller(opened):
    runtime = opened(Backend())
    state = np.zeros((2, 1, 144), np.float32)
    inputs = {"token": np.array([[3]], np.int32), "h": state, "c": state}
    first = runtime.run("predict", inputs)
    kept = {name: array.copy() for name, array in first.items()}
    runtime.run("predict", {**inputs, "token": np.array([[4]], np.int32)})
    for name, array in first.items():
        np.testing.assert_array_equal(array, kept[name])


def test_the_joint_takes_any_number_of_frames(opened, case):
    runtime = opened(Backend())
    tokens = case("demo").parameters.config.vocab_size
    rng = np.random.default_rng(0)
    frames = rng.normal(size=(5, 144)).astype(np.float32)
    dec_out = rng.normal(size=(1, 144)).astype(np.float32)
    together = runtime.run("joint", {"dec_out": dec_out, "enc_frame": frames})["token_logits"]
    assert together.shape == (5, tokens) and together.dtype == np.float32
    for n in range(5):
        alone = runtime.run("joint", {"dec_out": dec_out, "enc_frame": frames[n : n + 1]})
        np.testing.assert_array_equal(alone["token_logits"][0], together[n])


def test_missing_and_damaged_packages(opened, tmp_path):
    with pytest.raises(ModelError, match=r"pre_first\.mlpackage; convert the model again"):
        opened(Backend(), folder=tmp_path / "nowhere")

    class Broken(Backend):
        def load(self, compiled, compute_units, function):
            raise RuntimeError("Error reading protobuf spec")

    with pytest.raises(ModelError, match="protobuf spec") as caught:
        opened(Broken())
    assert "convert" in str(caught.value).lower() and "\n" not in str(caught.value)


def test_a_cache_that_cannot_be_written(opened, tmp_path):
    (tmp_path / "compiled").write_text("a file where the folder should be")
    with pytest.raises(UnsupportedError, match="NEMOCLI_CACHE_DIR"):
        opened(Backend())


def test_every_choice_of_compute_units_has_a_name_in_coremltools():
    import coremltools

    assert tuple(COMPUTE_UNITS) == KIND.compute_units
    assert all(hasattr(coremltools.ComputeUnit, name) for name in COMPUTE_UNITS.values())


@pytest.mark.skipif(sys.platform == "darwin", reason="here is Core ML")
def test_elsewhere_than_on_macos(opened):
    with pytest.raises(UnsupportedError, match="needs macOS; on this machine use another") as e:
        opened(None)
    assert e.value.exit_code == 4


@pytest.mark.parametrize("transfer", [None, *KIND.transfers])
def test_a_model_is_opened_with_the_transfer_that_was_chosen(case, opened, transfer, monkeypatch):
    backends = []

    def open_backend(requested):
        backends.append(requested)
        return Backend()

    monkeypatch.setattr("nemocli.runtimes.coreml.runtime.open_backend", open_backend)
    demo = case("demo")
    packages = opened(None)._packages
    folder = ModelFolder(
        *(packages.folder, demo.parameters.config, "fp16", packages.hashes),
        cache=lambda: packages.folder.parent / "cache",
        transfer=transfer,
    )
    loaded = KIND.open_folder(folder, 3, "cpu", lambda sentence: None)._backend.loaded
    has_states = ("CPU_ONLY", "lookahead3_states") in loaded
    assert backends == [None, transfer] and has_states == (transfer or "").endswith("states")


def test_direct_calls_need_pyobjc(monkeypatch):
    monkeypatch.setattr(Library, "is_here", False)
    assert KIND.list_transfers(read_system()) == ("states",)
    monkeypatch.setattr(Library, "is_here", True)
    assert KIND.list_transfers(read_system()) == ("states", "direct", "direct-states")


def test_doctor_says_how_core_ml_is_called(monkeypatch):
    mac = System("darwin", "15.5", python=(3, 12))
    (found,) = [each for each in examine_runtimes(mac) if each.name == "coreml directly"]
    assert "coremltools copies the arrays" in found.value and not found.ok and not found.essential
    assert "pip install 'nemocli[coreml]', then nemocli bench --choose" in found.advice
    monkeypatch.setitem(sys.modules, "CoreML", sys)
    monkeypatch.setattr(metadata, "version", lambda package: "12.2")
    (found,) = [each for each in examine_runtimes(mac) if each.name == "coreml directly"]
    assert found.ok and found.value.startswith("pyobjc-framework-CoreML 12.2: used where")
    linux = System("linux", "", python=(3, 12))
    assert not [each for each in examine_runtimes(linux) if each.name == "coreml directly"]


def test_macos_before_15(opened, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.mac_ver", lambda: ("14.7.1", ("", "", ""), "arm64"))
    with pytest.raises(UnsupportedError, match=r"macOS 15 or later, not 14\.7\.1"):
        opened(None)


@pytest.mark.mac
@pytest.mark.parametrize("compute_units", ["cpu", "gpu", "ane"])
def test_on_a_mac(case, opened, clips, compute_units):
    """Run on a Mac only, and so never run yet."""
    result = case("demo").transcribe(opened(None, compute_units=compute_units), clips[0].samples)
    assert result.text == clips[0].text


def test_a_package_that_is_not_what_its_manifest_says_is_never_compiled(opened, case, tmp_path):
    """A compiled package is kept for every package with the same hashes in its manifest."""
    folder = tmp_path / "stranger"
    shutil.copytree(case("demo").write("fp16", (3,)), folder)
    weights = next((folder / "pre_first.mlpackage").rglob("weight.bin"))
    kept = weights.read_bytes()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"other" + kept[5:])
    (tmp_path / "empty").mkdir()

    def link():
        weights.unlink(missing_ok=True)
        weights.symlink_to(elsewhere)

    def link_folder():
        (folder / "pre_first.mlpackage" / "more").symlink_to(tmp_path / "empty")

    for change, words in (
        (lambda: weights.write_bytes(b"other" + kept[5:]), "weight.bin is damaged"),
        (lambda: weights.unlink(), "other files"),
        (link, "weight.bin is damaged"),
        (lambda: (weights.unlink(), weights.write_bytes(kept), link_folder()), "other files"),
    ):
        change()
        backend = Backend()
        with pytest.raises(ModelError, match=words):
            opened(backend, folder=folder)
        assert backend.compiled == []

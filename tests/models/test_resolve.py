"""What runs when a model is named, and what is said of what cannot run."""

import shutil
import subprocess
import sys
from dataclasses import replace

import pytest

import nemocli
from nemocli.errors import ModelError, UnsupportedError, UsageError
from nemocli.models.folder import MODEL_MANIFEST
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.runtimes.kind import Library
from nemocli.runtimes.system import System
from tests.sounds import speech_like

LINUX, MAC = System("linux"), System("darwin", "27.0")


def tokens(transcriber):
    session = transcriber.session()
    session.feed(speech_like(2.0, seed=1))
    return [(token.id, token.frame) for token in session.finish().tokens]


def test_a_checkpoint_is_converted_once_into_the_cache(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    heard = []
    first = nemocli.load(checkpoint, progress=heard.append)
    assert first.runtime == "onnx"
    assert heard[0] == f"converting {checkpoint} for onnx, once: pre_block.onnx, 1 of 7"
    heard.clear()
    nemocli.load(checkpoint, progress=heard.append)
    assert heard == []
    (found,) = (tmp_path / "cache" / "converted").iterdir()
    (found / "weights.bin").unlink()  # a cache entry that was damaged is made again
    assert tokens(nemocli.load(checkpoint)) == tokens(first)


def test_a_checkpoint_with_other_content_is_another_cache_entry(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    nemocli.load(checkpoint)
    with (checkpoint / "config.json").open("a") as file:
        file.write("\n")
    nemocli.load(checkpoint)
    assert len(list((tmp_path / "cache" / "converted").iterdir())) == 2


def test_a_cache_that_cannot_be_written(checkpoint, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(UnsupportedError, match="NEMOCLI_CACHE_DIR"):
        nemocli.load(checkpoint)


def test_demo_is_found_by_name():
    assert nemocli.load("demo").model_name == "demo"


def test_no_model(tmp_path):
    with pytest.raises(ModelError, match="There is no model in"):
        nemocli.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runtime": "tpu"}, "choose one of auto, onnx, coreml, mlx, coreai, numpy"),
        ({"lookahead": 4}, "choose from 0, 3, 6, 13"),
        ({"lookahead": 4, "runtime": "numpy"}, "choose from 0, 3, 6, 13"),
    ],
)
def test_options_that_do_not_exist(options, words):
    with pytest.raises(UsageError, match=words):
        nemocli.load("demo", **options)


def test_a_runtime_this_machine_has_not_is_told_before_a_model_is_looked_for(monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(UnsupportedError, match="needs macOS; on this machine use another one"):
        nemocli.load("owner/missing", runtime="coreml")
    monkeypatch.setitem(sys.modules, "mlx.core", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'nemocli\[mlx\]'"):
        nemocli.load("owner/missing", runtime="mlx")
    monkeypatch.setitem(sys.modules, "coreai", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'nemocli\[coreai\]'"):
        nemocli.load("owner/missing", runtime="coreai")


def test_a_model_folder_moves_and_says_which_lookaheads_it_has(demo, tmp_path):
    from nemocli.models.convert import convert

    convert(demo, tmp_path / "a", lookaheads=[0, 6])
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / MODEL_MANIFEST).is_file()
    assert nemocli.load(tmp_path / "b").lookahead == 0  # the checkpoint's own is not in it
    assert tokens(nemocli.load(tmp_path / "b", lookahead=6)) == (
        tokens(nemocli.load("demo", lookahead=6))
    )
    with pytest.raises(UsageError, match="choose from 0, 6"):
        nemocli.load(tmp_path / "b", lookahead=3)
    with pytest.raises(UsageError, match="converted for onnx, not for numpy"):
        nemocli.load(tmp_path / "b", runtime="numpy")


@pytest.mark.parametrize(
    ("runtime", "precision", "units", "words"),
    [
        ("tpu", None, None, "no runtime 'tpu'"),
        ("numpy", "int8", None, "no precision 'int8' for numpy; choose one of fp32"),
        ("onnx", "int3", None, "no precision 'int3' for onnx; choose one of fp32, int8"),
        ("numpy", None, "gpu", "leave out --compute-units"),
        ("onnx", None, "ane", "leave out --compute-units"),
        ("coreml", None, "tpu", "'tpu'; choose one of cpu, gpu, ane, all"),
    ],
)
def test_what_the_demo_is_not_in(runtime, precision, units, words):
    with pytest.raises(UsageError, match=words):
        resolve(ModelSpec("demo", runtime, precision, 3, units), system=MAC)


def test_a_converted_folder_has_one_runtime_and_one_precision():
    wanted = resolve(ModelSpec("demo", "onnx", "int8", 6))
    assert wanted.needs_conversion
    converted = wanted.convert()
    assert converted == replace(wanted, path=converted.path, needs_conversion=False)
    folder = str(converted.path)
    assert resolve(ModelSpec(folder, lookahead=6)) == replace(converted, name=folder)
    with pytest.raises(UsageError, match="in int8, not in fp32"):
        resolve(ModelSpec(folder, precision="fp32"))
    with pytest.raises(UsageError, match="for onnx, not for numpy"):
        resolve(ModelSpec(folder, "numpy"))


@pytest.mark.parametrize(
    ("spec", "system", "expected"),
    [
        (ModelSpec("demo"), LINUX, ("onnx", "fp32", None)),
        (ModelSpec("demo"), MAC, ("coreml", "fp16", "ane")),
        (ModelSpec("demo", "onnx"), MAC, ("onnx", "fp32", None)),
        (ModelSpec("demo", compute_units="cpu"), LINUX, ("onnx", "fp32", None)),
        (ModelSpec("demo", "numpy"), LINUX, ("numpy", "fp32", None)),
        (ModelSpec("demo", "coreml"), MAC, ("coreml", "fp16", "ane")),
        (ModelSpec("demo", "coreml", compute_units="gpu"), MAC, ("coreml", "fp16", "gpu")),
        (ModelSpec("demo", "mlx"), LINUX, ("mlx", "fp32", None)),
        (ModelSpec("demo", "mlx"), MAC, ("mlx", "fp16", "gpu")),
        (ModelSpec("demo", "mlx", compute_units="cpu"), MAC, ("mlx", "fp16", "cpu")),
        (ModelSpec("demo", "mlx"), System("darwin", "14.0"), ("mlx", "fp16", "gpu")),
        (ModelSpec("demo", "coreai"), LINUX, ("coreai", "fp32", None)),
        (ModelSpec("demo", "coreai"), MAC, ("coreai", "fp16", "all")),
        (ModelSpec("demo", "coreai"), System("darwin", "26.0"), ("coreai", "fp16", None)),
    ],
)
def test_what_runs_on_a_system(spec, system, expected, monkeypatch):
    monkeypatch.setattr(Library, "is_here", True)
    resolved = resolve(spec, system=system)
    assert (resolved.runtime, resolved.precision, resolved.compute_units) == expected
    assert resolved.lookahead == 3 and len(resolved.revision) == 64


@pytest.mark.parametrize(
    ("spec", "system", "words"),
    [
        (ModelSpec("demo", "coreml"), LINUX, "coreml runtime needs macOS; on this machine"),
        (ModelSpec("demo", "coreml"), System("darwin", "14.7.1"), "15 or later, not 14.7.1"),
        (ModelSpec("demo", "mlx"), System("darwin", "13.6"), "14 or later, not 13.6"),
        (ModelSpec("demo", "mlx", compute_units="gpu"), LINUX, "on the gpu only on macOS"),
        (ModelSpec("demo", "coreai", compute_units="ane"), LINUX, "only on macOS 27 or later"),
    ],
)
def test_what_a_system_cannot_run(spec, system, words, monkeypatch):
    monkeypatch.setattr(Library, "is_here", True)
    with pytest.raises(UnsupportedError, match=words):
        resolve(spec, system=system)


def test_to_resolve_imports_no_runtime():
    """A dry run, and whatever only asks, does not wait for seconds of imports."""
    code = (
        "import sys\n"
        "from nemocli.models.resolve import resolve\n"
        "from nemocli.models.spec import ModelSpec\n"
        "for runtime in ('auto', 'numpy'):\n"
        "    resolve(ModelSpec('demo', runtime))\n"
        "names = {name.partition('.')[0] for name in sys.modules}\n"
        "heavy = {'onnx', 'onnxruntime', 'coremltools', 'mlx', 'coreai', 'tokenizers'}\n"
        "print(*sorted(names & heavy))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"

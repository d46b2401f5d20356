"""Fixtures of many tests: the demo checkpoint, copies of it to damage, a cache of their own."""

import gc
import json
import os
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import Phase, settings

from nemocli.bench import conversion
from nemocli.models.paths import find_demo_folder
from nemocli.runtimes import kinds
from tests.once import made_once

# Machines may be slow: no test fails by the clock. In CI, the cases are the same every time.
# Elsewhere they are others in each run, so that half of hypothesis's hundred are enough for one.
settings.register_profile(
    "unhurried",
    deadline=None,
    derandomize="CI" in os.environ,
    max_examples=100 if "CI" in os.environ else 50,
)
settings.load_profile("unhurried")
# For mutmut: the same cases for each mutant, and the first that fails is enough.
settings.register_profile(
    "mutation", settings.get_profile("ci"), phases=[Phase.explicit, Phase.generate]
)

# Tests start hundreds of processes: where no bytecode is written, each compiles nemocli again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# Whoever starts the tests may ignore signals, as nohup and a shell's & do; commands inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

#: Processes that the whole suite is spread over at most: each loads its own models.
MAX_PROCESSES = 8


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config):
    """Spread the whole suite over processes, two more than there are cores, as many tests wait.

    Tests that are named run in this process, and so does whatever -n, -s or --pdb ask for.
    """
    options = config.option
    is_worker = hasattr(config, "workerinput")  # one of those processes: it must not start more
    is_whole = config.args_source is config.ArgsSource.TESTPATHS
    as_asked = options.numprocesses is not None or options.capture == "no" or options.usepdb
    if is_whole and not is_worker and not as_asked:
        options.numprocesses = min((os.cpu_count() or 1) + 2, MAX_PROCESSES)


@pytest.hookimpl(wrapper=True)
def pytest_collection():
    """Let no search for garbage look at what is imported to collect thousands of tests.

    It stays until the end. Some libraries ask for a search after each step.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@pytest.fixture(scope="session")
def demo():
    """The bundled demo checkpoint's folder."""
    return find_demo_folder()


@pytest.fixture(scope="session")
def english_demo(cache, tmp_path_factory):
    """A checkpoint of the model for English alone; see tests/english.py."""
    from tests.english import write_english_demo

    return made_once(tmp_path_factory, "english-demo", write_english_demo)


@pytest.fixture(scope="session")
def demo_archive(demo, tmp_path_factory):
    """The demo as a .nemo archive."""
    pytest.importorskip("torch", reason="writing a .nemo archive needs nemocli[test]")
    from scripts.write_nemo import write_nemo

    return made_once(tmp_path_factory, "demo.nemo", lambda path: write_nemo(demo, path))


@pytest.fixture(scope="session")
def random_checkpoint(tmp_path_factory):
    """`random_checkpoint(shape, seed)` is a folder; for shapes see scripts/random_checkpoint.py."""
    pytest.importorskip("transformers", reason="random checkpoints need nemocli[test]")

    def folder(shape, seed=0):
        def write(path):
            from scripts.random_checkpoint import write_random_checkpoint

            write_random_checkpoint(path, seed, shape)

        return made_once(tmp_path_factory, f"{shape}-{seed}", write)

    return folder


@pytest.fixture
def demo_reference(tmp_path_factory, monkeypatch):
    """Conversions of the demo are verified by what numpy said once for all processes.

    It is as slow as all else that these commands do, and says the same each time.
    """
    run_once = conversion.run_once

    def run_or_read(runtime, decoder, sound):
        def write(path):
            tokens, encoded = run_once(runtime, decoder, sound)
            with path.open("wb") as file:
                np.savez(file, tokens=tokens, encoded=encoded)

        if runtime.name != "numpy":
            return run_once(runtime, decoder, sound)
        name = f"demo-reference-{runtime.lookahead}-{len(sound)}"
        with np.load(made_once(tmp_path_factory, name, write)) as stored:
            return stored["tokens"].tolist(), stored["encoded"]

    monkeypatch.setattr(conversion, "run_once", run_or_read)


@pytest.fixture
def checkpoint(demo, tmp_path):
    """A copy of the demo checkpoint that a test may damage."""
    copy = tmp_path / "checkpoint"
    shutil.copytree(demo, copy)
    return copy


@pytest.fixture
def released(checkpoint):
    """The demo's checkpoint, which like the released one does not name its languages."""
    config = json.loads((checkpoint / "config.json").read_text())
    del config["supported_languages"]
    (checkpoint / "config.json").write_text(json.dumps(config))
    return checkpoint


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Conversions made by the tests stay out of the user's cache; choices, out of the tests.

    So do the options of the user's config file.
    """
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv("NEMOCLI_CACHE_DIR", str(folder))
        patch.setenv("NEMOCLI_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        patch.setenv("NEMOCLI_CONFIG", os.devnull)
        yield folder


def pytest_collection_modifyitems(items):
    """Skip what needs a Mac anywhere else."""
    if sys.platform != "darwin":
        for item in items:
            if item.get_closest_marker("mac"):
                item.add_marker(pytest.mark.skip(reason="needs a Mac"))


@pytest.fixture(autouse=True)
def automatic_runtime(request, monkeypatch):
    """On a Mac, `auto` is onnx as elsewhere, so that tests mean the same; not in those for Macs."""
    if sys.platform == "darwin" and not request.node.get_closest_marker("mac"):
        monkeypatch.setattr(kinds, "AUTO_ON_APPLE_SILICON", ("onnx",))
        monkeypatch.setenv("NEMOCLI_RUNTIME", "onnx")
        monkeypatch.setenv("NEMOCLI_TO", "onnx")


@dataclass(frozen=True)
class Clip:
    """A bundled sentence: its sound (float32, 16 kHz), its language and its text."""

    path: Path
    samples: np.ndarray
    lang: str
    text: str


@pytest.fixture(scope="session")
def clips(demo):
    """The bundled clips of one sentence each."""
    folder = demo.parent / "clips"
    listed = json.loads((folder / "clips.json").read_text(encoding="utf-8"))
    return [
        Clip(path, soundfile.read(path, dtype="float32")[0], entry["lang"], entry["text"])
        for entry in listed
        if entry["lang"] != "auto" and (path := folder / entry["file"])
    ]


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder of inputs to run over: `in`, empty, in the current folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    return tmp_path

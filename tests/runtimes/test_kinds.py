"""What every runtime must do, tested on all of nemocli's and on two that are added here."""

import json
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator

import nemocli
from nemocli.bench.variants import list_compute_units, list_variants
from nemocli.cli import runtime_help
from nemocli.doctor.runtimes import examine_runtimes
from nemocli.errors import UnsupportedError
from nemocli.models.convert import choose_default_folder, convert
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.parameters import Parameters
from nemocli.runtimes import kinds
from nemocli.runtimes.kind import CheckpointKind, FolderKind, Library
from nemocli.runtimes.kinds import AUTO_RUNTIME, KINDS
from nemocli.runtimes.numpy.kind import NumpyKind
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from nemocli.runtimes.system import System, read_system
from tests import typed
from tests.kinds_here import RUN_HERE
from tests.repeats import repeats
from tests.schemas import SCHEMAS, checked

SYSTEMS = [System("linux"), System("darwin", "14.7.1"), System("darwin", "27.0")]


class ToyRuntime(NumpyRuntime):
    name = "toy"


class ToyKind(NumpyKind):
    """numpy under another name."""

    name = "toy"

    def open_checkpoint(self, checkpoint, lookahead):
        return ToyRuntime(checkpoint.parameters, lookahead)


class ToyFolderRuntime(NumpyRuntime):
    name = "toyfolder"


class ToyFolderKind(FolderKind):
    """numpy with a model folder of its own: the weights, in half precision if requested."""

    name = "toyfolder"
    library = Library("numpy", "numpy", "pip install numpy")
    default_precision = "fp32"
    precisions = {"fp32": 4.1, "fp16": 2.1}  # noqa: RUF012
    compute_units = ("cpu", "moon")
    default_compute_units = "cpu"

    def write_graphs(self, parameters, folder, lookaheads, precision, progress):
        progress("weights.npz", 1, 1)
        weights = parameters._source
        dtype = np.float16 if precision == "fp16" else np.float32
        arrays = {name: weights.read(name).astype(dtype) for name in weights.shapes()}
        np.savez(folder / "weights.npz", **arrays)
        return ["weights.npz"]

    def open_folder(self, folder, lookahead, compute_units, progress):
        weights = Archive(folder.path / "weights.npz")
        return ToyFolderRuntime(Parameters(folder.config, weights), lookahead)


class Archive:
    def __init__(self, path):
        self._arrays = np.load(path)

    def shapes(self):
        return {name: self._arrays[name].shape for name in self._arrays.files}

    def read(self, name):
        return self._arrays[name].astype(np.float32)


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    """Register the two runtimes, by one entry each."""
    monkeypatch.setitem(KINDS, "toy", ToyKind())
    monkeypatch.setitem(KINDS, "toyfolder", ToyFolderKind())


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of their own: other tests could not read what is converted for a toy."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache_of_toys")
        patch.setenv("NEMOCLI_CACHE_DIR", str(folder))
        yield folder


NAMES = pytest.mark.parametrize("name", [*KINDS, "toy", "toyfolder"])

#: The toys and the runtimes that were added last are always run; the others are run by many tests.
RUN = pytest.mark.parametrize("name", repeats(["toy", "toyfolder", *reversed(RUN_HERE)], 4))


def test_every_folder_with_a_kind_is_registered():
    folders = {path.parent.name for path in Path(kinds.__file__).parent.glob("*/kind.py")}
    assert folders == set(kinds._FOLDERS)


@NAMES
def test_the_facts_of_a_kind_agree(name):
    kind = KINDS[name]
    assert kind.name == name and name not in (AUTO_RUNTIME, "")
    assert isinstance(kind, CheckpointKind) != isinstance(kind, FolderKind)
    assert kind.default_precision in kind.offered_precisions
    assert all(size > 0 for size in kind.precisions.values())
    assert set(kind.only_for_checks) < set(kind.precisions)
    assert kind.released_precision in (None, *kind.offered_precisions)
    assert kind.default_compute_units in (kind.compute_units or (None,))
    assert kind.default_precision == kind.offered_precisions[0], "as the help of convert says"
    for system in SYSTEMS:
        assert kind.choose_precision(system) == kind.list_precisions(system)[0], (
            "as that of bench says"
        )
        assert set(kind.list_precisions(system)) <= set(kind.offered_precisions)
        units = kind.choose_units(None, system)
        assert (units is None) == (not kind.has_units_on(system))


@NAMES
@pytest.mark.parametrize("system", SYSTEMS, ids=str)
def test_it_is_resolved_or_one_sentence_says_why_not(name, system, monkeypatch):
    monkeypatch.setattr(Library, "is_here", True)
    spec = ModelSpec("demo", name)
    if KINDS[name].find_missing_system(system):
        with pytest.raises(UnsupportedError, match=rf"The {name} runtime needs macOS.*\.$"):
            resolve(spec, system=system)
        return
    resolved = resolve(spec, system=system)
    assert resolved.runtime == name
    assert resolved.precision == KINDS[name].choose_precision(system)
    assert resolved.needs_conversion == isinstance(KINDS[name], FolderKind)


@NAMES
def test_without_its_library_it_is_said_how_to_get_it(name, monkeypatch):
    monkeypatch.setattr(Library, "is_here", False)
    with pytest.raises(UnsupportedError, match=rf"The {name} runtime needs .*install it with: pip"):
        resolve(ModelSpec("demo", name), system=System("darwin", "27.0"))


@RUN
def test_it_transcribes_a_clip(name, clips):
    transcriber = nemocli.load("demo", runtime=name)
    assert transcriber.runtime == name
    assert transcriber.precision == KINDS[name].choose_precision(read_system())
    clip = min(clips, key=lambda clip: len(clip.samples))
    session = transcriber.session()
    session.feed(clip.samples)
    assert session.finish().text == clip.text


@RUN
def test_commands_take_it(name, clips, tmp_path):
    clip = min(clips, key=lambda clip: len(clip.samples))
    command = ["file", clip.path, "--model", "demo", "--runtime", name, "-q", "-o", tmp_path]
    done = typed.nemocli(*command)
    again = typed.nemocli(*command, "--dry-run")
    assert done.exit_code == 0 and again.stdout.startswith("done")
    assert (tmp_path / f"{clip.path.stem}.txt").read_text(encoding="utf-8") == clip.text + "\n"


def test_a_checkpoint_is_converted_to_it(tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path))
    out = choose_default_folder("demo", "toyfolder", None)
    assert out.name == "demo-toyfolder-fp32"
    assert convert("demo", out, "toyfolder", "fp16").precision == "fp16"
    loaded = nemocli.load(out)
    assert (loaded.runtime, loaded.precision) == ("toyfolder", "fp16")
    done = typed.nemocli("convert", "demo", "--to", "toyfolder", "-o", tmp_path / "new")
    assert done.exit_code == 0 and "tokens agree" in done.stderr
    listed = checked(json.loads(typed.nemocli("models", "list", "--json").stdout), "models")
    assert {"demo": "checkpoint", out.name: "toyfolder fp16"}.items() <= {
        model["name"]: model["form"] for model in listed
    }.items()


def test_help_texts_have_it():
    names = f"auto, {', '.join(list(KINDS)[:-1])} or toyfolder."
    assert runtime_help.describe_runtimes() == f"{names} {runtime_help.AUTO_SENTENCE}"
    assert " toyfolder: fp32 or fp16." in runtime_help.describe_precisions()
    assert "for toyfolder: cpu, moon." in runtime_help.describe_compute_units()


def test_doctor_examines_it():
    found = {finding.name: finding for finding in examine_runtimes()}
    assert {f"runtime {name}" for name in KINDS} < set(found)
    assert found["runtime toy"].value == f"numpy {np.__version__}"
    named = [entry["name"] for entry in json.loads(typed.nemocli("doctor", "--json").stdout)]
    assert "runtime toy" in named


def test_bench_has_its_variants():
    variants = list(list_variants(SYSTEMS[0]))
    assert {("toy", "fp32"), ("toyfolder", "fp32"), ("toyfolder", "fp16")} < set(variants)
    assert list_compute_units("toyfolder") == ("cpu", "moon")
    assert list_compute_units("toy") == (None,)


@pytest.mark.parametrize(("schema", "part"), [("bench", "result"), ("verify", "outcome")])
def test_the_schemas_of_measurements_allow_it(schema, part):
    """They name no runtime and no compute units: a new one changes none of them."""
    members = SCHEMAS[schema]["$defs"][part]["properties"]
    for name, value in [("runtime", "toyfolder"), ("compute_units", "moon")]:
        Draft202012Validator(members[name]).validate(value)

"""Which conversion runs when the checkpoint is named, by the machine and by what was measured."""

import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from nemocli.cli.models import _advise_on_conversion
from nemocli.errors import UsageError
from nemocli.models.convert import choose_target, convert
from nemocli.models.find import find_model
from nemocli.models.folder import MODEL_MANIFEST, read_manifest, write_manifest
from nemocli.models.hub import parse_hub_model
from nemocli.models.measured_choices import Choice, Variant, find_choice_file, write_choice
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.checkpoint import open_checkpoint
from nemocli.runtimes.kind import Library
from nemocli.runtimes.machine import describe_machine
from nemocli.runtimes.system import System

LINUX, MAC = System("linux", architecture="x86_64"), System("darwin", "27.0")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def converted(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted") / "model"
    convert(demo, folder, "onnx", lookaheads=[3])
    return folder


@pytest.fixture
def home(demo, converted, tmp_path, monkeypatch):
    """A checkpoint, in a folder and in the hub's cache, and conversions for three runtimes.

    Those for Apple's runtimes are onnx's under other names: nothing of them is loaded.
    """
    monkeypatch.setattr(Library, "is_here", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("NEMOCLI_DATA_DIR", str(tmp_path / "data"))
    shutil.copytree(demo, tmp_path / "checkpoint", copy_function=os.symlink)
    snapshots = tmp_path / "hub" / "models--some--one" / "snapshots"
    shutil.copytree(demo, snapshots / COMMIT, copy_function=os.symlink)
    for age, (kind, precision) in enumerate(
        [("onnx", "fp32"), ("coreai", "fp16"), ("coreml", "int8"), ("coreml", "fp16")]
    ):
        add_conversion(converted, tmp_path / "models", kind, precision, age)
    return tmp_path


def add_conversion(converted, models, kind, precision, age):
    folder = models / f"one-{kind}-{precision}"
    shutil.copytree(converted, folder, copy_function=os.link)
    about = {"kind": kind, "precision": precision, "source": f"some/one@{COMMIT}"}
    manifest = replace(read_manifest(folder), **about)
    (folder / MODEL_MANIFEST).unlink()  # it is another folder's too
    write_manifest(folder, manifest)
    os.utime(folder / MODEL_MANIFEST, (2000 - age, 2000 - age))


def chosen(model, system, **options):
    return resolve(ModelSpec(model, **options), system=system).path.name


def measure(home, live, files=(), system=MAC):
    revision = open_checkpoint(home / "checkpoint").sha256
    about = ("some/one", revision, "2026-11-27T10:00:00+00:00", describe_machine(system))
    return write_choice(Choice(*about, tuple(live), tuple(files)), system)


@pytest.fixture(params=["hub", "path"])
def name(request, home):
    return "some/one" if request.param == "hub" else str(home / "checkpoint")


def test_the_conversion_for_the_best_runtime_is_taken(home, name):
    assert chosen(name, MAC) == "one-coreml-int8"  # the newest of Core ML's
    assert chosen(name, LINUX) == "one-onnx-fp32"
    assert chosen(name, MAC, precision="fp16") == "one-coreml-fp16"
    assert chosen(name, MAC, runtime="coreai") == "one-coreai-fp16"
    assert chosen(name, MAC, runtime="onnx") == "one-onnx-fp32"


def test_a_path_is_converted_for_the_best_runtime_if_it_was_not(home):
    for folder in (home / "models").glob("*-coreml-*"):
        shutil.rmtree(folder)
    resolved = resolve(ModelSpec(home / "checkpoint"), system=MAC)
    assert (resolved.path.name, resolved.needs_conversion) == ("checkpoint", True)
    assert (resolved.runtime, resolved.remark) == ("coreml", None)


def test_a_conversion_without_the_requested_lookahead_is_not_taken_for_a_path(home):
    assert chosen(home / "checkpoint", LINUX, lookahead=3) == "one-onnx-fp32"
    assert chosen(home / "checkpoint", LINUX, lookahead=6) == "checkpoint"


def test_of_a_model_of_the_hub_what_is_converted_runs_and_what_suits_better_is_said(home):
    for folder in (home / "models").glob("*-core*"):
        shutil.rmtree(folder)
    resolved = resolve(ModelSpec("some/one"), system=MAC)
    assert (resolved.runtime, resolved.path.name) == ("onnx", "one-onnx-fp32")
    assert resolved.remark == (
        "some/one runs with onnx, for which it is converted; coreml suits this machine better:"
        " nemocli convert some/one"
    )
    said = []
    resolved.load(said.append)
    assert said[0] == resolved.remark
    for spec in (ModelSpec("some/one", "onnx"), ModelSpec("one-onnx-fp32")):
        assert resolve(spec, system=MAC).remark is None  # it is what the user named
    assert resolve(ModelSpec("some/one"), system=LINUX).remark is None


def test_the_demo_is_converted_as_it_is_needed(home, converted):
    resolved = resolve(ModelSpec("demo"), system=LINUX)
    assert (resolved.needs_conversion, resolved.precision) == (True, "fp32")


def test_what_was_measured_is_taken(home, name):
    gpu, ane = Variant("coreml", "fp16", "gpu"), Variant("coreml", "fp16", "ane")
    onnx = Variant("onnx", "fp32", None)
    measure(home, [onnx, gpu, ane], [gpu, onnx])
    assert chosen(name, MAC) == "one-onnx-fp32"
    files = resolve(ModelSpec(name, purpose="files"), system=MAC)
    assert (files.path.name, files.compute_units) == ("one-coreml-fp16", "gpu")
    assert files.remark is None
    # What the user typed goes before what was measured.
    assert chosen(name, MAC, compute_units="ane") == "one-coreml-fp16"
    assert chosen(name, MAC, precision="int8") == "one-coreml-int8"
    assert chosen(name, MAC, runtime="coreai") == "one-coreai-fp16"
    assert resolve(ModelSpec(name, "coreml"), system=MAC).compute_units == "ane"
    # On another machine, nothing is known.
    assert chosen(name, System("darwin", "26.0")) == "one-coreml-int8"


def test_a_folder_runs_on_the_units_that_were_fastest_for_it(home):
    measure(home, [Variant("onnx", "fp32", None), Variant("coreml", "fp16", "gpu")])
    folder = home / "models" / "one-coreml-fp16"
    assert resolve(ModelSpec(folder), system=MAC).compute_units == "gpu"
    assert resolve(ModelSpec(folder, compute_units="cpu"), system=MAC).compute_units == "cpu"
    int8 = home / "models" / "one-coreml-int8"
    assert resolve(ModelSpec(int8), system=MAC).compute_units == "ane"  # it was not measured
    with pytest.raises(UsageError, match="converted for coreml, not for onnx"):
        resolve(ModelSpec(folder, "onnx"), system=MAC)


def test_what_was_measured_and_is_not_here_any_more_is_passed_over(home, name, monkeypatch):
    lost = [
        Variant("toaster", "fp32", None),
        Variant("coreml", "fp3", "gpu"),
        Variant("coreml", "fp16", "moon"),
        Variant("coreai", "fp16", "gpu"),
    ]
    measure(home, [*lost, Variant("onnx", "fp32", None)])
    monkeypatch.setattr(Library, "is_here", property(lambda self: self.package != "coreai-core"))
    assert chosen(name, MAC) == "one-onnx-fp32"


def test_a_measured_variant_that_is_not_converted_is_made_in_passing_for_a_path(home):
    measure(home, [Variant("onnx", "int8", None)])
    resolved = resolve(ModelSpec(home / "checkpoint"), system=MAC)
    assert (resolved.runtime, resolved.precision) == ("onnx", "int8")
    assert resolved.needs_conversion
    assert chosen("some/one", MAC) == "one-coreml-int8"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: "", "is damaged and is ignored; measure again: nemocli bench --choose"),
        (lambda text: text[:-20], "is damaged"),
        (lambda text: "[" * 100_000, "is damaged"),
        (lambda text: text.replace('"live"', '"lives"'), "is damaged"),
        (lambda text: text.replace('"fp32"', "32"), "is damaged"),
        (lambda text: text.replace('"version": 1', '"version": 2'), "is damaged"),
        (
            lambda text: text.replace('"memory_gib": ', '"memory_gib": 9'),
            "another machine and is ignored. Measure on this one: nemocli bench --choose --model"
            " some/one",
        ),
        (lambda text: text.replace('"revision": "', '"revision": "0'), "another model and is ign"),
    ],
)
def test_a_file_that_cannot_be_used_is_ignored_and_that_is_said(home, change, words):
    path = measure(home, [Variant("onnx", "fp32", None)])
    path.write_text(change(path.read_text()))
    resolved = resolve(ModelSpec("some/one"), system=MAC)
    assert resolved.path.name == "one-coreml-int8"
    assert words in resolved.remark and resolved.remark.startswith(str(path))
    assert resolve(ModelSpec("some/one", "coreml"), system=MAC).remark is None


def test_it_is_converted_for_what_was_measured(home):
    path = home / "checkpoint"
    assert choose_target(path, "auto", None, MAC) == ("coreml", "fp16")
    assert choose_target(path, "auto", None, LINUX) == ("onnx", "fp32")
    ranked = [Variant("numpy", "fp32", None), Variant("coreai", "fp16", "gpu")]
    measure(home, [*ranked, Variant("onnx", "int8", None)])
    assert choose_target(path, "auto", None, MAC) == ("coreai", "fp16")
    assert choose_target("some/one", "auto", "int8", MAC) == ("onnx", "int8")
    assert choose_target(path, "coreml", None, MAC) == ("coreml", "fp16")
    assert choose_target(path, "auto", None, LINUX) == ("onnx", "fp32")


def test_after_a_download_it_is_said_what_it_would_be_converted_for(home):
    said = []
    screen = SimpleNamespace(note=said.append)
    _advise_on_conversion(parse_hub_model("some/one"), screen)
    assert said == []  # it is converted
    shutil.rmtree(home / "models")
    _advise_on_conversion(parse_hub_model("some/one"), screen)
    (sentence,) = said
    assert sentence.endswith(", which suits this machine: nemocli convert some/one")


def test_each_machine_has_a_file_of_its_own(home):
    systems = [MAC, System("darwin", "26.0"), System("darwin", "27.3", "x86_64"), LINUX]
    assert len({find_choice_file("0" * 64, system) for system in systems}) == 4
    assert find_choice_file("0" * 64, MAC) == find_choice_file("0" * 64, System("darwin", "27.1"))


def test_find_model_alone_gives_the_same(home):
    assert find_model("some/one", system=MAC).path.name == "one-coreml-int8"
    assert find_model("some/one", system=LINUX).path.name == "one-onnx-fp32"

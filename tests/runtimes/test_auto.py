"""What `auto` is, on every system, by what is installed; and what doctor says of it."""

import sys

import pytest

from nemocli.doctor.auto import examine_auto
from nemocli.doctor.runtimes import examine_runtimes
from nemocli.errors import UnsupportedError, UsageError
from nemocli.models.runtime_and_precision import choose_folder_kind, choose_kind
from nemocli.runtimes import kinds, wheels
from nemocli.runtimes import system as system_module
from nemocli.runtimes.coreml.kind import CoreMLKind
from nemocli.runtimes.kind import PORTABLE, Library
from nemocli.runtimes.kinds import AUTO_RUNTIME, KINDS, choose_runtime
from nemocli.runtimes.system import System

LINUX = System("linux", architecture="x86_64")
MAC = System("darwin", "27.0")
INTEL = System("darwin", "15.5", "x86_64")


class FastKind(CoreMLKind):
    """A runtime in MLX's place, for macOS 14 and later."""

    name = "mlx"
    minimum_macos = 14
    precisions = {"fp16": 2.3, "int5": 1.2}  # noqa: RUF012
    compute_units = ("cpu", "gpu")
    library = Library("mlx", "mlx", "pip install mlx")


@pytest.fixture(autouse=True)
def runtimes(monkeypatch):
    """Every runtime's library is here; MLX is a stand-in, also where nemocli has it."""
    monkeypatch.setattr(Library, "is_here", True)
    before = dict(KINDS)  # in its order, which monkeypatch would not restore
    KINDS["mlx"] = FastKind()
    yield
    KINDS.clear()
    KINDS.update(before)


def without(monkeypatch, *packages):
    monkeypatch.setattr(Library, "is_here", property(lambda self: self.package not in packages))


def auto(system):
    """What `auto` is, by every way that leads to a runtime."""
    (found,) = {
        choose_runtime(KINDS, system),
        choose_kind(AUTO_RUNTIME, system).name,
        choose_folder_kind(AUTO_RUNTIME, system=system).name,
    }
    return found


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (LINUX, "onnx"),
        (System("linux", architecture="aarch64"), "onnx"),
        (System("win32"), "onnx"),
        (INTEL, "onnx"),
        (System("darwin", "15.5", "x86_64", is_translated=True), "onnx"),
        (System("darwin", "13.6"), "onnx"),
        (System("darwin", "14.7"), "mlx"),
        (System("darwin", "15.0"), "coreml"),
        (System("darwin", "26.1"), "coreml"),
        (MAC, "coreml"),
        (System("darwin", ""), "onnx"),
    ],
    ids=str,
)
def test_with_all_packages(system, expected):
    assert auto(system) == expected


@pytest.mark.parametrize(
    ("packages", "system", "expected"),
    [
        (["coremltools"], MAC, "mlx"),
        (["coremltools", "mlx"], MAC, "coreai"),
        (["coremltools", "mlx"], System("darwin", "26.4"), "onnx"),  # its Core AI is slow
        (["coremltools", "mlx", "coreai-core"], MAC, "onnx"),
        (["coremltools", "mlx", "coreai-core", "onnxruntime"], MAC, "onnx"),  # which is then said
        (["onnxruntime"], LINUX, "onnx"),
    ],
)
def test_without_packages(packages, system, expected, monkeypatch):
    without(monkeypatch, *packages)
    assert auto(system) == expected


def test_a_runtime_that_nemocli_does_not_have_is_passed_over(monkeypatch):
    del KINDS["mlx"]
    without(monkeypatch, "coremltools")
    assert "mlx" in kinds.AUTO_ON_APPLE_SILICON and auto(MAC) == "coreai"


@pytest.mark.parametrize(
    ("among", "system", "expected"),
    [
        (["onnx", "coreml", "coreai"], MAC, "coreml"),
        (["onnx", "coreai"], MAC, "coreai"),
        (["onnx", "coreai"], System("darwin", "26.4"), "onnx"),
        (["onnx", "coreml"], INTEL, "onnx"),
        (["coreml", "onnx"], LINUX, "onnx"),
        (["coreml", "coreai"], LINUX, "coreml"),
        (["numpy"], MAC, "numpy"),
    ],
)
def test_among_what_a_model_is_converted_for(among, system, expected):
    assert choose_runtime(among, system) == expected


@pytest.mark.parametrize(
    ("precision", "units", "expected"),
    [
        ("int4", None, "coreml"),
        ("int5", None, "mlx"),
        ("fp32", None, "coreai"),  # for Core ML, it only serves for checks
        ("fp8", None, "coreml"),  # no runtime has it: the error is about the first
        (None, "ane", "coreml"),
        ("int5", "gpu", "mlx"),
        ("int5", "ane", "coreml"),
    ],
)
def test_it_has_the_requested_precision_and_units(precision, units, expected):
    assert choose_kind(AUTO_RUNTIME, MAC, precision, units).name == expected
    assert choose_kind("onnx", MAC, precision, units).name == "onnx"


def test_convert_refuses_runtimes_without_folders():
    with pytest.raises(UsageError, match="'numpy'; choose one of auto, onnx, coreml"):
        choose_folder_kind("numpy", system=MAC)


@pytest.mark.parametrize(
    ("package", "system", "missing"),
    [
        ("coreml", System("darwin", "15.5", python=(3, 14)), "Python 3.11 to 3.13"),
        ("coreml", INTEL, None),
        ("coreai", INTEL, "Apple silicon"),
        ("coreai", System("darwin", "15.5"), "macOS 26 or later"),
        ("onnx", System("darwin", "13.6", python=(3, 14)), "Python 3.11 to 3.13"),
        ("onnx", System("darwin", "14.0", python=(3, 14)), None),
        ("onnx", System("darwin", "12.1"), "macOS 13 or later"),
        ("numpy", INTEL, None),
        ("coreai", LINUX, None),
    ],
)
def test_wheels_that_there_are_not(package, system, missing, monkeypatch):
    library = KINDS[package].library
    assert library.find_missing_system(system) == missing
    without(monkeypatch, library.package)
    if missing and KINDS[package].find_missing_system(system) is None:
        with pytest.raises(UnsupportedError, match=f"which is for {missing}; on"):
            KINDS[package].check_machine(system)


def test_python_for_intel_on_apple_silicon():
    translated = System("darwin", "15.5", "x86_64", is_translated=True)
    missing = wheels.find_missing(KINDS["coreai"].library.mac_wheels, translated)
    assert missing == "a Python for Apple silicon (this one is for Intel)"


def finding(system):
    return next(each for each in examine_auto(system) if each.name == "runtime auto")


def test_doctor_says_which_and_why(monkeypatch):
    assert finding(LINUX).value == "onnx: as everywhere but on Apple silicon"
    first = finding(MAC)
    assert first.value == (
        "coreml: the first of coreml, mlx, coreai, onnx whose needs this Mac meets"
    )
    assert (first.ok, first.advice) == (True, "")


def test_doctor_says_what_would_give_a_faster_one(monkeypatch):
    without(monkeypatch, "coremltools", "mlx", "coreai-core")
    assert finding(System("darwin", "26.4", python=(3, 14))).advice == (
        "for a faster one: coreml needs coremltools, which is for Python 3.11 to 3.13;"
        " mlx needs mlx: pip install mlx; coreai needs macOS 27 or later"
    )
    assert "coreml needs macOS 15 or later, not 14.7" in finding(System("darwin", "14.7")).advice
    translated = System("darwin", "15.5", "x86_64", is_translated=True)
    assert finding(translated).advice.startswith("for a faster one: use a Python for Apple silicon")
    assert finding(INTEL).advice == ""


def test_doctor_does_not_advise_to_install_what_there_is_not(monkeypatch):
    from importlib import metadata

    from nemocli.doctor import finding as module

    def version(package):
        raise metadata.PackageNotFoundError(package)

    monkeypatch.setattr(module.metadata, "version", version)
    found = {each.name: each for each in examine_runtimes(System("darwin", "26.0", python=(3, 14)))}
    assert found["runtime coreml"].advice == "coremltools is for Python 3.11 to 3.13"
    assert "pip install" in found["runtime coreai"].advice


@pytest.mark.parametrize(
    ("machine", "translated", "expected"),
    [
        ("arm64", "", System("darwin", "15.5", "arm64", sys.version_info[:2])),
        ("x86_64", "0", System("darwin", "15.5", "x86_64", sys.version_info[:2])),
        ("x86_64", "1", System("darwin", "15.5", "x86_64", sys.version_info[:2], True)),
    ],
)
def test_this_mac(machine, translated, expected, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: machine)
    monkeypatch.setattr("platform.mac_ver", lambda: ("15.5", ("", "", ""), machine))
    values = {"sysctl.proc_translated": translated}
    monkeypatch.setattr(system_module, "read_sysctl", values.__getitem__)
    assert system_module.read_system() == expected


@pytest.mark.parametrize(
    ("seen", "true", "expected"),
    [
        ("16.0", "26.0.1", "26.0.1"),
        ("16.0", "27.0", "27.0"),
        ("10.16", "15.5", "15.5"),
        ("16.1", "", "16.1"),  # if the system does not say it
        ("26.0", None, "26.0"),
        ("15.5", None, "15.5"),
    ],
)
def test_the_version_that_an_older_python_sees_is_not_believed(seen, true, expected, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr("platform.machine", lambda: "arm64")
    monkeypatch.setattr("platform.mac_ver", lambda: (seen, ("", "", ""), "arm64"))
    values = {} if true is None else {"kern.osproductversion": true}
    monkeypatch.setattr(system_module, "read_sysctl", values.__getitem__)
    assert system_module.read_system().macos == expected


def test_portable_is_the_last(monkeypatch):
    assert kinds.AUTO_ON_APPLE_SILICON[-1] == PORTABLE

"""The table in docs/mac.md is what the code says `auto` is, with the packages that there are."""

import re

import pytest

from nemocli.runtimes.coreai.kind import SYSTEM_MINIMUM_MACOS
from nemocli.runtimes.kind import Library
from nemocli.runtimes.kinds import AUTO_ON_APPLE_SILICON, KINDS, choose_runtime
from nemocli.runtimes.system import System
from scripts.documents.auto_table import MACOS, PYTHONS, auto_table, find_auto
from scripts.make_docs import ROOT


def test_it_has_every_mac():
    page = (ROOT / "docs" / "mac.md").read_text(encoding="utf-8")
    assert auto_table() in page, "python scripts/make_docs.py"
    rows = re.findall(r"^\| (\d+) \| (Apple silicon|Intel) \|(.*)\|$", page, re.MULTILINE)
    assert len(rows) == 2 * len(MACOS) - 1
    assert all(len(cells.split("|")) == len(PYTHONS) for *_, cells in rows)


@pytest.mark.parametrize("name", ["README.md", "docs/mac.md"])
def test_the_order_in_the_text_is_that_of_the_code(name):
    titles = {"coreml": "Core ML", "mlx": "MLX", "coreai": "Core AI", "onnx": "onnxruntime"}
    *first, last = (titles[kind] for kind in AUTO_ON_APPLE_SILICON)
    text = " ".join((ROOT / name).read_text(encoding="utf-8").split())
    assert f"Apple silicon the first of {', '.join(first)} and {last} whose needs" in text.replace(
        "Apple silicon, `auto` is the first", "Apple silicon the first"
    )


def test_the_first_macos_in_the_text_is_that_of_the_code():
    page = (ROOT / "docs" / "mac.md").read_text(encoding="utf-8")
    assert f"- Core ML needs macOS {KINDS['coreml'].minimum_macos} and coremltools" in page
    assert f"- Core AI is taken from macOS {SYSTEM_MINIMUM_MACOS} on" in page


@pytest.mark.parametrize("macos", MACOS)
@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
@pytest.mark.parametrize("python", PYTHONS)
def test_it_is_what_the_program_would_choose(macos, architecture, python, monkeypatch):
    """Given the packages for which there are wheels, `choose_runtime` says the same."""
    system = System("darwin", f"{macos}.0", architecture, python)
    has_wheel = property(lambda library: library.find_missing_system(system) is None)
    monkeypatch.setattr(Library, "is_here", has_wheel)
    found = find_auto(system, ("coreai", "mlx"))
    if found is None:
        assert not KINDS["onnx"].library.is_here
    else:
        assert found == choose_runtime(KINDS, system)


@pytest.mark.parametrize(
    ("system", "expected"),
    [
        (System("darwin", "15.5"), "coreml"),
        (System("darwin", "14.7"), "onnx"),
        (System("darwin", "15.5", "x86_64"), "onnx"),
        (System("darwin", "15.5", "x86_64", (3, 14)), None),
    ],
)
def test_after_a_plain_installation(system, expected):
    assert find_auto(system) == expected

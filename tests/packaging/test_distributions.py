"""What is published: a wheel with all that a user needs and no more, and an sdist that makes it."""

import email
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from nemocli.version import __version__

ROOT = Path(__file__).parents[2]
NAME = f"nemocli-{__version__}"

#: Bytes; larger than this is slow to get and hard to place.
MOST = 12e6


def build(*arguments):
    """Build as maintainers do, with the builder that is installed instead of one that pip gets."""
    command = [sys.executable, "-m", "build", "--no-isolation", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The sdist, and the wheel that was made out of it."""
    pytest.importorskip("build", reason="building needs nemocli[test]")
    folder = tmp_path_factory.mktemp("dist")
    build("--outdir", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(folder):
    return folder / f"{NAME}-py3-none-any.whl"


@pytest.fixture(scope="module")
def inside(wheel):
    """Bytes by name."""
    with zipfile.ZipFile(wheel) as file:
        return {name: file.read(name) for name in file.namelist()}


def tracked(*folders):
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *folders],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip("only git knows which files belong to it, and this is no clone")
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).exists()}


@pytest.mark.slow  # builds once more
def test_the_sdist_makes_the_same_wheel_as_the_clone(wheel, tmp_path):
    build("--wheel", "--outdir", tmp_path)
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_the_wheel_has_the_package_the_demos_and_nothing_else(inside):
    package = tracked("nemocli")
    demos = {f"nemocli/{name}" for name in tracked("assets/demo", "assets/diarization-demo")}
    clip = {f"nemocli/assets/clips/all-languages{end}" for end in (".flac", ".tokens.json")}
    shared = {f"{NAME}.data/data/{name}" for name in tracked("share")}
    about = {
        f"{NAME}.dist-info/{name}"
        for name in ("METADATA", "WHEEL", "RECORD", "entry_points.txt", "licenses/LICENSE")
    }
    assert set(inside) == package | demos | clip | shared | about
    for name in ("nemocli/py.typed", "nemocli/schemas/document.schema.json"):
        assert name in inside
    for demo in ("demo", "diarization-demo"):
        name = f"assets/{demo}/model.safetensors"
        assert inside[f"nemocli/{name}"] == (ROOT / name).read_bytes()


def test_the_sdist_has_what_the_tests_need(folder):
    with tarfile.open(folder / f"{NAME}.tar.gz") as file:
        names = set(file.getnames())
    wanted = tracked("nemocli", "assets", "examples", "tests", "scripts", "README.md", "LICENSE")
    assert {f"{NAME}/{name}" for name in (*wanted, "pyproject.toml", "PKG-INFO")} <= names


def test_neither_is_large(folder):
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert len(sizes) == 2
    assert max(sizes.values()) < MOST, sizes


def test_what_the_wheel_says_of_itself(inside):
    metadata = email.message_from_bytes(inside[f"{NAME}.dist-info/METADATA"])
    assert (metadata["Version"], metadata["License-Expression"]) == (__version__, "Apache-2.0")
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert metadata.get_payload(decode=True).decode() == readme
    assert {"bench", "cluster", "coreai", "mlx"} <= set(metadata.get_all("Provides-Extra"))
    assert b"nemocli = nemocli.__main__:main" in inside[f"{NAME}.dist-info/entry_points.txt"]

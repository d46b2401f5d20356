"""What a visitor sees first: the files and folders at the top of the repository, and no others."""

import subprocess

import pytest

from scripts.make_docs import ROOT

AT_THE_TOP = {
    ".ci",
    ".github",
    ".gitignore",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "SECURITY.md",
    "assets",
    "docs",
    "examples",
    "nemocli",
    "pyproject.toml",
    "scripts",
    "share",
    "tests",
}


def test_nothing_else_lies_at_the_top():
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("only git knows which files belong to it, and this is no clone")
    found = {name.split("/")[0] for name in listed.stdout.split("\0") if name}
    assert found == AT_THE_TOP


def test_the_readme_is_read_in_a_minute():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme.count("\n") <= 130


def test_the_exit_codes_stand_in_one_place():
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
    with_codes = [path for path in pages if "| 129 |" in path.read_text(encoding="utf-8")]
    assert with_codes == [ROOT / "docs" / "README.md"]

"""ARCHITECTURE.md names files and functions that exist; imports go the way that it says."""

import ast
import re
from functools import cache

import pytest

from scripts.make_docs import ROOT

TEXT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")

#: A paragraph, an item of a list, or a row of a table: its names belong to the files in it.
PARTS = [
    part
    for part in re.split(r"\n\s*\n|\n(?=- |\d+\. |\| )", TEXT)
    if "`" in part and not part.startswith("    ")
]
NAME = re.compile(r"[A-Za-z_]\w*(\.\w+)?")


@cache
def defined(path):
    """Classes, functions, variables and strings of a file; members also with their class."""
    names = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{member}" for member in members(node)}
        names |= simple(node)
    return names


def members(class_):
    own = set().union(*map(simple, class_.body))
    return own | {
        node.attr
        for node in ast.walk(class_)
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self"
    }


def simple(node):
    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return {node.name}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {t.id if isinstance(t, ast.Name) else getattr(t, "attr", "") for t in targets}
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return {node.value}
    return set()


@pytest.mark.parametrize("part", PARTS, ids=lambda part: " ".join(part.split())[:40])
def test_what_is_named_exists(part):
    quoted = re.findall(r"`([^`]+)`", part)
    paths = [name for name in quoted if name.startswith("nemocli/")]
    for path in paths:
        assert (ROOT / path).exists(), f"there is no {path}"
    files = [path for path in paths if path.endswith(".py")]
    there = set().union(*map(defined, files))
    for name in quoted:
        if NAME.fullmatch(name) and name != "model":
            assert name in there, f"{name} is not in {files}"


def test_every_file_name_is_whole():
    assert not re.findall(r"`(?!nemocli/)[\w/]+\.py`", TEXT), "from nemocli/ on"


def test_every_room_has_a_row():
    rooms = {path.parent.name for path in (ROOT / "nemocli").glob("*/__init__.py")}
    assert rooms == set(re.findall(r"^\| `nemocli/(\w+)` \|", TEXT, re.MULTILINE))


#: Rooms by level; a file may import what is below its own, or in its own room.
LEVELS = {
    "__main__": 7,
    "cli": 6,
    **dict.fromkeys(["cluster", "server"], 5),
    "remote": 4.8,
    **dict.fromkeys(["bench", "jobs", "live"], 4),
    "doctor": 3,
    "__init__": 4.6,
    "provision": 4.5,
    "transcriber": 3,
    "scheduler": 2.7,
    "batch": 2.5,
    **dict.fromkeys(["engine", "models"], 2),
    **dict.fromkeys(["boosting", "diarization"], 1.5),
    **dict.fromkeys(["transcript", "audio", "runtimes"], 1),
    "network": 0.5,
    "progress": 0.2,
    **dict.fromkeys(["arguments", "file_lock", "whole_file"], 0.1),
    **dict.fromkeys(["addresses", "closing", "counting", "disk", "errors", "freed_memory"], 0),
    **dict.fromkeys(["version", "processes", "removal"], 0),
    **dict.fromkeys(["remark", "sound_warning", "units"], 0),
}


def imports(path):
    """The rooms that a file imports from when it runs, at its top or at use."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body.clear()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (room_of(alias.name) for alias in node.names if is_ours(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.level:
            raise AssertionError(f"{path} imports by a relative name, which nobody can follow")
        elif isinstance(node, ast.ImportFrom) and is_ours(node.module):
            yield from (room_of(f"{node.module}.{alias.name}") for alias in node.names)


def is_ours(module):
    return module.split(".")[0] == "nemocli"


def room_of(name):
    """The room of a module, or of a name in it; names of nemocli itself are in `__init__`."""
    _, room, *_ = [*name.split("."), "__init__"]
    at = ROOT / "nemocli" / room
    return room if at.is_dir() or at.with_suffix(".py").is_file() else "__init__"


def test_every_form_of_import_is_seen(tmp_path):
    for line, room in [
        ("import nemocli", "__init__"),
        ("import nemocli as n", "__init__"),
        ("import os, nemocli.cli.app", "cli"),
        ("from nemocli import load", "__init__"),
        ("from nemocli import cli", "cli"),
        ("from nemocli.bench import report", "bench"),
        ("from nemocli.errors import UsageError", "errors"),
        ("import numpy", None),
    ]:
        path = tmp_path / "some.py"
        path.write_text(f"def use():\n    {line}\n")
        assert list(imports(path)) == ([room] if room else [])


def test_imports_go_one_way():
    found = set()
    for path in (ROOT / "nemocli").rglob("*.py"):
        room = path.relative_to(ROOT / "nemocli").parts[0].removesuffix(".py")
        for other in set(imports(path)) - {room}:
            if LEVELS[other] >= LEVELS[room]:
                found.add((room, other))
    assert not found


def test_audio_imports_numpy_where_a_file_begins():
    found = set()
    for path in (ROOT / "nemocli" / "audio").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                modules = set().union(*map(imported_modules, ast.walk(function)))
                found |= {path.name for name in modules if name.partition(".")[0] == "numpy"}
    assert not found


def imported_modules(node):
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names}
    return {node.module or ""} if isinstance(node, ast.ImportFrom) else set()

"""What scripts, examples and tests name of this repository exists, also where no run comes by.

Some run for hours, only on a Mac, or only to train a model: a name that was changed would otherwise
be found when somebody needs them.
"""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from scripts.make_docs import ROOT

FOLDERS = ("scripts", "examples", "tests")
#: A script finds the modules beside it, and those of the other demo.
BESIDE = [ROOT / "scripts" / "demo"]


def find_module(name, folders):
    """Return the file or folder of a module of ours; None if it is somebody else's."""
    for folder in folders:
        path = folder.joinpath(*name.split("."))
        for found in (path.with_suffix(".py"), path / "__init__.py", path):
            if found.exists():
                return found
    return None


@cache
def list_names(module):
    """Return what can be imported from a module: its names, and the modules in its folder."""
    names = set()
    if module.name == "__init__.py" or module.is_dir():
        folder = module if module.is_dir() else module.parent
        names |= {path.stem for path in folder.iterdir()}
    if module.is_file():
        tree = ast.parse(module.read_text(encoding="utf-8"))
        names |= set().union(*map(bind_names, outside_functions(tree)))
    return names


def outside_functions(node):
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield from outside_functions(child)


def bind_names(node):
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return {node.id}
    return set()


@cache
def list_members(module, name):
    """Return what an attribute of a class can be; None if it is no class, or has a base."""
    if not module.is_file():
        return None
    tree = ast.parse(module.read_text(encoding="utf-8"))
    found = next((n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name), None)
    if found is None or found.bases or found.keywords:
        return None
    names = set().union(dir(object), *map(bind_names, ast.walk(found)))
    return names | {node.attr for node in ast.walk(found) if isinstance(node, ast.Attribute)}


def find_missing(text, folders):
    """Yield the dotted names of our modules that a source text uses and that do not exist."""
    modules, classes, nodes = {}, {}, list(ast.walk(ast.parse(text)))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                if (path := find_module(alias.name, folders)) and alias.asname:
                    modules[alias.asname] = path
        elif isinstance(node, ast.ImportFrom) and node.module:
            if path := find_module(node.module, folders):
                for alias in node.names:
                    if alias.name not in list_names(path):
                        yield f"{node.module}.{alias.name}"
                    elif inner := find_module(f"{node.module}.{alias.name}", folders):
                        modules[alias.asname or alias.name] = inner
                    elif (members := list_members(path, alias.name)) is not None:
                        classes[alias.asname or alias.name] = members
            elif node.module.split(".")[0] in {"nemocli", "scripts", "tests"}:
                yield node.module
        elif isinstance(node, ast.Constant) and re.fullmatch(
            r"nemocli(\.[a-z_]+)+\.\w+", str(node.value)
        ):
            yield from find_missing_dotted(node.value)
    variables = {node.arg for node in nodes if isinstance(node, ast.arg)}
    variables |= {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            name = node.value.id
            if name in variables or node.attr.startswith("__"):
                continue
            known = list_names(modules[name]) if name in modules else classes.get(name)
            if known is not None and node.attr not in known:
                yield f"{name}.{node.attr}"


def find_missing_dotted(name):
    """Yield a dotted name in a text, such as one that a test replaces, if there is no such one."""
    module, _, rest = name, "", ""
    while not (path := find_module(module, [ROOT])):
        module, _, last = module.rpartition(".")
        rest = last
    if rest and rest not in list_names(path):
        yield name


def find_in(path):
    return list(find_missing(path.read_text(encoding="utf-8"), [path.parent, ROOT, *BESIDE]))


@pytest.mark.parametrize("folder", FOLDERS)
def test_what_a_file_names_exists(folder):
    files = sorted({*(ROOT / folder).rglob("*.py")} - {Path(__file__)})  # has wrong ones, below
    missing = {str(path.relative_to(ROOT)): find_in(path) for path in files}
    assert files and not {path: names for path, names in missing.items() if names}


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("from boosting import PhraseFinder, units", "boosting.units"),
        ("from nemocli.bench import normalize, normal", "nemocli.bench.normal"),
        ("from nemocli.bench.normal import normalize", "nemocli.bench.normal"),
        ("def use():\n    from tests.once import make", "tests.once.make"),
        ("from nemocli.audio import pcm\npcm.PipedSound, pcm.Piped", "pcm.Piped"),
        ("import nemocli.transcript.cues as cues\ncues.Cue, cues.Line", "cues.Line"),
        ("from nemocli.live.listener import Listener\nListener.summary", "Listener.summary"),
        ("patch('nemocli.audio.pcm.Piped')", "nemocli.audio.pcm.Piped"),
        ("patch('nemocli.audio.pipes.PipedSound')", "nemocli.audio.pipes.PipedSound"),
        ("from nemocli import load\nfrom os import path, nothing", None),
    ],
)
def test_a_name_that_is_missing_is_seen(text, missing):
    assert list(find_missing(text, [ROOT, *BESIDE])) == ([missing] if missing else [])

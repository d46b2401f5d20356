"""The cache of compiled packages: each is compiled once for its content and system, or not kept."""

import threading
import time

import pytest

from nemocli.runtimes.coreml.compiled import CompiledModels, compute_content_key

HASHES = {"pre.mlpackage/Manifest.json": "1", "pre.mlpackage/Data/weight.bin": "2"}


class Compiler:
    """A stand-in for Core ML's compiler; `during` is called when it is half done."""

    def __init__(self, during=lambda: None):
        self.calls = []
        self._during = during

    def __call__(self, package, destination):
        assert destination.suffix == ".mlmodelc"  # coremltools refuses others
        self.calls.append(package)
        destination.mkdir()
        (destination / "first").write_text("1")
        self._during()
        (destination / "second").write_text("2")


def names(folder):
    """List the names in a folder, without the lock and the lists of files."""
    found = (path for path in folder.iterdir() if path.name != "lock")
    return sorted(path.name for path in found if path.suffix != ".json")


def get(folder, compiler, system="15.5", hashes=HASHES):
    starts = []
    models = CompiledModels(folder / "compiled", system, compiler)
    path = models.path(folder / "pre.mlpackage", hashes, lambda: starts.append(1))
    assert names(path) == ["first", "second"]
    return path, bool(starts)


def test_compiled_once_and_announced_once(tmp_path):
    compiler = Compiler()
    path, is_new = get(tmp_path, compiler)
    assert is_new
    assert get(tmp_path, compiler) == (path, False)
    assert compiler.calls == [tmp_path / "pre.mlpackage"]
    assert names(tmp_path / "compiled") == [path.name]


def test_by_content_and_system(tmp_path):
    compiler = Compiler()
    path, _ = get(tmp_path, compiler)
    other, _ = get(tmp_path, compiler, hashes=HASHES | {"pre.mlpackage/Data/weight.bin": "3"})
    assert names(tmp_path / "compiled") == sorted([path.name, other.name])
    updated, _ = get(tmp_path, compiler, system="15.6")
    assert "15.6" in updated.name
    assert names(tmp_path / "compiled") == sorted([updated.name, other.name])
    assert compute_content_key(HASHES) == compute_content_key(dict(reversed(HASHES.items())))


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError("disk full")])
def test_an_interrupted_compilation_leaves_nothing(tmp_path, error):
    def interrupt():
        raise error

    with pytest.raises(error if isinstance(error, type) else type(error)):
        get(tmp_path, Compiler(interrupt))
    assert names(tmp_path / "compiled") == []
    get(tmp_path, Compiler())


def test_what_a_killed_process_left_is_no_entry(tmp_path):
    partial = tmp_path / "compiled" / "partial.mlmodelc"
    partial.mkdir(parents=True)
    (partial / "first").write_text("1")
    path, is_new = get(tmp_path, Compiler())
    assert is_new and names(tmp_path / "compiled") == [path.name]


def test_two_at_once_compile_once(tmp_path):
    compilers, paths = [], []

    def run():
        compilers.append(Compiler(lambda: time.sleep(0.2)))
        paths.append(get(tmp_path, compilers[-1])[0])

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(compiler.calls) for compiler in compilers) == 1
    assert len(set(paths)) == 1 and len(paths) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: (path / "first").unlink(),
        lambda path: (path / "first").write_text(""),
        lambda path: (path / "first").write_text("2"),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text("[1]"),
        lambda path: path.with_suffix(".json").write_text("{"),
    ],
)
def test_what_was_damaged_is_compiled_again(tmp_path, damage):
    path, _ = get(tmp_path, Compiler())
    damage(path)
    assert get(tmp_path, Compiler()) == (path, True)
    assert (path / "first").read_text() == "1"
    (path / "of the system").mkdir()  # the system may keep its own files there
    compiler = Compiler()
    CompiledModels(tmp_path / "compiled", "15.5", compiler).path(path, HASHES, lambda: None)
    assert compiler.calls == []

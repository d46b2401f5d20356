"""Places of models as people give them: links, ~, the current folder, and what may not be read."""

import sys
from pathlib import Path

import pytest

from nemocli.models.convert import convert
from nemocli.models.folder import MODEL_MANIFEST, read_manifest
from tests.faults.program import run, sentence
from tests.models.fake_hub import COMMIT
from tests.network.broken import sound_files, write
from tests.repeats import repeats
from tests.typed import nemocli

#: Code that takes from root the right to read what nobody may read.
UNPRIVILEGED = """
import ctypes
header, data = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()
assert ctypes.CDLL(None).capset(header, data) == 0
"""


@pytest.fixture
def checkpoint(tmp_path):
    return write(tmp_path / "checkpoint", sound_files())


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_into_the_current_folder(checkpoint, tmp_path, monkeypatch):
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    made = here.stat().st_ino
    for arguments in ([], ["--force"], ["--lookahead", "3", "--force"]):
        done = nemocli("convert", checkpoint, "-o", ".", "--no-verify", "-q", *arguments)
        assert (done.exit_code, done.stdout) == (0, ".\n"), done.stderr
        read_manifest(here)
        assert Path.cwd().stat().st_ino == made  # the one that the shell is in
    assert not [name for name in names(here) if name.startswith(".")]
    (here / "weights.bin").write_bytes(b"")
    done = nemocli("convert", checkpoint, "-o", ".", "--no-verify", "--lookahead", "3")
    assert done.exit_code == 0 and "is damaged and is converted again" in done.stderr


def test_an_empty_folder_stays_the_folder_it_was(checkpoint, tmp_path):
    out = tmp_path / "out"
    out.mkdir(mode=0o750)
    (out / ".out.999999999.part").mkdir()  # what a conversion that was killed left there
    before = out.stat()
    convert(checkpoint, out)
    assert (out.stat().st_ino, out.stat().st_mode) == (before.st_ino, before.st_mode)
    assert MODEL_MANIFEST in names(out) and not [
        name for name in names(out) if name.startswith(".")
    ]


def test_an_empty_folder_is_empty_after_a_conversion_that_failed(checkpoint, tmp_path):
    out = tmp_path / "out"
    out.mkdir()

    def fail(folder):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(checkpoint, out, check=fail)
    assert names(out) == [] and names(tmp_path) == ["checkpoint", "out"]


def test_two_conversions_into_the_current_folder(checkpoint, tmp_path, monkeypatch):
    """Each leaves alone what the other is writing; the one that ends last stays."""
    out = tmp_path / "out"
    out.mkdir()
    monkeypatch.chdir(out)
    command = ["convert", checkpoint, "-o", ".", "--no-verify", "-q", "--lookahead", "3"]

    def meet(folder):
        assert run(*command) == (0, ".\n", "")
        assert folder.is_dir() and read_manifest(out).lookaheads == (3,)

    convert(checkpoint, Path(), lookaheads=[0], check=meet)
    assert read_manifest(out).lookaheads == (0,)
    assert not [name for name in names(out) if name.startswith(".")]


def test_a_read_only_folder_is_replaced_and_nothing_of_it_stays(checkpoint, tmp_path):
    out = tmp_path / "out"
    convert(checkpoint, out, lookaheads=[0])
    out.chmod(0o500)
    command = ["convert", checkpoint, "-o", out, "--no-verify", "-q", "--lookahead", "3"]
    assert run(*command, "--force", code=UNPRIVILEGED) == (0, f"{out}\n", "")
    assert names(tmp_path) == ["checkpoint", "out"]


@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        ("loop", 2, "loop is a link that leads back to itself; choose another place."),
        ("file/model", 1, "/file is not a folder."),
    ],
)
def test_places_where_nothing_can_be(checkpoint, tmp_path, place, code, words):
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").touch()
    done = nemocli("convert", checkpoint, "-o", tmp_path / place)
    assert (done.exit_code, done.stdout) == (code, "")
    assert done.stderr.startswith("nemocli: ") and done.stderr.endswith(f"{words}\n")


def test_a_model_is_not_converted_again(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
    made = tmp_path / "models" / "made"
    convert(checkpoint, made, lookaheads=[0])
    for name in (made, "made"):
        done = nemocli("convert", name, "-o", tmp_path / "out")
        said = f"nemocli: {made} is converted already; give the checkpoint that it was made from.\n"
        assert (done.exit_code, done.stderr) == (2, said)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_link_stays_a_link(checkpoint, tmp_path, is_there):
    target, link = tmp_path / "target", tmp_path / "link"
    link.symlink_to("target")
    if is_there:
        convert(checkpoint, target, lookaheads=[0])
    convert(checkpoint, link, lookaheads=[3], force=is_there)
    assert link.is_symlink() and read_manifest(target).lookaheads == (3,)
    assert names(tmp_path) == ["checkpoint", "link", "target"]


def test_the_home_folder_in_options_and_variables(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    done = nemocli("convert", "~/checkpoint", "-o", "~/a", "--no-verify", "-q")
    assert (done.exit_code, done.stdout) == (0, f"{tmp_path}/a\n"), done.stderr
    variables = {"NEMOCLI_CONVERT_OUT": "~/b"}
    assert nemocli("convert", checkpoint, "--no-verify", "-q", env=variables).exit_code == 0
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", "~/models")
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", "~/cache")
    assert nemocli("convert", checkpoint, "--no-verify", "-q").exit_code == 0
    assert nemocli("models", "path", "~/a").stdout == f"{tmp_path}/a\n"
    assert {"a", "b", "models"} <= set(names(tmp_path))
    assert "~" not in names(Path.cwd())


@pytest.mark.skipif(sys.platform != "linux", reason="capabilities are Linux's")
@pytest.mark.parametrize("name", repeats([*sound_files(), "."], 1))
@pytest.mark.parametrize("form", ["checkpoint", "folder", "download"])
def test_what_may_not_be_read(checkpoint, form, name):
    root = checkpoint.parent
    model, known = checkpoint, checkpoint
    if form == "folder":
        model = known = root / "model"
        convert(checkpoint, model, lookaheads=[3])
        name = {"config.json": MODEL_MANIFEST, "model.safetensors": "weights.bin"}.get(name, name)
        if not (model / name).exists():
            pytest.skip("a model folder has no such file")
    elif form == "download":
        known = root / "hub/models--some--one/snapshots" / COMMIT
        known.parent.mkdir(parents=True)
        checkpoint.rename(known)
        model = f"some/one@{COMMIT}"
    (known / name).chmod(0)
    env = {"HF_HUB_CACHE": root / "hub", "HOME": root, "NEMOCLI_CACHE_DIR": root / "cache"}
    done, out, err = run("models", "verify", model, code=UNPRIVILEGED, env=env)
    said = out + err
    assert (done, "Traceback" in said) == (3, False), said
    assert "Permission denied" in said and "damaged" not in said
    arguments = ["file", "a.wav", "--model", model, "--runtime", "numpy"]
    if form != "folder":
        done, out, err = run(*arguments, code=UNPRIVILEGED, env=env)
        assert (done, out) == (3, "")
        assert "cannot be read: Permission denied" in sentence(err)


@pytest.mark.parametrize(
    ("command", "variable"),
    [(["convert", "{}"], "NEMOCLI_MODELS_DIR"), (["models", "pull", "a/b"], "HF_HOME")],
)
def test_a_home_that_cannot_be_written_names_the_variable(checkpoint, hub, command, variable):
    env = {"HOME": "/proc/nowhere", "HF_ENDPOINT": hub[0].url, "HF_HOME": "", "XDG_DATA_HOME": ""}
    hub[0].name = "a/b"
    command = [part.format(checkpoint) for part in command]
    code = "import os\nfor n in ('HF_HOME', 'XDG_CACHE_HOME', 'XDG_DATA_HOME',"
    code += " 'NEMOCLI_MODELS_DIR'):\n    os.environ.pop(n, None)"
    done, out, err = run(*command, "-q", env=env, code=code)
    assert (done, out) == (1, "")
    assert f"set {variable} to a folder" in sentence(err)

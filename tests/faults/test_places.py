"""Missing folders: the current one, home, the cache, the temporary one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nemocli.doctor.models import examine_folders, examine_models
from tests.faults.program import before_first_call, in_place_of, run, run_here, sentence
from tests.repeats import repeats

#: A user whom the system does not know, as in some containers.
HOMELESS = """
import os, pwd
for name in ("HOME", "NEMOCLI_CACHE_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME", "HF_HOME"):
    os.environ.pop(name, None)
def unknown(uid):
    raise KeyError(uid)
pwd.getpwuid = unknown
"""

#: A home that cannot be made, not even by root.
NOWHERE = "/proc/nowhere"
READ_ONLY_HOME = {"HOME": NOWHERE, "NEMOCLI_CACHE_DIR": "", "XDG_CACHE_HOME": ""}


@pytest.fixture
def copy(tmp_path, demo):
    """A checkpoint that is not nemocli's own, alone in its folder."""
    return Path(shutil.copytree(demo, tmp_path / "alone" / "copy"))


@pytest.fixture
def gone(tmp_path):
    """Return code that changes into a folder and removes it."""
    return f"import os; os.mkdir('{tmp_path}/gone'); os.chdir('{tmp_path}/gone')\n" + (
        f"os.rmdir('{tmp_path}/gone')"
    )


GONE = "The current folder is gone: change into one that exists, or give whole paths."


@pytest.mark.parametrize(
    ("arguments", "words"),
    repeats(
        [
            (["file", "{clip}", "-o", "out"], GONE),
            (["file", "a.wav"], GONE),
            (["file", "."], GONE),
            (["bench", "a.wav"], GONE),
            (["live", "--input", "a.wav"], "current folder is gone"),
            (["live", "--input", "{clip}", "-o", "a.txt"], "current folder is gone"),
            (["live", "--input", "{clip}", "--save-audio", "a.wav"], "current folder is gone"),
            (["bench", "{clip}", "--json", "a.json"], "a.json cannot be written: No such file"),
        ],
        5,
    ),
)
def test_a_current_folder_that_is_gone(clip, gone, arguments, words):
    arguments = [argument.format(clip=clip.path) for argument in arguments]
    done, out, err = run(*arguments, code=gone, env={"NEMOCLI_MODEL": "demo"})
    assert (done, out) == (1, "")
    assert words in sentence(err)


def test_whole_paths_do_without_a_current_folder(clip, gone, tmp_path):
    out = tmp_path / "out"
    command = ["file", clip.path, "--model", "demo", "-o", out, "-q"]
    assert run(*command, code=gone) == (0, "", "")
    assert (out / f"{clip.path.stem}.txt").read_text() == clip.text + "\n"


def test_doctor_does_without_a_current_folder(tmp_path, monkeypatch):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    done, out, err = run_here("doctor")
    assert (done, err) == (0, "")
    assert out.startswith("ok    nemocli ")


def test_a_current_folder_that_goes_in_the_middle(clip, tmp_path, monkeypatch):
    """Relative paths are resolved when the run begins, and written there."""
    here = tmp_path / "here"
    here.mkdir()
    (tmp_path / "a.flac").write_bytes(clip.path.read_bytes())
    monkeypatch.chdir(here)
    command = ["file", tmp_path / "a.flac", "--model", "demo", "-o", "../out", "-q"]
    with before_first_call("nemocli.batch.many:advance", lambda: shutil.rmtree(here)):
        assert run_here(*command) == (0, "", "")
    assert (tmp_path / "out" / "a.txt").read_text() == clip.text + "\n"


@pytest.mark.parametrize(
    ("arguments", "variable"),
    repeats(
        [
            (["file", "{clip}", "--model", "{copy}"], "NEMOCLI_CACHE_DIR"),
            (["convert", "demo"], "NEMOCLI_MODELS_DIR"),
            (["models", "list"], "HF_HOME"),
            (["models", "pull", "someone/demo"], "HF_HOME"),
        ],
        1,
    ),
)
def test_a_user_without_a_home(clip, copy, arguments, variable):
    arguments = [argument.format(clip=clip.path, copy=copy) for argument in arguments]
    done, out, err = run(*arguments, code=HOMELESS, cwd=copy.parent)
    assert (done, out) == (4, "")
    assert f"This user has no home folder; set HOME, or {variable}, to a" in sentence(err)
    assert list(copy.parent.iterdir()) == [copy]


def test_doctor_tells_a_user_without_a_home(monkeypatch):
    def unknown(name):
        raise RuntimeError("could not determine the home directory")

    for name in ("NEMOCLI_CACHE_DIR", "NEMOCLI_MODELS_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("platformdirs.user_cache_path", unknown)
    monkeypatch.setattr("platformdirs.user_data_path", unknown)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", "~/.cache/huggingface/hub")
    found = {finding.name: finding for finding in [*examine_folders(), *examine_models()]}
    for name in ("cache folder", "models folder", "hub's cache"):
        assert not found[name].ok and "has no home folder" in found[name].value
    assert found["cache folder"].essential and not found["model"].ok


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    repeats(
        [
            (
                ["file", "{clip}", "--model", "{copy}"],
                4,
                "set NEMOCLI_CACHE_DIR to a folder that can",
            ),
            (["live", "--input", "{clip}", "--model", "{copy}"], 4, "set NEMOCLI_CACHE_DIR to a"),
            (
                ["bench", "{clip}", "--model", "{copy}"],
                4,
                "set NEMOCLI_CACHE_DIR to a folder that can",
            ),
            (["models", "pull", "someone/demo"], 1, "set HF_HOME to a folder elsewhere"),
        ],
        2,
    ),
)
def test_a_home_that_cannot_be_written(clip, copy, hub, arguments, code, words):
    arguments = [argument.format(clip=clip.path, copy=copy) for argument in arguments]
    env = READ_ONLY_HOME | {"HF_ENDPOINT": hub[0].url, "HF_HOME": ""}
    code_before = "import os\nfor n in ('HF_HOME', 'XDG_CACHE_HOME'): os.environ.pop(n)"
    done, out, err = run(*arguments, "-q", env=env, code=code_before)
    assert (done, out) == (code, "")
    assert words in sentence(err) and err.count("\n") == 1


@pytest.mark.parametrize(
    ("env", "code"),
    repeats(
        [
            (READ_ONLY_HOME | {"XDG_CACHE_HOME": NOWHERE, "XDG_DATA_HOME": NOWHERE}, ""),
            ({"HOME": "/dev/null/x", "NEMOCLI_CACHE_DIR": "/dev/null/x"}, ""),
            ({}, HOMELESS),
        ],
        1,
    ),
    ids=["home", "cache", "no home"],
)
def test_the_demo_does_without_a_cache(clip, tmp_path, env, code):
    env = env | {"TMPDIR": str(tmp_path)}
    command = ["file", clip.path, "--model", "demo"]
    done, out, err = run(*command, env=env, code=code)
    assert (done, out) == (0, clip.text + "\n")
    assert err.count("the cache folder cannot be written, so the demo is converted into a") == 1
    assert run(*command, "-q", env=env, code=code) == (0, clip.text + "\n", "")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_without_a_cache_or_a_temporary_folder(clip):
    env = READ_ONLY_HOME | {"XDG_CACHE_HOME": NOWHERE}
    code = in_place_of("tempfile:TemporaryDirectory", "raise OSError(30, 'Read-only file system')")
    done, out, err = run("file", clip.path, "--model", "demo", env=env, code=code)
    assert (done, out) == (4, "")
    assert "set NEMOCLI_CACHE_DIR to a folder that can be written" in sentence(err)


def test_numpy_needs_no_cache(clip, monkeypatch):
    for name in ("HOME", "NEMOCLI_CACHE_DIR"):
        monkeypatch.setenv(name, NOWHERE)
    command = ["file", clip.path, "--model", "demo", "--runtime", "numpy"]
    assert run_here(*command, "-q") == (0, clip.text + "\n", "")


def test_no_temporary_folder_at_all(clip):
    """No folder can be written to: Python finds none for temporary files."""
    code = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
    with clip.path.open("rb") as sound:
        done, out, err = run("file", "-", "--model", "demo", code=code, stdin=sound)
    assert (done, out) == (1, "")
    assert "The sound from stdin cannot be kept in a temporary folder" in sentence(err)
    assert "set TMPDIR" in err


def test_a_tmpdir_that_is_missing_is_not_missed(clip, tmp_path):
    with clip.path.open("rb") as sound:
        command = ["file", "-", "--model", "demo", "-q"]
        done = run(*command, stdin=sound, env={"TMPDIR": tmp_path / "missing"})
    assert done == (0, clip.text + "\n", "")


def test_a_console_script_in_a_folder_that_is_gone(tmp_path):
    gone = tmp_path / "gone"
    line = f"mkdir {gone} && cd {gone} && rmdir {gone} && {sys.executable} -m nemocli --version"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.startswith("nemocli ")) == (0, True)
    assert "Traceback" not in done.stderr and os.path.exists(tmp_path)

"""Every command line in the documents is run with the demo, or parsed, or listed with the reason.

A new one is run, unless tests/documents/command_lines.py says why it cannot be.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib

import pytest
import soundfile
from typer.main import get_command

from nemocli.cli.app import app
from nemocli.models.convert import convert
from scripts.make_docs import ROOT
from tests.documents.command_lines import (
    NOT_RUN,
    command_lines,
    inline_commands,
    nemocli_parts,
)
from tests.typed import nemocli

LINES = command_lines()
RUN = [line for line in LINES if line.reason is None]
SCRIPTS = [
    path
    for path in sorted((ROOT / "scripts").glob("*.py"))
    if '__name__ == "__main__"' in path.read_text(encoding="utf-8")
]

#: Programs that stand in for what is not everywhere, or is this Python's.
PROGRAMS = {
    "nemocli": f'exec {shlex.quote(sys.executable)} -m nemocli "$@"',
    "ffmpeg": "exec cat sound.pcm",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory, clips, demo):
    """What a person of the documents has: a model, sounds, folders of them."""
    folder = tmp_path_factory.mktemp("home")
    convert(demo, folder / "model", precision="int8", lookaheads=[3])
    for name in ("talk.mp3", "talk.mp4", "talk.flac", "en-US-1.flac"):
        shutil.copy(clips[0].path, folder / name)
    (folder / "recordings").mkdir()
    for clip in clips[:2]:
        shutil.copy(clip.path, folder / "recordings")
    samples = soundfile.read(clips[0].path, dtype="int16")[0]
    (folder / "sound.pcm").write_bytes(samples.astype("<i2").tobytes())
    (folder / "assets").symlink_to(ROOT / "assets")
    (folder / "bin").mkdir()
    for name, script in PROGRAMS.items():
        path = folder / "bin" / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
    return folder


@pytest.fixture
def place(home, tmp_path, monkeypatch):
    """A folder to run a command in, as if it were `home`."""
    for path in home.iterdir():
        (tmp_path / path.name).symlink_to(path)
    (tmp_path / "recordings").unlink()  # where transcripts may be written
    shutil.copytree(home / "recordings", tmp_path / "recordings")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return tmp_path


@pytest.mark.parametrize("line", RUN, ids=lambda line: f"{line.page}: {line.text}")
def test_a_command_line_works(line, place, demo_reference):
    command = line.substituted
    for name in re.findall(r"(?:-o|--out) (\S+)", command):
        (place / name).unlink(missing_ok=True)
    if re.search(r"[|<>&]", command):
        done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
        assert done.stdout or ">" in command
        for name in re.findall(r"> (\S+)", command):
            assert (place / name).stat().st_size
        return
    name, *arguments = shlex.split(command)
    assert name == "nemocli", f"say in tests/documents/command_lines.py why {name} is not run"
    done = nemocli(*arguments)
    assert done.exit_code == 0, done.output
    assert done.stdout or "--output" in command


@pytest.mark.parametrize("line", LINES, ids=lambda line: f"{line.page}: {line.text}")
def test_a_command_line_can_be_parsed(line):
    for arguments in nemocli_parts(line.substituted):
        command, name = get_command(app), "nemocli"
        while hasattr(command, "commands"):
            name, *arguments = arguments
            command = command.commands[name]
        command.make_context(name, arguments)
    for script, rest in re.findall(r"python ((?:scripts|examples)/\S+)(.*)", line.text):
        text = (ROOT / script).read_text(encoding="utf-8")
        for option in re.findall(r"--[a-z0-9-]+", rest):
            assert f'"{option}"' in text, f"{script} has no {option}"
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    markers = settings["tool"]["pytest"]["ini_options"]["markers"]
    for marker in re.findall(r"pytest .*-m (\w+)", line.text):
        assert any(known.startswith(f"{marker}:") for known in markers)
    for extra in re.findall(r"pip install .*\[(\w+)\]", line.text):
        assert extra in settings["project"]["optional-dependencies"]


def list_script_commands():
    """Yield those beside scripts: the page or module, the script that it means, its options."""
    for page in sorted((ROOT / "scripts").rglob("*")):
        if page.suffix in {".py", ".md"}:
            text = page.read_text(encoding="utf-8")
            for name, rest in re.findall(r"python ((?:[\w.]+/)*\w+\.py)([^\n`#]*)", text):
                places = (folder / name for folder in (page.parent, ROOT))
                script = next((path for path in places if path.is_file()), None)
                yield page, name, script, re.findall(r"(?<!\S)--[a-z0-9-]+", rest)


def read_with_siblings(script):
    """Return the text of a script and of the modules beside it that it imports."""
    text = script.read_text(encoding="utf-8")
    names = re.findall(r"^from (\w+) import", text, re.MULTILINE)
    siblings = (script.with_name(f"{name}.py") for name in names)
    return text + "".join(path.read_text(encoding="utf-8") for path in siblings if path.is_file())


def test_a_command_beside_a_script_names_what_there_is():
    commands = list(list_script_commands())
    assert commands
    for page, name, script, used in commands:
        assert script, f"{page}: there is no {name}"
        known = read_with_siblings(script)
        for option in used:
            assert f'"{option}"' in known, f"{page}: {name} has no {option}"


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_script_shows_its_help(script):
    """Whatever it imports is there, and it does not begin its work, which may change files."""
    assert "ArgumentParser(" in script.read_text(encoding="utf-8")
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {script.name}")


def options(command):
    return {option for parameter in command.params for option in parameter.opts}


@pytest.mark.parametrize("text", inline_commands())
def test_a_command_in_a_sentence_names_what_there_is(text):
    command, known = get_command(app), {"--help", "-h"}
    for word in text.split()[1:]:
        if word.startswith("--"):
            assert word in known | options(command), f"{text}: there is no {word}"
        elif hasattr(command, "commands"):
            assert word in command.commands, f"{text}: there is no {word}"
            command = command.commands[word]


def test_no_reason_is_left_over():
    begins = {begin for begin in NOT_RUN for line in LINES if line.text.startswith(begin)}
    assert begins == set(NOT_RUN)

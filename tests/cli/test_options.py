"""Options that several subcommands share."""

import json

import pytest

from tests.typed import nemocli


@pytest.mark.parametrize("written,frames", [("0", 0), ("80ms", 0), ("560 ms", 6), ("13", 13)])
def test_lookahead_is_frames_or_a_latency(clips, written, frames):
    command = ["file", str(clips[0].path), "--model", "demo", "--format", "json"]
    done = nemocli(*command, env={"NEMOCLI_LOOKAHEAD": written})
    assert json.loads(done.stdout)["lookahead"] == frames


@pytest.mark.parametrize("command", [["file", "x.wav"], ["live", "--input", "-"], ["bench"]])
def test_a_lookahead_that_is_neither_is_refused_with_what_there_is(command):
    done = nemocli(*command, "--model", "demo", "--lookahead", "5s")
    assert done.exit_code == 2
    assert "80ms, 160ms, 320ms, 560ms, 1120ms" in done.stderr


@pytest.mark.parametrize(
    ("command", "kept"),
    [
        (["file", "a.wav", "-o", "."], "a.txt"),
        (["live", "--input", "a.wav", "--output", "a.txt"], "a.txt"),
        (["live", "--input", "a.wav", "--save-audio", "a.wav"], "a.wav"),
        (["convert", "demo", "-o", "model"], "model/manifest.json"),
    ],
    ids=["file", "live", "live-sound", "convert"],
)
def test_no_variable_confirms_an_overwrite(command, kept, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    path = tmp_path / kept
    path.write_text("precious")
    names = ("FORCE", "FILE_FORCE", "LIVE_FORCE", "CONVERT_FORCE", "YES")
    done = nemocli(*command, env={f"NEMOCLI_{name}": "1" for name in names})
    assert done.exit_code == 2
    assert ("choose another place" if command[0] == "convert" else "--force") in done.stderr
    assert path.read_text() == "precious"


@pytest.mark.parametrize("typed", [["--output-dir=~/out"], []])
def test_a_home_folder_that_no_shell_has_put_in_place(clips, tmp_path, monkeypatch, typed):
    monkeypatch.chdir(tmp_path)
    env = {"HOME": str(tmp_path / "home")} | ({} if typed else {"NEMOCLI_OUTPUT_DIR": "~/out"})
    done = nemocli("file", clips[0].path, "--model", "demo", "-q", *typed, env=env)
    assert (done.exit_code, done.stderr) == (0, "")
    written = tmp_path / "home" / "out" / f"{clips[0].path.stem}.txt"
    assert written.read_text() == clips[0].text + "\n"
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


@pytest.mark.parametrize(
    ("typed", "env", "takes"),
    [
        (("file", "x.wav"), {"SPEAKERS": "maybe"}, "true or false (1 or 0), not 'maybe'"),
        (("file", "x.wav", "--max-speakers", "x"), {}, "a whole number of at least 1, not 'x'"),
        (("file", "x.wav", "--max-speakers", "0"), {}, "a whole number of at least 1, not '0'"),
        (("file", "x.wav", "--min-cue", "x"), {}, "a number, not 'x'"),
        (("serve",), {"SERVE_PORT": "65536"}, "a whole number from 0 to 65535, not '65536'"),
    ],
)
def test_a_value_of_another_kind_is_quoted(typed, env, takes):
    done = nemocli(*typed, env={f"NEMOCLI_{name}": value for name, value in env.items()})
    assert (done.exit_code, done.stdout) == (2, "")
    said = " ".join(done.stderr.replace("│", " ").split())
    assert f": it takes {takes}." in said
    assert all(f"NEMOCLI_{name}" in said for name in env)

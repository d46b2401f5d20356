"""What is said, and a config file of others, cannot make `nemocli live` do something else."""

import json
import os
import queue
import shlex
import subprocess
import sys
import unicodedata
from types import SimpleNamespace

import pytest

from nemocli.cli import hotkey, typist
from nemocli.cli.config_file import read_config_file
from nemocli.cli.finals_program import FinalsProgram
from nemocli.cli.hotkey import Hotkey
from nemocli.cli.typing_tools import ProgramTool
from nemocli.cli.typist import Typist
from nemocli.errors import UsageError
from nemocli.transcript.events import Final
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word
from tests.threats.test_spoken_text import MARKS, ORDERS
from tests.typed import NEMOCLI, environment, nemocli

#: Text that a shell would run, or read as an option, a variable, a file or an end of its input.
COMMANDS = [
    "; touch bad;",
    "$(touch bad)",
    "`touch bad`",
    "| touch bad",
    "&& touch bad",
    "'; touch bad; '",
    '"; touch bad; "',
    "\ntouch bad\n",
    "> bad",
    "<(touch bad)",
    "--exec=touch bad",
    "${IFS}",
    "\\",
    "*",
    "\x04",
]


def final(number, text):
    return Final(Segment(number, (Word(text, number, number + 0.5, 0.9),)), None)


# -------------------------------------------------------------------------------- --on-final


@pytest.mark.parametrize("command", [["sh", "-c", "cat >> seen"], ["tee", "-a", "seen"]])
def test_no_text_becomes_a_command_or_an_argument(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    texts = [*COMMANDS, *ORDERS, *MARKS]
    said = []
    program = FinalsProgram(command, 60.0, subprocess.DEVNULL, said.append)
    for number, text in enumerate(texts):
        program.take(final(number, text))
    program.finish(said.append)
    assert (program.failed, program.dropped) == (0, 0)
    assert os.listdir() == ["seen"]
    lines = (tmp_path / "seen").read_bytes().splitlines()  # none has a break, or ends early
    assert [json.loads(line)["words"][0]["text"] for line in lines] == texts


@pytest.mark.slow
def test_a_model_that_writes_commands(checkpoint, clips, tmp_path):
    """Every piece of it is one; the program sees them on its stdin, and nowhere else."""
    path = checkpoint / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    kept = {entry["content"] for entry in data["added_tokens"]}
    vocabulary = data["model"]["vocab"]
    is_table = isinstance(vocabulary, dict)
    for n, entry in enumerate(list(vocabulary)):
        piece = entry if is_table else entry[0]
        if piece in kept or piece == data["model"].get("unk_token"):
            continue
        spoilt = f"{piece}{COMMANDS[n % len(COMMANDS)]}{n}"
        if is_table:
            vocabulary[spoilt] = vocabulary.pop(piece)
        else:
            entry[0] = spoilt
    data["model"] |= {"merges": []} if "merges" in data["model"] else {}
    path.write_text(json.dumps(data), encoding="utf-8")
    record = "import json, os, sys; print(json.dumps([sys.argv[1:], sys.stdin.read(), [*os.environ]"
    record += "]), file=open('seen', 'a'))"
    program = shlex.join([sys.executable, "-c", record, "only this"])
    command = ["live", "--input", clips[0].path, "--model", checkpoint, "--on-final", program]
    here = tmp_path / "here"
    here.mkdir()
    done = subprocess.run(
        [*NEMOCLI, *map(str, command), "--lang", clips[0].lang],
        capture_output=True,
        cwd=here,
        env=environment(),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert os.listdir(here) == ["seen"]
    for line in (here / "seen").read_text(encoding="utf-8").splitlines():
        arguments, stdin, variables = json.loads(line)
        assert arguments == ["only this"]
        assert "touch bad" in json.loads(stdin)["text"]
        assert not any("touch" in name for name in variables)


# ------------------------------------------------------------------------------------ --type


def type_all(tool, texts):
    said = []
    focus = SimpleNamespace(is_here=False)
    with Typist(tool, focus, None, said.append) as typing:
        for number, text in enumerate(texts):
            typing.take(final(number, text))
        typing.finish()
    return typing.untyped, said


@pytest.mark.parametrize("is_quick", [True, False])
def test_no_key_but_those_of_letters_is_typed(is_quick, monkeypatch):
    """No Enter, Tab, Escape or Backspace, which would send a message, leave a field or delete."""
    typed = []
    tool = SimpleNamespace(type=typed.append)
    if is_quick:  # word by word
        monkeypatch.setattr(typist, "PynputTool", SimpleNamespace)
    texts = [*ORDERS, *MARKS, *COMMANDS]
    assert type_all(tool, texts) == (0, [])
    written = "".join(typed)
    assert "touch bad" in written
    assert {unicodedata.category(c) for c in written}.isdisjoint({"Cc", "Cs", "Zl", "Zp"})
    assert not any(c in written for c in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def test_a_program_that_types_is_given_no_text_as_argument(tmp_path):
    record = f"printf '%s\\n' \"$*\" >> {tmp_path}/arguments; cat >> {tmp_path}/typed"
    tool = ProgramTool(["sh", "-c", record, "wtype", "-"])
    assert type_all(tool, COMMANDS) == (0, [])
    assert set((tmp_path / "arguments").read_text().split()) == {"-"}
    assert "$(touch bad) `touch bad` " in (tmp_path / "typed").read_text()


# ---------------------------------------------------------------------------------- --hotkey


def test_a_hotkey_keeps_no_other_key(monkeypatch):
    listener = SimpleNamespace(canonical=lambda key: key, start=lambda: None, stop=lambda: None)
    keyboard = SimpleNamespace(
        HotKey=SimpleNamespace(parse=lambda keys: keys.split("+")),
        Listener=lambda **handlers: SimpleNamespace(**vars(listener), **handlers),
    )
    monkeypatch.setattr(hotkey, "import_keyboard", lambda: keyboard)
    monkeypatch.setattr(hotkey, "is_wayland", lambda: False)
    with Hotkey("ctrl+d", "toggle") as watched:
        for key in ("secret", "ctrl", "word", "d"):
            watched._listener.on_press(key)
        assert watched.take() is True
        kept = [value for value in vars(watched).values() if isinstance(value, (set, list, dict))]
        assert all(set(each) <= {"ctrl", "d"} for each in kept)
        assert all(
            isinstance(value, queue.SimpleQueue) is False or value.empty()
            for value in vars(watched).values()
        )


# ------------------------------------------------------------------------------ the config file


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A config file in the platform's folder, which would run a program."""
    monkeypatch.delenv("NEMOCLI_CONFIG", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "home" / "config.toml"
    path.parent.mkdir()
    monkeypatch.setattr("nemocli.models.paths._find_folder", lambda *_: path.parent)
    path.write_text('[live]\non-final = "touch bad"\n')
    path.chmod(0o600)
    return path


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_a_config_file_that_every_user_may_write_is_not_used(config, clips, monkeypatch):
    assert read_config_file() is not None
    config.chmod(0o602)
    for name in ("", str(config)):
        monkeypatch.setenv("NEMOCLI_CONFIG", name)
        done = nemocli("live", "--input", clips[0].path, "--model", "demo")
        assert (done.exit_code, done.stdout) == (2, "")
        assert "can be written by every user" in done.stderr and "chmod o-w" in done.stderr
    assert not os.path.exists("bad")
    monkeypatch.setenv("NEMOCLI_CONFIG", "/dev/null")  # which everybody may write
    assert read_config_file().settings == ()


@pytest.mark.skipif(os.name == "nt", reason="Windows has other owners")
def test_a_config_file_of_another_user_is_used_only_by_name(config, monkeypatch):
    if os.geteuid() == 0:
        os.chown(config, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: config.stat().st_uid + 1)
    with pytest.raises(UsageError, match=r"belongs to another user.* name it by NEMOCLI_CONFIG"):
        read_config_file()
    monkeypatch.setenv("NEMOCLI_CONFIG", str(config))
    assert read_config_file().settings

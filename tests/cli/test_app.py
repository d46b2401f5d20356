"""The command as a whole: fast help, failures in one sentence."""

import json
import subprocess
import sys

import pytest
import soundfile
from typer.main import get_command

import nemocli
from nemocli.cli.app import SUBCOMMANDS, app
from nemocli.cli.lazy_commands import Subcommand
from tests import typed
from tests.repeats import repeats

HEAVY = {
    "av",
    "coreai",
    "huggingface_hub",
    "coremltools",
    "mlx",
    "numpy",
    "onnx",
    "onnxruntime",
    "safetensors",
    "sounddevice",
    "soundfile",
    "soxr",
    "tokenizers",
    "torch",
    "transformers",
}


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "nemocli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_next_to_nothing_is_imported_before_ctrl_c_is_heeded():
    script = (
        "import sys; before = set(sys.modules); import nemocli.__main__\n"
        "print(*sorted(set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == "nemocli nemocli.__main__ nemocli.version\n"


def imported_by(*arguments):
    """Run a command line to its end; return the names of the modules that it imported."""
    script = (
        "import sys, json, nemocli.__main__\n"
        "try: nemocli.__main__.main()\n"
        "except SystemExit as e: assert not e.code\n"
        "print(json.dumps([name for name, module in sys.modules.items() if module]))"
    )
    command = [sys.executable, "-c", script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1])), done.stdout


def modules_of(*names):
    """Return the modules of subcommands: those of their options, and of their work."""
    for name in names:
        found = SUBCOMMANDS[name]
        for each in [found] if isinstance(found, Subcommand) else found.subcommands.values():
            yield from (where.partition(":")[0] for where in (each.options, each.work))


def test_paragraphs_of_help_have_no_line_breaks_of_their_own():
    shown = typed.nemocli("serve", "--help", env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"}).stdout
    paragraph = next(line for line in shown.splitlines() if "listens on this machine only" in line)
    assert paragraph.rstrip().endswith("they have begun.")


@pytest.mark.parametrize(
    "arguments", [["--help"], ["file", "--help"], ["convert", "--help"], ["bench", "--help"]]
)
def test_help_imports_nothing_heavy(arguments):
    modules, printed = imported_by(*arguments)
    assert not (HEAVY | {"pydantic"}) & modules
    assert "Usage" in printed
    if arguments != ["--help"]:
        others = SUBCOMMANDS.keys() - {arguments[0]}
        assert not modules & set(modules_of(*others))


def test_a_short_file_imports_only_what_transcribes_it(clips, tmp_path):
    sound = tmp_path / "sound.wav"  # other formats may need FFmpeg
    soundfile.write(sound, clips[0].samples, 16000)
    command = ["file", sound, "--model", "demo"]
    run(*command)  # converts the demo, if no test has yet
    modules, printed = imported_by(*command)
    assert clips[0].text in printed
    assert not modules & set(modules_of(*SUBCOMMANDS.keys() - {"file"}))
    unneeded = HEAVY - {"numpy", "onnxruntime", "safetensors", "soundfile", "soxr", "tokenizers"}
    # Of Rich, only the width of characters is used, for the lines of subtitles.
    assert (unneeded | {"pydantic", "rich.console"}) & modules == set()
    rooms = {name.split(".")[1] for name in modules if name.startswith("nemocli.")}
    assert rooms & {"bench", "cluster", "doctor", "live", "provision", "remote", "server"} == set()


def options(command, path=""):
    """Return the names of all options, except those that only print something and end."""
    for parameter in command.params:
        ends = parameter.is_eager or not parameter.expose_value
        if parameter.param_type_name == "option" and not ends:
            yield f"{path} {parameter.name}", parameter
    for name, inner in getattr(command, "commands", {}).items():
        yield from options(inner, f"{path} {name}")


#: What deletes or overwrites: it must be typed.
CONFIRMATIONS = {" file force", " live force", " convert force", " models remove yes"}

#: What is repeated with texts, which a variable could not separate.
REPEATED = {" file phrase", " live phrase", " serve phrase", " bench phrase"}


def test_every_option_but_a_confirmation_has_an_environment_variable():
    found = dict(options(get_command(app)))
    assert len(found) > 40
    variables = {name: option.envvar or "" for name, option in found.items()}
    without = {name for name, variable in variables.items() if not variable}
    assert without == CONFIRMATIONS | REPEATED
    assert all(variables[name].startswith("NEMOCLI_") for name in variables.keys() - without)


def test_version():
    assert run("--version").stdout == f"nemocli {nemocli.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    repeats(
        [
            (["file", "x.wav"], 3, "--model demo"),
            (["file", "x.wav", "--model", "nowhere"], 3, "There is no model in nowhere"),
            (["file", "x.wav", "--model", "demo", "--lang", "klingon"], 2, "klingon"),
            (
                ["file", "x.wav", "--model", "demo", "--format", "doc"],
                2,
                "txt, json, jsonl, tsv, srt, vtt",
            ),
            (["file", "x.wav", "--model", "demo", "--lookahead", "5"], 2, "0, 3, 6, 13"),
            (["file", "x.wav", "--model", "demo", "--runtime", "tpu"], 2, "onnx"),
            (["file", "x.wav", "y.wav", "--model", "demo", "--format", "srt"], 2, "stdout"),
            (["file", "x.wav", "--model", "demo"], 1, "x.wav does not exist"),
            (["convert", "nowhere", "-o", "out"], 3, "no checkpoint folder nowhere"),
            (["convert", "nowhere", "-o", "out", "--lookahead", "three"], 2, "whole numbers"),
        ],
        5,
    ),
)
def test_failures_are_one_sentence_and_an_exit_code(arguments, code, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NEMOCLI_MODEL", raising=False)
    monkeypatch.setenv("NEMOCLI_QUIET", "1")  # whether the demo is in the cache already
    done = typed.nemocli(*arguments)
    assert done.exit_code == code
    assert words in done.stderr
    assert done.stderr.startswith("nemocli: ") and done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_a_process_says_and_returns_the_same(tmp_path):
    done = run("file", tmp_path / "x.wav", "--model", "nowhere")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("nemocli: There is no model in nowhere")
    assert done.stderr.count("\n") == 1
    assert run("--nonsense").returncode == 2


@pytest.mark.parametrize("arguments", [["--nonsense"], ["file"], ["fiel"]])
def test_wrong_usage_is_exit_code_2(arguments):
    assert typed.nemocli(*arguments).exit_code == 2

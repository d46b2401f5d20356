"""What is made from the code is as the code is now, and does what it is for."""

import functools
import re
import shutil
import subprocess

import pytest
from typer.main import get_command

from nemocli.cli.app import app
from scripts import make_docs
from scripts.documents.commands import program_options, read_commands
from scripts.make_docs import ROOT

COMPLETION = ROOT / "share" / "bash-completion" / "completions" / "nemocli"


#: Made once for all tests.
made = functools.cache(make_docs.made)


def test_nothing_is_out_of_date():
    stale = [p.name for p, text in made().items() if p.read_text(encoding="utf-8") != text]
    assert stale == [], "python scripts/make_docs.py"


def test_every_command_has_a_page_with_its_options():
    for command in read_commands():
        page = (ROOT / "docs" / f"{command.name}.md").read_text(encoding="utf-8")
        assert f"<!-- made: {command.name} -->" in page


def test_nothing_is_left_over():
    written = {path for path in (ROOT / "share").rglob("*") if path.is_file()}
    assert written == {path for path in made() if "share" in path.parts}


def parsed(command, name=""):
    """Names of the options that the parser itself takes, by subcommand."""
    inner = getattr(command, "commands", {})
    if not inner:
        return {name: {option for p in command.params for option in (*p.opts, *p.secondary_opts)}}
    return {n: o for key, each in inner.items() for n, o in parsed(each, f"{name} {key}").items()}


def test_every_option_and_no_other_is_described():
    described = {
        f" {each.name}": {n for option in each.options for n in option.names}
        | {argument.metavar.lower() for argument in each.arguments}
        for command in read_commands()
        for each in command.all()
    }
    assert described == parsed(get_command(app))
    before = {name for option in program_options() for name in option.names}
    known = {option for p in get_command(app).params for option in p.opts}
    assert before == known | {"-h", "--help"}


def test_every_variable_is_in_the_pages():
    code = "".join(path.read_text() for path in (ROOT / "nemocli").rglob("*.py"))
    pages = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert set(re.findall(r"NEMOCLI_[A-Z_]+", code)) <= set(re.findall(r"NEMOCLI_[A-Z_]+", pages))


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
@pytest.mark.parametrize("path", sorted((ROOT / "share").rglob("*.1")), ids=lambda path: path.name)
def test_a_manual_page_has_no_warnings(path):
    done = subprocess.run(
        ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", path], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "NEMOCLI" in done.stdout and "EXIT STATUS" in done.stdout


def completed(line, folder):
    """What bash offers for the last word of a line."""
    script = (
        f'source {COMPLETION}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _nemocli'
        "; printf '%s\\n' \"${COMPREPLY[@]}\""
    )
    bash = ["bash", "--norc", "-c", script, "bash", *line.split(" ")]
    done = subprocess.run(bash, capture_output=True, text=True, check=True, cwd=folder)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("nemocli ", [command.name for command in read_commands()]),
        ("nemocli li", ["live"]),
        ("nemocli --v", ["--version"]),
        ("nemocli models ", ["list", "pull", "path", "verify", "remove"]),
        ("nemocli models remove --y", ["--yes"]),
        ("nemocli file --output", ["--output-dir", "--output-format"]),
        ("nemocli file talk.flac --lang ja -", None),
        ("nemocli file ", []),  # files, by bash itself
        ("nemocli file --model ", []),
        ("nemocli convert demo --no", ["--no-verify", "--no-color"]),
    ],
)
def test_bash_completes(line, offered, tmp_path):
    if offered is None:
        (command,) = (c for c in read_commands() if c.name == "file")
        offered = [name for option in command.options for name in option.names] + ["-h", "--help"]
    assert completed(line, tmp_path) == offered


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes(tmp_path):
    script = ROOT / "share" / "fish" / "vendor_completions.d" / "nemocli.fish"
    for line, words in (("nemocli li", "live"), ("nemocli models pu", "pull")):
        asked = f"source {script}; complete -C {line!r}"
        done = subprocess.run(
            ["fish", "--no-config", "-c", asked], capture_output=True, text=True, cwd=tmp_path
        )
        assert [found.split("\t")[0] for found in done.stdout.splitlines()] == [words]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_can_read_its_script():
    script = ROOT / "share" / "zsh" / "site-functions" / "_nemocli"
    done = subprocess.run(["zsh", "-n", script], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")

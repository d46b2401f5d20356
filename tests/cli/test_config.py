"""The config file: what it sets, what is refused, and what `nemocli config` says of it."""

import json
import os
import re
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemocli.cli.app import SUBCOMMANDS
from nemocli.cli.config_file import _iterate_lines, read_config_file
from nemocli.cli.config_values import find_values
from nemocli.cli.declared_options import list_subcommands
from nemocli.errors import UsageError
from scripts.make_docs import ROOT
from tests.typed import nemocli

OPTIONS = [(one, option) for one in list_subcommands(SUBCOMMANDS) for option in one.options]


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write the config file, and return its path."""
    path = tmp_path / "config.toml"
    monkeypatch.setenv("NEMOCLI_CONFIG", str(path))

    def write_config(text):
        path.write_text(text, encoding="utf-8")
        return path

    return write_config


def lookahead_of(clips, *arguments, **env):
    command = ["file", clips[0].path, "--model", "demo", *arguments]
    done = nemocli(*command, env={f"NEMOCLI_{name}": value for name, value in env.items()})
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout)["lookahead"]


def test_what_is_typed_comes_first_then_variables_then_the_table_then_the_rest(clips, write):
    write('lookahead = 13\n[file]\nlookahead = "560ms"\nformat = "json"\n')
    assert lookahead_of(clips, "--lookahead", "0", LOOKAHEAD="3") == 0
    assert lookahead_of(clips, LOOKAHEAD="3") == 3
    assert lookahead_of(clips) == 6
    write('lookahead = 13\n[file]\nformat = "json"\n')
    assert lookahead_of(clips) == 13
    write('[file]\nformat = "json"\n')
    assert lookahead_of(clips) == 3


#: What Typer is given for each kind of option.
VALUE_TYPES = {bool: (bool,), int: (int,), float: (int, float), str: (str,), Path: (str,)}


def value_for(option):
    if option.takes_many:
        return '["a", "b"]'
    if option.kind in (int, float) and option.greatest is not None:
        return f"{option.greatest}"
    return {bool: "true", int: "100", float: "0.75", str: "2"}.get(option.kind, '"x"')


def test_every_option_can_be_set_by_each_of_its_names_unless_it_confirms(write):
    for one, option in OPTIONS:
        for name in option.names:
            text = f"[{'.'.join(one.words)}]\n{name} = {value_for(option)}\n"
            path = write(text)
            if name in ("force", "yes"):
                with pytest.raises(UsageError) as raised:
                    find_values(read_config_file())
                assert str(raised.value) == (
                    f"{path}, line 2: {name} confirms a deletion or an overwrite, so it can only be"
                    " typed."
                )
                continue
            values = find_values(read_config_file())
            found = {words: value for words, each in values.items() for value in each.items()}
            ((words, (field, value)),) = found.items()
            assert (words, field) == (one.words, option.field)
            assert type(value.value) in (list, *VALUE_TYPES[option.kind])


def test_only_what_confirms_has_no_variable():
    without = {option.names for _, option in OPTIONS if not option.variable}
    assert without == {("force",), ("yes",), ("phrase",)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "\n\nmax-lagg = 3",
            "{}, line 3: there is no option 'max-lagg'; perhaps max-lag is meant.",
        ),
        ("[file]\nmax-lag = 3", "{}, line 2: there is no option 'max-lag' of file."),
        ("[fiel]\nx = 3", "{}, line 1: there is no command 'fiel'; perhaps file is meant."),
        ("[models.pul]\n", "{}, line 1: there is no command 'models.pul'; perhaps"),
        ("fiel.x = 3", "{}, line 1: there is no command 'fiel'; perhaps file is meant."),
        ("[[file]]\nlang='x'", "{}, line 1: write the table [file], not a value or [[file]]."),
        ("[live]\nmax-lag = '3'", "{}, line 2: max-lag needs a number, not '3'."),
        ("[live]\nmax-lag = nan", "{}, line 2: max-lag must be at least 0.5, not nan."),
        ("[live]\nrate = 1.5", "{}, line 2: rate needs a whole number, not 1.5."),
        ("[live]\nrate = true", "{}, line 2: rate needs a whole number, not true."),
        ("lang = [1]", "{}, line 1: lang needs a text, not [1]."),
        ("lang = 2020-01-01", "{}, line 1: lang needs a text, not"),
        ('lang = "a\\u0000"', "{}, line 1: lang cannot have a NUL in it."),
        ("quiet = 1", "{}, line 1: quiet needs true or false, not 1."),
        ("phrase = 'a'", "{}, line 1: phrase needs a list of texts"),
        ("boost = 1000", "{}, line 1: boost must be at most"),
        ("convert.no-verify = true", "{}, line 1: write verify = false instead of no-verify."),
        ("format = 'txt'", "{}, line 1: format means something else for each command, so it"),
        ("[live]\nlang='a'\nlanguage='b'", "{}, line 3: language is the same as lang."),
        ('phrase = [\n "a",\n]\n\nx = """\n\n"""', "{}, line 5: there is no option 'x'."),
        ("a = \n", "{} is not TOML: invalid value (at line 1, column 5)."),
        ("a = 1\na = 2\n", "{} is not TOML: "),
        ("a = " + "[" * 9999, "{} is not "),
        ("a = " + "9" * 9999, "{} is not "),
    ],
)
def test_what_is_wrong_is_one_sentence_with_the_line(text, sentence, write):
    path = write(text)
    done = nemocli("models", "list")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"nemocli: {sentence.format(path)}")
    assert done.stderr.count("\n") == 1


def test_a_file_that_cannot_be_read(write, tmp_path):
    path = write("")
    path.write_bytes(b"\xef\xbb\xbflang = 'de'\n\n# caf\xe9\n")
    assert f"{path}, line 3: this is not UTF-8" in nemocli("models", "list").stderr
    path.write_bytes(b"\xef\xbb\xbflang = 'de'\r\n")  # as editors for Windows write it
    assert nemocli("config", "show", "file").stdout.count("line 1") == 1
    path.unlink()
    done = nemocli("models", "list")  # it was named, so it has to be there
    assert done.exit_code == 2 and f"{path} cannot be read: No such file" in done.stderr
    path.mkdir()
    assert f"{path} cannot be read: Is a directory" in nemocli("models", "list").stderr
    path.rmdir()
    with path.open("wb") as file:
        file.truncate(2 << 20)
    assert "is larger than 1 MB" in nemocli("models", "list").stderr


def test_help_and_doctor_work_with_a_file_that_is_wrong(write):
    path = write("nonsense = 1\n")
    assert nemocli("live", "--help").exit_code == 0
    done = nemocli("doctor")
    assert done.exit_code == 1
    assert f"FAIL  config file       {path}, line 1: there is no option 'nonsense'" in done.stdout
    write("lang = 'de'\ngain = 3\n")
    done = nemocli("doctor")
    assert done.exit_code == 0
    assert f"ok    config file       {path} (2 values)" in done.stdout


def test_the_platforms_folder_is_the_default(tmp_path, monkeypatch):
    monkeypatch.delenv("NEMOCLI_CONFIG")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    path = nemocli("config", "path").stdout.strip()
    assert path.startswith(f"{tmp_path}{os.sep}") and path.endswith(f"nemocli{os.sep}config.toml")
    done = nemocli("config", "show")
    assert (done.exit_code, done.stdout) == (0, "")
    assert done.stderr == f"nemocli: There is no config file; it would be {path}.\n"
    os.makedirs(os.path.dirname(path))
    with open(path, "w") as file:
        file.write("lang = 'de'\n")
    assert "file --lang " in nemocli("config", "show").stdout


def test_show_hides_keys_and_names_variables(write):
    write("server-key = 'secret1'\n[live]\nmax_lag = 5\n[serve]\napi-key = 'secret2'\n")
    done = nemocli("config", "show", env={"NEMOCLI_MAX_LAG": "7", "NEMOCLI_API_KEY": "secret3"})
    assert "secret" not in done.output
    lines = {" ".join(line.split()) for line in done.stdout.splitlines()}
    assert lines == {
        "live --max-lag 7 NEMOCLI_MAX_LAG instead of line 3",
        "live --server-key (not shown) line 1",
        "file --server-key (not shown) line 1",
        "serve --api-key (not shown) NEMOCLI_API_KEY instead of line 5",
    }
    done = nemocli("config", "show", "models", "pull")
    rows = [line.split() for line in done.stdout.splitlines()]
    assert rows == [
        ["models", "pull", f"--{name}", "false", "default"] for name in ("no-color", "quiet")
    ]
    done = nemocli("config", "show", "nothing")
    assert done.exit_code == 2 and "There is no command 'nothing'" in done.stderr


def test_a_value_that_a_command_refuses_is_found_again(clips, write):
    path = write("# mine\n\nlang = 'klingon'\n")
    done = nemocli("file", clips[0].path, "--model", "demo")
    assert done.exit_code == 2
    assert done.stderr.endswith(f" It is what {path} says in line 3 (lang).\n")
    done = nemocli("file", clips[0].path, "--model", "demo", "--lang", "klingon")
    assert done.exit_code == 2 and str(path) not in done.stderr


def test_an_option_that_does_not_go_together_with_others_is_found_again(clips, write):
    """A switch that was set long ago is refused in a combination that was typed."""
    clip = clips[0].path
    typed = ("file", clip, "--model", "demo", "--cluster", "local")
    write("")
    done = nemocli(*typed, env={"NEMOCLI_SPEAKERS": "1"})
    assert done.exit_code == 2
    advice = " The variable NEMOCLI_SPEAKERS sets --speakers: unset it to do without.\n"
    assert done.stderr.endswith(f"leave out --cluster, or --speakers.{advice}")
    path = write("\n[file]\nspeakers = true\n")
    done = nemocli(*typed)
    advice = f" Line 3 of {path} sets --speakers: remove it there to do without.\n"
    assert done.exit_code == 2 and done.stderr.endswith(
        f"leave out --cluster, or --speakers.{advice}"
    )
    # Neither is blamed for what is typed, or for an option that is only advised.
    done = nemocli(*typed, "--speakers")
    assert done.exit_code == 2 and done.stderr.endswith("leave out --cluster, or --speakers.\n")
    write("")
    done = nemocli("file", clip, "--max-speakers", "2", env={"NEMOCLI_SPEAKERS": "0"})
    assert done.exit_code == 2 and done.stderr.endswith("add that, or leave it out.\n")
    done = nemocli("file", clip, "--model", "demo", env={"NEMOCLI_LANG": "klingon"})
    assert done.exit_code == 2
    assert done.stderr.endswith(" It is what the variable NEMOCLI_LANG says.\n")
    done = nemocli("doctor", clip, env={"NEMOCLI_DOCTOR_JSON": "1"})
    assert done.exit_code == 2
    assert done.stderr.endswith(
        " The variable NEMOCLI_DOCTOR_JSON sets --json: unset it to do without.\n"
    )


def test_options_that_contradict_each_other_are_found_again(clips, write):
    """Each of the two is named, with the place that sets it if it was not typed."""
    typed = ("file", clips[0].path, "--model", "demo")
    names = ("--speakers", "--speaker-names", "A,B")
    path = write("[file]\nmax-speakers = 1\n")
    done = nemocli(*typed, *names)
    assert done.exit_code == 2
    assert done.stderr.endswith(
        f" Line 2 of {path} sets --max-speakers: remove it there to do without.\n"
    )
    path = write('speaker-names = ["A", "B"]\n')
    done = nemocli(*typed, "--speakers", "--max-speakers", "1")
    assert done.exit_code == 2 and f"Line 1 of {path} sets --speaker-names" in done.stderr
    write("")
    one = {"NEMOCLI_MAX_SPEAKERS": "1"}
    for command in (typed, ("live", "--model", "demo", "--input", clips[0].path)):
        done = nemocli(*command, *names, env=one)
        assert done.exit_code == 2 and "variable NEMOCLI_MAX_SPEAKERS sets" in done.stderr
    done = nemocli(*typed, env={"NEMOCLI_FORMAT": "rttm"})
    assert done.exit_code == 2 and "The variable NEMOCLI_FORMAT sets --format" in done.stderr
    path = write('[file]\noutput-format = ["txt", "rttm"]\n')
    done = nemocli(*typed, "-o", "out")
    assert done.exit_code == 2 and f"Line 2 of {path} sets --output-format" in done.stderr
    path = write("min-cue = 8\n")
    done = nemocli(*typed)
    assert done.exit_code == 2 and "--min-cue takes 0 to 5 seconds, not 8." in done.stderr
    assert f"Line 1 of {path} sets --min-cue" in done.stderr


def test_a_model_that_is_not_there_is_found_again(clips, write):
    typed = ("file", clips[0].path, "--speakers")
    path = write('model = "demo"\nspeaker-model = "nowhere"\n')
    done = nemocli(*typed)
    assert done.exit_code == 3
    assert done.stderr.endswith(f" It is what {path} says in line 2 (speaker-model).\n")
    done = nemocli(*typed, env={"NEMOCLI_SPEAKER_MODEL": "x"})
    assert done.exit_code == 3
    assert done.stderr.endswith(" It is what the variable NEMOCLI_SPEAKER_MODEL says.\n")
    done = nemocli(*typed, "--speaker-model", "absent")
    assert done.exit_code == 3 and str(path) not in done.stderr
    path = write("model = '~/nowhere'\n")
    done = nemocli("file", clips[0].path)
    assert done.exit_code == 3 and f"It is what {path} says in line 1 (model)." in done.stderr


def test_what_takes_commas_takes_a_list(write):
    """Otherwise the same value has one form when typed and none that a file would have."""
    having = [(one, option) for one, option in OPTIONS if option.has_commas]
    assert {option.names[0] for _, option in having} == {
        *("ahead-of-time", "extensions", "labels", "lookahead", "output-format", "speaker-names"),
    }
    for one, option in having:
        table, name = ".".join(one.words), option.names[0]
        for text, value in (('["a b", "c"]', "a b,c"), ("[0, 3]", "0,3"), ('"a,b"', "a,b")):
            write(f"[{table}]\n{name} = {text}\n")
            assert find_values(read_config_file())[one.words][option.field].value == value
        for text in ("[]", '["a,b"]', "[true]", "[[1]]", '["a\\u0000"]'):
            write(f"[{table}]\n{name} = {text}\n")
            with pytest.raises(UsageError, match=f"line 2: {name} (needs a list of texts|cannot)"):
                find_values(read_config_file())


def test_the_page_s_example_is_a_config_file(write):
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    write(example)
    assert nemocli("config", "show").exit_code == 0


KEYS = st.sampled_from(["a", "b", '"c d"', "e.f", "g"])
ARRAY, TEXT = "[\n1,\n# no\n\n2]", '"""\n[a]\nb = 1\n"""'
VALUES = st.sampled_from(["1", ARRAY, TEXT, "{x = 1, y = 2}"])


@given(st.lists(st.tuples(st.sampled_from(["", "[t]\n", "[t.u]\n", "\n# a = 1\n"]), KEYS, VALUES)))
def test_lines_are_those_of_the_statements(statements):
    text, expected = "", []
    header = ()
    for before, key, value in statements:
        text += before
        if before.startswith("["):
            header = tuple(before.strip("[]\n").split("."))
        statement = f"{key} = {value}\n"
        inner = ("x", "y") if value.startswith("{") else (None,)
        names = ("c d",) if key.startswith('"') else tuple(key.split("."))
        for name in inner:
            keys = (*header, *names, *([name] if name else []))
            expected.append((keys, text.count("\n") + 1))
        text += statement
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a key or a table is there twice
    found = [place for place in _iterate_lines(text) if place[0] not in (("t",), ("t", "u"))]
    assert found == expected

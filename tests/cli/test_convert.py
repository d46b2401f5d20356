"""`nemocli convert`: the folder on stdout, the steps on stderr."""

from typer.testing import CliRunner

from nemocli.cli.app import app
from nemocli.models.folder import read_manifest


def nemocli(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_a_converted_folder_transcribes_like_the_checkpoint(demo, clips, tmp_path):
    out = tmp_path / "model"
    done = nemocli("convert", demo, "--to", "onnx", "-o", out, "--lookahead", "3,0")
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    assert "writing joint.onnx\n" in done.stderr
    assert read_manifest(out).lookaheads == (0, 3)
    heard = nemocli("file", clips[0].path, "--model", out, "--lang", clips[0].lang)
    assert heard.stdout == clips[0].text + "\n"


def test_again_does_nothing_and_quiet_is_quiet(demo, tmp_path):
    out = tmp_path / "model"
    first = nemocli("convert", demo, "-o", out, "--quiet", "--precision", "int8")
    assert (first.exit_code, first.stderr) == (0, "")
    again = nemocli("convert", demo, "-o", out, "--precision", "int8")
    assert (again.exit_code, again.stdout, again.stderr) == (0, f"{out}\n", "")
    other = nemocli("convert", demo, "-o", out)
    assert other.exit_code == 2 and "--force" in other.stderr

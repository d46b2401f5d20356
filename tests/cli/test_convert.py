"""`nemocli convert`: the folder on stdout, the steps on stderr."""

import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from nemocli.bench import conversion
from nemocli.models.folder import FORMAT, MODEL_MANIFEST, read_manifest, write_manifest
from tests.repeats import repeats
from tests.typed import NEMOCLI, nemocli

pytestmark = pytest.mark.usefixtures("demo_reference")


def test_a_converted_folder_transcribes_like_the_checkpoint(demo, clips, tmp_path):
    out = tmp_path / "model"
    done = nemocli("convert", demo, "--to", "onnx", "-o", out, "--lookahead", "3,0")
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    assert "writing joint.onnx (3 of 5)\n" in done.stderr
    assert re.search(r"verified: (\d+) of \1 tokens agree with the checkpoint", done.stderr)
    assert read_manifest(out).lookaheads == (0, 3)
    heard = nemocli("file", clips[0].path, "--model", out, "--lang", clips[0].lang)
    assert heard.stdout == clips[0].text + "\n"


def test_again_does_nothing_and_quiet_is_quiet(demo, tmp_path):
    out = tmp_path / "model"
    first = nemocli("convert", demo, "-o", out, "--quiet", "--precision", "int8")
    assert (first.exit_code, first.stderr) == (0, "")
    again = nemocli("convert", demo, "-o", out, "--precision", "int8")
    assert (again.exit_code, again.stdout) == (0, f"{out}\n")
    assert "nothing was done" in again.stderr
    other = nemocli("convert", demo, "-o", out)
    assert other.exit_code == 2 and "--force" in other.stderr


def test_what_cannot_run_here_is_written_and_said_to_be_unverified(demo, tmp_path, monkeypatch):
    pytest.importorskip("coreai.authoring", reason="coreai-core has no wheel for this system")
    monkeypatch.setitem(sys.modules, "coreai.runtime", None)
    out = tmp_path / "model"
    done = nemocli("convert", demo, "--to", "coreai", "-o", out, "--lookahead", "3")
    assert (done.exit_code, done.stdout) == (0, f"{out}\n")
    assert "was not verified" in done.stderr


@pytest.mark.parametrize(
    ("to", "package", "words"),
    repeats(
        [
            ("coreml", "coremltools", "pip install coremltools"),
            ("mlx", "mlx", "pip install 'nemocli[mlx]'"),
            ("coreai", "coreai", "pip install 'nemocli[coreai]'"),
        ],
        1,
    ),
)
def test_a_part_that_is_not_installed(demo, tmp_path, to, package, words):
    (tmp_path / f"{package}.py").write_text("raise ModuleNotFoundError('it is not here')")
    path = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [*NEMOCLI, "convert", demo, "--to", to, "-o", "model"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert words in done.stderr
    assert not list(tmp_path.glob("*model*"))


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, pytest.param(signal.SIGHUP, marks=pytest.mark.slow)]
)
def test_a_closed_terminal_leaves_nothing_half_made(demo, tmp_path, number):
    pytest.importorskip("coremltools")  # which takes long enough
    command = [*NEMOCLI, "convert", demo, "--to", "coreml"]
    with subprocess.Popen(
        [*command, "-o", str(tmp_path / "model")], stderr=subprocess.PIPE, text=True
    ) as running:
        assert "(3 of 34)" in [next(running.stderr) for _ in range(3)][-1]
        running.send_signal(number)
        assert running.wait(60) == 128 + number
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_agree_comes_to_no_place(checkpoint, tmp_path, monkeypatch):
    """A second run does not call it done; an earlier folder stays."""
    out = tmp_path / "out" / "model"
    assert nemocli("convert", checkpoint, "-o", out, "--lookahead", "3", "-q").exit_code == 0
    before = read_manifest(out)
    run_once = conversion.run_once

    def deaf(runtime, pieces, sound):
        return run_once(runtime, pieces, sound if runtime.name == "numpy" else sound[::-1])

    monkeypatch.setattr(conversion, "run_once", deaf)
    for command in (["-o", out, "--force"], ["-o", tmp_path / "out" / "new"]):
        for _ in range(2):
            done = nemocli("convert", checkpoint, "--lookahead", "0,3", "-q", *command)
            assert (done.exit_code, done.stdout) == (1, "")
            assert "does not say what its checkpoint" in done.stderr
    assert [path.name for path in out.parent.iterdir()] == ["model"]
    assert read_manifest(out) == before


def test_a_damaged_conversion_is_made_again_and_that_is_said(demo, tmp_path):
    out = tmp_path / "model"
    command = ["convert", demo, "-o", out, "--lookahead", "3", "--no-verify"]
    assert nemocli(*command).exit_code == 0
    whole = (out / "weights.bin").read_bytes()
    (out / "weights.bin").write_bytes(b"\xff" + whole[1:])
    again = nemocli(*command)
    assert (again.exit_code, again.stdout) == (0, f"{out}\n")
    assert f"nemocli: {out} is damaged and is converted again.\n" in again.stderr
    assert (out / "weights.bin").read_bytes() == whole
    assert "nothing was done" in nemocli(*command).stderr
    forced = nemocli(*command, "--force")
    assert "writing joint.onnx" in forced.stderr and "damaged" not in forced.stderr


def test_a_conversion_by_another_version_runs_and_is_made_again(demo, clips, tmp_path):
    out = tmp_path / "model"
    command = ["convert", demo, "-o", out, "--lookahead", "3", "--no-verify"]
    assert nemocli(*command).exit_code == 0
    write_manifest(out, replace(read_manifest(out), nemocli="0.0.9"))
    assert nemocli("file", clips[0].path, "--model", out).exit_code == 0
    again = nemocli(*command)
    assert again.exit_code == 0
    assert f"{out} was written by another version of nemocli and is conv" in again.stderr
    assert "nothing was done" in nemocli(*command).stderr


def test_a_conversion_in_another_format_is_made_again_and_that_is_said(demo, clips, tmp_path):
    out = tmp_path / "model"
    command = ["convert", demo, "-o", out, "--lookahead", "3", "--no-verify"]
    assert nemocli(*command).exit_code == 0
    whole = (out / MODEL_MANIFEST).read_text()
    (out / MODEL_MANIFEST).write_text(
        whole.replace(f'"format": {FORMAT}', f'"format": {FORMAT - 1}')
    )
    refused = nemocli("file", clips[0].path, "--model", out)
    assert refused.exit_code == 3 and "in another format; convert" in refused.stderr
    again = nemocli(*command)
    assert again.exit_code == 0
    assert f"{out} was written by another version of nemocli and is conv" in again.stderr
    assert (out / MODEL_MANIFEST).read_text() == whole


def test_verification_can_be_left_out(demo, tmp_path):
    done = nemocli("convert", demo, "-o", tmp_path / "model", "--no-verify", "--lookahead", "3")
    assert done.exit_code == 0 and "verified" not in done.stderr


def test_without_a_place_it_goes_where_models_list_finds_it(tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path))
    done = nemocli("convert", "demo", "--precision", "int8", "--no-verify", "--quiet")
    assert done.stdout == f"{tmp_path / 'demo-onnx-int8'}\n"
    assert "demo-onnx-int8" in nemocli("models", "list").stdout

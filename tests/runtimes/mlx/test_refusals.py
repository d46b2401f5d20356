"""What MLX and Metal refuse is one sentence, with the exit code that the errors' table gives."""

import ctypes
import os
import subprocess
import sys

import mlx.core as mx
import pytest

import nemocli
from nemocli.doctor.runtimes import examine_runtimes
from nemocli.errors import ModelError, UnsupportedError
from nemocli.runtimes.mlx import tools
from tests.typed import NEMOCLI

METAL = "[METAL] Command buffer execution failed: "


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        (METAL + "Insufficient Memory (00000008:kIOGPUCommandBufferOutOfMemory)", MemoryError, ""),
        (
            "[metal::malloc] Attempting to allocate 9000000000 bytes which is greater than the"
            " maximum allowed buffer size of 8000000000 bytes.",
            MemoryError,
            "",
        ),
        ("[metal::malloc] Resource limit (499000) exceeded.", MemoryError, ""),
        ("[malloc_or_wait] Unable to allocate 9000000000 bytes.", MemoryError, ""),
        (METAL + "Caused GPU Timeout Error (00000002)", UnsupportedError, "another runtime"),
        (
            "Failed to load the default metallib. This library is using language version 4.0 which"
            " is not supported on this OS.\n library not found",
            UnsupportedError,
            "not supported on this OS. library not found. Use another runtime",
        ),
        ("[metal::Device] Unable to load kernel gemv_float32", UnsupportedError, "onnx"),
        ("[addmm] Last dimension of first input must match", ModelError, "Convert the model again"),
    ],
)
def test_a_refusal_is_a_sentence(converted, clips, monkeypatch, said, error, words):
    transcriber = nemocli.load(converted("fp32"))
    session = transcriber.session()

    def refuse(*_):
        raise RuntimeError(said)

    monkeypatch.setattr(mx, "eval", refuse)
    with pytest.raises(error) as caught:
        session.feed(clips[0].samples)
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("found", [None, 0, OSError("no such file")])
def test_a_mac_without_a_metal_device_is_refused_before_mlx_is_imported(monkeypatch, found):
    """MLX would end the program."""
    monkeypatch.setattr(sys, "platform", "darwin")
    with_device(monkeypatch, found)
    with pytest.raises(UnsupportedError, match=r"needs a GPU with Metal.*such as onnx\.$"):
        tools.check_metal()
    with_device(monkeypatch, 1 << 40)
    tools.check_metal()


def with_device(monkeypatch, found):
    class Metal:
        @staticmethod
        def MTLCreateSystemDefaultDevice():  # noqa: N802
            return found

    def load(path):
        if isinstance(found, Exception):
            raise found
        assert path.endswith("Metal.framework/Metal")
        return Metal

    # A function of ctypes takes attributes, such as its restype; so does this one.
    monkeypatch.setattr(ctypes, "CDLL", load)


def test_doctor_says_it_of_such_a_mac(monkeypatch):
    """And is not ended itself."""
    monkeypatch.delitem(sys.modules, "nemocli.runtimes.mlx.tools")
    monkeypatch.setattr(sys, "platform", "darwin")
    with_device(monkeypatch, None)
    found = {finding.name: finding for finding in examine_runtimes()}["runtime mlx"]
    assert not found.ok and "needs a GPU with Metal" in found.value


def test_an_mlx_without_its_processor_part(clips, tmp_path):
    """As `pip install mlx` gives it on Linux."""
    (tmp_path / "mlx").mkdir()
    (tmp_path / "mlx" / "core.py").write_text("raise ImportError('libmlx.so: cannot open it')")
    command = [*NEMOCLI, "file", clips[0].path, "--model", "demo", "--runtime", "mlx", "-q"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (4, "", 1)
    assert "pip install 'nemocli[mlx]' (libmlx.so: cannot open it)" in done.stderr

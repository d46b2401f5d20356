"""Whether signed weights may stay signed, by what Linux says of the processor."""

import platform

import pytest

from nemocli.runtimes.onnx import processor


@pytest.mark.parametrize(
    ("machine", "flags", "expected"),
    [
        ("x86_64", "flags : sse2 avx2 avx512f avx512_vnni", True),
        ("x86_64", "flags : sse2 avx2 avx_vnni", True),
        ("x86_64", "flags : sse2 avx2 avx512f", False),
        ("AMD64", None, False),
        ("arm64", None, True),
        ("aarch64", "Features : fp asimd", True),
    ],
)
def test_by_machine_and_flags(monkeypatch, tmp_path, machine, flags, expected):
    path = tmp_path / "cpuinfo"
    if flags is not None:
        path.write_text(flags)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(processor, "_CPUINFO", path)
    assert processor.multiplies_signed_weights.__wrapped__() is expected

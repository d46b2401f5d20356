"""`nemocli doctor`: findings, and the commands that add what is missing."""

import json
import os
from importlib import metadata

import pytest

from nemocli.doctor import finding, sound
from nemocli.version import __version__
from tests.schemas import checked
from tests.typed import nemocli


def doctor(*arguments):
    return nemocli("doctor", *arguments)


def findings():
    found = checked(json.loads(doctor("--json").stdout), "doctor")
    return {finding["name"]: finding for finding in found}


def test_what_is_there():
    done = doctor()
    assert (done.exit_code, done.stderr) == (0, "")
    assert f"nemocli           {__version__}" in done.stdout
    found = findings()
    assert found["runtime onnx"]["value"] == f"onnxruntime {metadata.version('onnxruntime')}"
    assert found["cache folder"]["value"].startswith(os.environ["NEMOCLI_CACHE_DIR"])
    assert "cores" in found["processor"]["value"]
    assert found["demo model"]["ok"] and found["demo of speakers"]["ok"]


def without(monkeypatch, *packages):
    original = metadata.version

    def version(package):
        if package in packages:
            raise metadata.PackageNotFoundError(package)
        return original(package)

    monkeypatch.setattr(finding.metadata, "version", version)


def test_what_is_missing_comes_with_the_command_that_adds_it(monkeypatch):
    without(monkeypatch, "coremltools", "coreai-core", "mlx", "sounddevice", "av")
    done = doctor()
    assert done.exit_code == 0
    for package in ("coremltools", "'nemocli[coreai]'", "'nemocli[mlx]'", "sounddevice"):
        assert f"pip install {package}" in done.stdout
    assert "microphones" not in done.stdout
    assert not findings()["m4a mp4 mkv webm"]["ok"]


def test_without_an_essential_part_it_fails(monkeypatch):
    without(monkeypatch, "onnxruntime")
    done = doctor()
    assert done.exit_code == 1
    assert "FAIL  runtime onnx      onnxruntime is not installed" in done.stdout


def test_a_library_that_does_not_load(monkeypatch):
    original = finding.import_module

    def import_module(name):
        if name == "sounddevice":
            raise OSError("PortAudio library not found\nmore")
        return original(name)

    monkeypatch.setattr(finding, "import_module", import_module)
    monkeypatch.setattr(finding.metadata, "version", lambda package: "1.0")
    assert findings()["PortAudio"]["value"] == (
        "sounddevice does not load: PortAudio library not found"
    )


@pytest.mark.parametrize(
    ("devices", "ok", "words"),
    [
        ([("Built-in", 1), ("Speaker", 0), ("USB", 2)], True, "Built-in, USB"),
        ([("Speaker", 0)], False, "none"),
    ],
)
def test_microphones(monkeypatch, devices, ok, words):
    class SoundDevice:
        @staticmethod
        def query_devices():
            return [{"name": name, "max_input_channels": count} for name, count in devices]

    for module in (finding, sound):
        monkeypatch.setattr(module, "import_module", lambda name: SoundDevice)
    monkeypatch.setattr(finding.metadata, "version", lambda package: "1.0")
    found = findings()["microphones"]
    assert (found["ok"], found["value"]) == (ok, words)


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "file"))
    done = doctor()
    assert done.exit_code == 1 and "NEMOCLI_CACHE_DIR" in done.stdout

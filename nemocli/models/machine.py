"""What this machine has for nemocli: its system, runtimes, sound libraries, folders, models."""

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

from nemocli.errors import ModelError, NemocliError
from nemocli.models.hub import DEFAULT_MODEL, HubModel, find_pulled, hub_cache
from nemocli.models.listing import folder_bytes
from nemocli.models.paths import cache_folder, demo_folder, models_folder
from nemocli.version import __version__

#: The first macOS that reads the Core ML packages that nemocli writes.
_COREML_MACOS = 15


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for; `advice` says how to get it if it is missing."""

    name: str
    value: str
    ok: bool = True
    advice: str = ""
    #: Without it nothing can be transcribed.
    essential: bool = False


def examine() -> list[Finding]:
    """Everything, in the order a person would ask."""
    return [*_system(), *_runtimes(), *_sound(), *_folders(), *_models()]


def _system() -> Iterator[Finding]:
    yield Finding("nemocli", f"{__version__} in {Path(__file__).parents[1]}")
    yield Finding("Python", f"{platform.python_version()} ({sys.executable})")
    yield Finding("system", platform.platform(terse=True))
    yield Finding("processor", f"{chip()}, {os.cpu_count()} cores")


def chip() -> str:
    """The processor's name, such as `Apple M4 Max`."""
    if sys.platform == "darwin":
        import subprocess

        command = ["sysctl", "-n", "machdep.cpu.brand_string"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.stdout.strip() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _runtimes() -> Iterator[Finding]:
    yield _library("numpy", "runtime numpy", "pip install numpy", essential=True)
    yield _library(
        "onnxruntime",
        "runtime onnx",
        "pip install onnxruntime",
        module="nemocli.runtimes.onnx.runtime",
        essential=True,
    )
    yield _coreml()
    yield _library(
        "coreai-core",
        "runtime coreai",
        "for macOS on Apple silicon and Linux on x86-64: pip install 'nemocli[coreai]'",
        module="coreai.authoring",
    )
    yield _library("tokenizers", "tokenizers", "pip install tokenizers", essential=True)
    yield _library("safetensors", "safetensors", "pip install safetensors", essential=True)


def _coreml() -> Finding:
    tools = _library(
        "coremltools",
        "runtime coreml",
        "pip install coremltools",
        module="nemocli.runtimes.coreml.tools",
    )
    if not tools.ok:
        return tools
    if sys.platform != "darwin":
        return Finding(tools.name, f"{tools.value}: converts; running needs macOS", ok=False)
    version = platform.mac_ver()[0]
    if int(version.split(".")[0]) < _COREML_MACOS:
        value = f"{tools.value}: converts; running needs macOS {_COREML_MACOS}, this is {version}"
        return Finding(tools.name, value, ok=False)
    return tools


def _library(
    package: str, name: str, advice: str, *, module: str | None = None, essential: bool = False
) -> Finding:
    """A Python package that can be imported, natively built parts and all."""
    try:
        version = metadata.version(package)
    except metadata.PackageNotFoundError:
        return Finding(name, f"{package} is not installed", False, advice, essential)
    try:
        import_module(module or package)
        return Finding(name, f"{package} {version}", essential=essential)
    except Exception as error:  # a library built for another system fails in its own way
        value = f"{package} does not load: {str(error).splitlines()[0]}"
        return Finding(name, value, False, advice, essential)


def _sound() -> Iterator[Finding]:
    yield _library("soundfile", "wav flac ogg mp3", "pip install soundfile", essential=True)
    yield _library("av", "m4a mp4 mkv webm", "pip install av")
    yield _library("soxr", "resampling", "pip install soxr", essential=True)
    portaudio = _library("sounddevice", "PortAudio", _portaudio_advice())
    yield portaudio
    if portaudio.ok:
        yield _microphones()


def _portaudio_advice() -> str:
    if sys.platform == "linux":
        return "pip install sounddevice, and such as: sudo apt install libportaudio2"
    return "pip install sounddevice"


def _microphones() -> Finding:
    sounddevice = import_module("sounddevice")
    try:
        devices = [device for device in sounddevice.query_devices() if device["max_input_channels"]]
    except Exception as error:  # PortAudio's, of which sounddevice makes its own kind
        return Finding("microphones", f"cannot be listed: {error}", ok=False)
    names = ", ".join(str(device["name"]) for device in devices)
    if not names:
        return Finding("microphones", "none", False, "connect one, or let the terminal use it")
    return Finding("microphones", names)


def _folders() -> Iterator[Finding]:
    advice = "set NEMOCLI_CACHE_DIR to a folder you can write"
    yield _folder("cache folder", cache_folder, advice, essential=True)
    yield _folder("models folder", models_folder, "set NEMOCLI_MODELS_DIR to one you can write")
    yield _folder("hub's cache", hub_cache, "set HF_HOME to a folder you can write")
    with suppress(NemocliError):
        free = shutil.disk_usage(next(iter(_reachable(cache_folder())))).free
        yield Finding("free disk", f"{free / 1e9:.1f} GB")


def _folder(
    name: str, find: Callable[[], Path], advice: str, *, essential: bool = False
) -> Finding:
    try:
        folder = find()
    except NemocliError as error:
        return Finding(name, str(error), False, advice, essential)
    try:
        if _is_writable(folder):
            return Finding(name, _described(folder), essential=essential)
        value = f"{folder} cannot be written"
    except OSError as error:
        value = f"{folder} cannot be used: {error.strerror}"
    return Finding(name, value, False, advice, essential)


def _reachable(folder: Path) -> Iterator[Path]:
    """The folder and those around it, as far as they are there and this person may look."""
    for path in (folder, *folder.absolute().parents):
        with suppress(OSError):
            if path.exists():
                yield path


def _described(folder: Path) -> str:
    return f"{folder} ({folder_bytes(folder) / 1e9:.2f} GB)"


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _is_writable(folder: Path) -> bool:
    existing = _existing(folder)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def _models() -> Iterator[Finding]:
    model = HubModel(DEFAULT_MODEL)
    try:
        found = find_pulled(model)
    except (OSError, NemocliError):  # said of the hub's cache already
        found = None
    missing = f"{DEFAULT_MODEL} is not downloaded"
    yield Finding(
        "model", str(found or missing), found is not None, "" if found else model.pull_command
    )
    try:
        yield Finding("demo model", str(demo_folder()))
    except ModelError as error:
        yield Finding("demo model", str(error), ok=False)

"""Compiling packages ahead of time for a kind of device, by Xcode's coreai-build.

Never tried with Xcode itself: the tests have a stand-in, which behaves as the documentation and
public ports say. Its exit code says little: it is 0 also where the compiler for the Neural Engine
failed and only code for the GPU came out. So what came out is looked at. That the device loads it
is only known there.
"""

import re
import shutil
import subprocess
from pathlib import Path

from nemocli.errors import NemocliError, UnsupportedError, UsageError
from nemocli.runtimes.coreai.bundle import IOS, MACOS
from nemocli.runtimes.coreai.kind import SYSTEM_MINIMUM_MACOS

#: The first version of macOS, and of iOS, that loads what is compiled.
MINIMUM_SYSTEM = f"{SYSTEM_MINIMUM_MACOS}.0"

#: Names of architectures: those of iPhones, such as h18p, end in p; h16c is a Mac's.
_ARCHITECTURE = re.compile(r"h\d{1,3}[a-z]")

#: In a compiled package, the entries with code for the Neural Engine.
NEURAL_ENGINE_ENTRIES = "*_ANE_region_*"

#: Seconds that a question to xcrun may take.
ASKING_TIMEOUT_S = 60


def check_architectures(architectures: list[str]) -> None:
    """Raise UsageError for what cannot be the name of an architecture."""
    for name in architectures:
        if not _ARCHITECTURE.fullmatch(name):
            raise UsageError(
                f"--ahead-of-time takes architectures separated by commas, such as h18p (iPhone 17"
                f" Pro) or h16c (M4 Max), not {name!r}."
            )


def check_xcode() -> None:
    """Raise UnsupportedError if Xcode's compiler for Core AI is not on this machine."""
    xcrun = shutil.which("xcrun")
    if xcrun is not None:
        try:
            found = subprocess.run(
                [xcrun, "--find", "coreai-build"],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                timeout=ASKING_TIMEOUT_S,
            )
            if found.returncode == 0:
                return
        except (OSError, subprocess.TimeoutExpired):
            pass
    raise UnsupportedError(
        "Compiling ahead of time needs a Mac with Xcode 27 or later, whose coreai-build is not on"
        " this machine; leave out --ahead-of-time here, and run the same command there."
    )


def choose_half(architecture: str) -> str:
    """Return the half of a bundle that an architecture belongs to."""
    return IOS if architecture.endswith("p") else MACOS


def name_compiled(package: Path, architecture: str) -> str:
    """Return the name of a package compiled for an architecture."""
    return f"{package.stem}.{architecture}.aimodelc"


def compile_package(package: Path, folder: Path, architecture: str) -> Path:
    """Compile a package into an existing folder; return what came out.

    Raises NemocliError if nothing whole came out, or nothing for the Neural Engine.
    """
    platform = "iOS" if choose_half(architecture) == IOS else "macOS"
    command = ["xcrun", "coreai-build", "compile", str(package), "--output", str(folder)]
    command += ["--platform", platform, "--architecture", architecture]
    # No --expect-frequent-reshapes: with graphs of fixed shapes, iOS then crashes.
    command += ["--preferred-compute", "neural-engine"]
    command += ["--min-deployment-version", MINIMUM_SYSTEM]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
    except OSError as error:
        raise NemocliError(f"coreai-build cannot be run: {error.strerror}.") from None
    said = _take_last_line(done.stdout)
    subject = f"Xcode's coreai-build did not compile {package.name} for {architecture}"
    advice = (
        "Install the newest Xcode, or leave out --ahead-of-time: devices then compile themselves."
    )
    if done.returncode:
        raise NemocliError(f"{subject}: it ended with exit code {done.returncode}{said}. {advice}")
    compiled = folder / name_compiled(package, architecture)
    if not _list_files(compiled):
        raise NemocliError(
            f"{subject}, though it says that it did: nothing came out{said}. {advice}"
        )
    if not _has_neural_engine(compiled):
        raise NemocliError(
            f"{subject} for the Neural Engine, though it says that it did: only code for the GPU"
            f" came out{said}. {advice}"
        )
    return compiled


def is_compiled(compiled: Path) -> bool:
    """Tell whether a compiled package has files, and code for the Neural Engine."""
    return bool(_list_files(compiled)) and _has_neural_engine(compiled)


def _list_files(compiled: Path) -> list[Path]:
    return [path for path in compiled.rglob("*") if path.is_file() and path.stat().st_size]


def _has_neural_engine(compiled: Path) -> bool:
    return next(compiled.rglob(NEURAL_ENGINE_ENTRIES), None) is not None


def _take_last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return f": {lines[-1][:200].rstrip('.')}" if lines else ""

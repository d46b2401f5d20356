"""Shared by the checks of packaging: this machine's Pythons, and environments for tools."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: The versions of Python that nemocli is checked on.
PYTHONS = ("3.11", "3.12", "3.13")


def find_python(wanted: str) -> Path | None:
    """Return the interpreter of a version such as 3.12, or at a path; None if it is not here."""
    environment = dict(os.environ)
    if re.fullmatch(r"3\.\d+", wanted):
        environment["PYENV_VERSION"] = wanted  # read by pyenv's shims
        wanted = f"python{wanted}"
    path = shutil.which(wanted)
    if path is None:
        return None
    asked = subprocess.run(
        [path, "-c", "import sys; print(sys.executable)"],
        env=environment,
        capture_output=True,
        text=True,
    )
    return Path(asked.stdout.strip()) if asked.returncode == 0 else None


def make_tools(work: Path, packages: Iterable[str]) -> Path:
    """Make a virtual environment with these packages; return the folder of its commands."""
    folder = work / "tools"
    run([sys.executable, "-m", "venv", str(folder)])
    run([str(folder / "bin" / "pip"), "install", "--quiet", *packages])
    return folder / "bin"


def run(
    command: Sequence[str | Path],
    *,
    environment: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
) -> str:
    """Run a command; return its stdout, or raise RuntimeError with all its output if it fails.

    It does not get this process's virtual environment and NEMOCLI_ variables. `environment` adds
    variables.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "VIRTUAL_ENV") and not name.startswith("NEMOCLI_")
    }
    done = subprocess.run(
        command, cwd=cwd, env={**inherited, **(environment or {})}, capture_output=True, text=True
    )
    if done.returncode:
        said = f"{done.stdout}{done.stderr}".strip()
        raise RuntimeError(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{said}")
    return done.stdout

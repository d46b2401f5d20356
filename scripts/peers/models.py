"""One random checkpoint, and what each recognizer makes of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from .environments import python_of

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "scripts"


def checkpoint(work: Path, size: str) -> Path:
    """A folder in the hub's layout; `size` is a shape of scripts/random_checkpoint.py."""

    def write(out: Path) -> None:
        script = SCRIPTS / "random_checkpoint.py"
        run([python_of(work, "transformers"), script, "--out", out, "--shape", size])

    return make(work / size / "checkpoint", write)


def for_nemocli(work: Path, size: str, precision: str, lookahead: int) -> Path:
    """A model folder that this checkout's `nemocli convert` writes."""

    def write(out: Path) -> None:
        options = ["--precision", precision, "--lookahead", str(lookahead), "--no-verify"]
        source = checkpoint(work, size)
        run([sys.executable, "-m", "nemocli", "convert", source, "--out", out, *options])

    changed = max(path.stat().st_mtime for path in (ROOT / "nemocli").rglob("*.py"))
    return make(work / size / f"nemocli-{precision}-lookahead{lookahead}", write, changed)


def for_sherpa(work: Path, size: str, lookahead: int) -> Path:
    """A folder as sherpa-onnx's export script leaves it, int8; see export_sherpa.py."""

    def write(out: Path) -> None:
        script = SCRIPTS / "peers" / "export_sherpa.py"
        run([python_of(work, "nemo"), script, checkpoint(work, size), out, str(lookahead)])

    return make(work / size / f"sherpa-onnx-lookahead{lookahead}", write)


def make(folder: Path, write: Callable[[Path], None], changed: float = 0) -> Path:
    """The folder, written now if it is not there; it gets its name when it is complete.

    One that is older than the moment `changed` (seconds since 1970) is written anew.
    """
    if folder.exists() and folder.stat().st_mtime < changed:
        shutil.rmtree(folder)
    if not folder.exists():
        print(f"Writing {folder} ...", file=sys.stderr)
        partial = folder.with_name(folder.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.parent.mkdir(parents=True, exist_ok=True)
        write(partial)
        partial.rename(folder)
    return folder


def run(command: list[str | Path]) -> None:
    """A command whose output is shown only if it fails."""
    done = subprocess.run(
        [str(part) for part in command],
        env=environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        sys.exit(f"{done.stdout[-4000:]}\n{command[1]} failed with code {done.returncode}.")


def environment() -> dict[str, str]:
    """This process's, with the checkout that this file is in as the nemocli that is imported."""
    path = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), path]))}


def weight_bytes(folder: Path) -> int:
    """Bytes of the graphs and weights of a model folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.suffix in (".onnx", ".bin"))

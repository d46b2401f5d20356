#!/usr/bin/env python
"""Check that the wheel installs and works: by pip, pipx and uv, on each Python of this machine.

    python scripts/check_packaging.py                 # all of them; some minutes, and 3 GB of disk
    python scripts/check_packaging.py --python 3.12 --installer pip

Builds sdist and wheel (the wheel from the sdist) and lets twine check them. Then, for each Python
and installer, it runs in a new environment and outside of the clone: `nemocli --version`,
`nemocli file CLIP --model demo`, whose text must be right, and `nemocli doctor`. Nothing is
installed outside the work folder. A Python that is not on this machine is skipped with a message.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from nemocli.version import __version__
from scripts.environments import PYTHONS, ROOT, find_python, make_tools, run

CLIPS = ROOT / "assets" / "clips"
CLIP = "en-US-1.flac"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--python", nargs="+", default=PYTHONS, metavar="VERSION|PATH")
    parser.add_argument("--installer", nargs="+", default=list(INSTALLERS), choices=INSTALLERS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nemocli-packaging-") as work:
        sys.exit(check(Path(work), options.python, options.installer))


def check(work: Path, pythons: list[str], installers: list[str]) -> int:
    """Check all combinations; return 1 if one failed, or if there was no Python to try."""
    tools = make_tools(work, {"build", "twine", *installers})
    wheel = build(work / "dist", tools)
    tried, failed = 0, 0
    for wanted in pythons:
        python = find_python(wanted)
        if python is None:
            print(f"Python {wanted}: skipped, not on this machine", flush=True)
            continue
        for installer in installers:
            tried += 1
            folder = work / f"{tried}-{installer}"
            started = time.monotonic()
            try:
                use(INSTALLERS[installer](wheel, python, folder, tools), folder)
                outcome = "works"
            except (RuntimeError, AssertionError) as error:
                failed += 1
                outcome = f"failed\n{error}"
            seconds = time.monotonic() - started
            print(f"Python {wanted}, {installer}: {outcome} ({seconds:.0f} s)", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
    return 1 if failed or not tried else 0


def build(folder: Path, tools: Path) -> Path:
    """Build and check the distributions; return the wheel's path."""
    run([tools / "python", "-m", "build", "--outdir", folder, ROOT])
    files = sorted(folder.iterdir())
    run([tools / "twine", "check", "--strict", *files])
    for file in files:
        print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB", flush=True)
    return next(file for file in files if file.suffix == ".whl")


def install_by_pip(wheel: Path, python: Path, folder: Path, _tools: Path) -> Path:
    run([python, "-m", "venv", folder])
    run([folder / "bin" / "pip", "install", "--quiet", wheel])
    return folder / "bin" / "nemocli"


def install_by_pipx(wheel: Path, python: Path, folder: Path, tools: Path) -> Path:
    places = {
        "PIPX_HOME": str(folder),
        "PIPX_BIN_DIR": str(folder / "bin"),
        "PIPX_MAN_DIR": str(folder / "man"),
        "PIPX_COMPLETION_DIR": str(folder / "completions"),
    }
    run([tools / "pipx", "install", "--python", python, wheel], environment=places)
    return folder / "bin" / "nemocli"


def install_by_uv(wheel: Path, python: Path, folder: Path, tools: Path) -> Path:
    places = {"UV_TOOL_DIR": str(folder), "UV_TOOL_BIN_DIR": str(folder / "bin")}
    run([tools / "uv", "tool", "install", "--python", python, wheel], environment=places)
    return folder / "bin" / "nemocli"


INSTALLERS: dict[str, Callable[[Path, Path, Path, Path], Path]] = {
    "pip": install_by_pip,
    "pipx": install_by_pipx,
    "uv": install_by_uv,
}


def use(nemocli: Path, folder: Path) -> None:
    """Run the installed command outside of the clone; AssertionError for unexpected output."""
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(CLIPS / CLIP, elsewhere)
    expected = {
        ("--version",): f"nemocli {__version__}\n",
        ("file", CLIP, "--model", "demo"): f"{text_of_clip()}\n",
        ("doctor",): None,
    }
    for arguments, text in expected.items():
        printed = run(
            [nemocli, *arguments],
            cwd=elsewhere,
            environment={"NEMOCLI_CACHE_DIR": str(folder / "cache")},
        )
        assert text in (None, printed), f"nemocli {' '.join(arguments)} printed {printed!r}"


def text_of_clip() -> str:
    listed = json.loads((CLIPS / "clips.json").read_text(encoding="utf-8"))
    return next(entry["text"] for entry in listed if entry["file"] == CLIP)


if __name__ == "__main__":
    main()

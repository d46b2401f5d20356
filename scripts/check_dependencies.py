#!/usr/bin/env python
"""Check nemocli's dependencies: that they can be installed, work, and have no known holes.

    python scripts/check_dependencies.py resolve
    python scripts/check_dependencies.py test lowest --python 3.12
    python scripts/check_dependencies.py test newest --python 3.13 --extra bench --extra cluster
    python scripts/check_dependencies.py test lowest --python 3.11 -- tests/cli -k convert
    python scripts/check_dependencies.py audit

`resolve` checks for each extra, Python and system that a set of compatible wheels exists, without
installing them. `test` runs the tests in a new environment, with the lowest versions that
pyproject.toml allows and this Python has wheels for, or with the newest. Torch and transformers,
whose wheels are large, are left out, so the tests that need them are skipped. `audit` asks the
Python package index which of the newest versions have known vulnerabilities.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from scripts.environments import PYTHONS, ROOT, find_python, make_tools, run

#: The extras for users; the others are for maintainers. Without `type`: on Linux, pynput needs
#: evdev, which has no wheels.
FOR_USERS = ("bench", "cluster", "coreai", "mlx", "serve")

#: uv's names of the systems, and the macOS version that wheels must support.
SYSTEMS = {
    "Linux x86-64": ("x86_64-manylinux_2_28", ""),
    "Linux x86-64, glibc 2.34": ("x86_64-manylinux_2_34", ""),
    "Linux x86-64, glibc 2.35": ("x86_64-manylinux_2_35", ""),
    "Linux ARM": ("aarch64-manylinux_2_28", ""),
    "Linux ARM, glibc 2.35": ("aarch64-manylinux_2_35", ""),
    "macOS 14, Apple silicon": ("aarch64-apple-darwin", "14.0"),
    "macOS 15, Apple silicon": ("aarch64-apple-darwin", "15.0"),
    "macOS 26, Apple silicon": ("aarch64-apple-darwin", "26.0"),
}

#: Core AI's and MLX's wheels need newer systems than all others.
NEWER = {
    "coreai": ("Linux x86-64, glibc 2.34", "macOS 26, Apple silicon"),
    "mlx": ("Linux x86-64, glibc 2.35", "Linux ARM, glibc 2.35", "macOS 14, Apple silicon"),
}
OTHERS = ("Linux x86-64", "Linux ARM", "macOS 15, Apple silicon")

RESOLUTIONS = {"lowest": "lowest-direct", "newest": "highest"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("resolve")
    commands.add_parser("audit")
    test = commands.add_parser("test")
    test.add_argument("versions", choices=RESOLUTIONS)
    test.add_argument("--python", default=PYTHONS[0], metavar="VERSION|PATH")
    test.add_argument("--extra", action="append", default=[])
    ours, for_pytest = sys.argv[1:], []
    if "--" in ours:
        ours, for_pytest = ours[: ours.index("--")], ours[ours.index("--") + 1 :]
    options = parser.parse_args(ours)
    with tempfile.TemporaryDirectory(prefix="nemocli-dependencies-") as folder:
        work = Path(folder)
        if options.command == "resolve":
            sys.exit(resolve(work))
        if options.command == "audit":
            sys.exit(audit(work))
        sys.exit(run_tests(work, options, for_pytest))


def resolve(work: Path) -> int:
    """Print a line for each extra, Python and system; return 1 if one has no solution."""
    uv = make_tools(work, ["uv"]) / "uv"
    failed = 0
    for extra in ["", *FOR_USERS]:
        for system in NEWER.get(extra, OTHERS):
            for python in PYTHONS:
                name = f"nemocli[{extra}]" if extra else "nemocli"
                platform, macos = SYSTEMS[system]
                wanted = ["--python-version", python, "--python-platform", platform]
                environment = {"MACOSX_DEPLOYMENT_TARGET": macos} if macos else {}
                try:
                    pins = pin(uv, [extra] if extra else [], wanted, environment)
                    outcome = f"{len(pins)} packages"
                except RuntimeError as error:
                    failed += 1
                    outcome = f"failed\n{error}"
                print(f"{name}, Python {python}, {system}: {outcome}", flush=True)
    return 1 if failed else 0


def run_tests(work: Path, options: argparse.Namespace, for_pytest: list[str]) -> int:
    """Run pytest in an environment with the chosen versions; return its exit code."""
    python = find_python(options.python)
    if python is None:
        print(f"Python {options.python}: skipped, not on this machine")
        return 0
    uv = make_tools(work, ["uv"]) / "uv"
    wanted = ["--python", str(python), "--resolution", RESOLUTIONS[options.versions]]
    pins = pin(uv, options.extra, wanted)
    print("\n".join(pins), flush=True)
    constraints = work / "pins.txt"
    constraints.write_text("\n".join(pins), encoding="utf-8")
    run([uv, "venv", "--python", python, work / "venv"])
    interpreter = work / "venv" / "bin" / "python"
    install = [uv, "pip", "install", "--python", interpreter, "--constraints", constraints]
    run([*install, "--requirements", constraints, "--editable", ROOT, *test_tools()])
    command = [interpreter, "-m", "pytest", *for_pytest]
    return subprocess.run(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": ""}).returncode


def audit(work: Path) -> int:
    """Return 1 if a vulnerability is known; 0 if none is, or if the index does not answer."""
    tools = make_tools(work, ["pip-audit", "uv"])
    requirements, report = work / "pins.txt", work / "audit.json"
    pins = pin(tools / "uv", FOR_USERS, ["--python", sys.executable])
    requirements.write_text("\n".join(pins), encoding="utf-8")
    command = [tools / "pip-audit", "--requirement", requirements, "--no-deps", "--disable-pip"]
    command += ["--progress-spinner", "off", "--format", "json", "--output", report]
    asked = subprocess.run(command, capture_output=True, text=True)
    found = json.loads(report.read_text())["dependencies"] if report.exists() else []
    return judge(found, len(pins), asked.stderr)


def judge(found: list[dict], count: int, said: str) -> int:
    """Return the exit code for pip-audit's report on `count` packages; `said` is its stderr.

    pip-audit's own exit code is the same for a vulnerability and for a service that does not
    answer, and it calls packages safe that the service does not know. So only its report counts.
    """
    audited = [package for package in found if "vulns" in package]
    bad = [package for package in audited if package["vulns"]]
    for package in bad:
        for vulnerability in package["vulns"]:
            fixed = ", ".join(vulnerability["fix_versions"]) or "no version"
            print(
                f"{package['name']} {package['version']}: {vulnerability['id']}, fixed in {fixed}"
            )
    if not audited:
        reasons = [package["skip_reason"] for package in found] or said.strip().splitlines()[-1:]
        reason = reasons[0] if reasons else "no answer"
        print(f"NOT AUDITED: the advisory service said nothing about any package. {reason}")
    elif not bad:
        print(f"{len(audited)} of {count} packages audited: no known vulnerabilities.")
    return 1 if bad else 0


def pin(
    uv: Path, extras: Sequence[str], wanted: list[str], environment: dict[str, str] | None = None
) -> list[str]:
    """Return a line NAME==VERSION for each package; RuntimeError if wheels are missing."""
    command = [uv, "pip", "compile", "--quiet", "--no-build", "--no-header", "--no-annotate"]
    command += [*wanted, *(f"--extra={extra}" for extra in extras), ROOT / "pyproject.toml"]
    return run(command, environment=environment).split("\n")[:-1]


def test_tools() -> list[str]:
    """Return the packages of the extra `dev`, without nemocli's own extras in it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = project["optional-dependencies"]["dev"]
    return [entry for entry in listed if not entry.startswith("nemocli[")]


if __name__ == "__main__":
    main()

#!/usr/bin/env python
"""Give nemocli's readers and writers damaged input by the million, and save what breaks them.

    python scripts/fuzz.py                                  # every target, 2000 cases each
    python scripts/fuzz.py pickle wav-header --seconds 600  # these, ten minutes each
    python scripts/fuzz.py --list
    python scripts/fuzz.py --again fuzz-found/pickle/0123456789ab

A case is a damaged valid input, or, half of the time, a damaged input that took a new path through
nemocli's code before. It must be read, or refused in one sentence, in bounded time and memory, and
must write nothing outside its folder, start no program and print nothing on stderr. Each target
runs under limits in a process of its own, whose death is a finding too. Inputs that break something
are written to --save, and the exit code is 1.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.fuzz.result import Result
from tests.fuzz.runner import run_target, save_findings, smaller
from tests.fuzz.target import run_case
from tests.fuzz.targets import TARGETS

CASES = 2000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="all if none is named")
    parser.add_argument("--cases", type=int, help=f"of each target (default {CASES})")
    parser.add_argument("--seconds", type=float, help="for each target, instead of --cases")
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same cases")
    parser.add_argument("--save", type=Path, default=Path("fuzz-found"), help="folder for findings")
    parser.add_argument("--corpus", type=Path, help="folder for inputs that took new paths")
    parser.add_argument("--again", type=Path, help="run one saved input, and make it smaller")
    parser.add_argument("--list", action="store_true", help="name the targets")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(f"there is no target {', '.join(unknown)}; see --list")
    if arguments.list:
        print("\n".join(f"{name:16}{make.__doc__}" for name, make in TARGETS.items()))
        return 0
    if arguments.again:
        return run_again(arguments.again)
    cases = arguments.cases or (None if arguments.seconds else CASES)
    found = 0
    for name in arguments.targets or TARGETS:
        result = run_target(TARGETS[name], arguments.seed, cases, arguments.seconds)
        report(name, result)
        for path in save_findings(name, result, arguments.save):
            print(f"    {path}: {path.with_suffix('.txt').read_text().splitlines()[0]}")
        if arguments.corpus:
            keep(arguments.corpus / name, result.kept)
        found += len(result.findings)
    return 1 if found else 0


def report(name: str, result: Result) -> None:
    rate = result.cases / max(result.seconds, 1e-9)
    share = result.accepted / max(result.cases, 1)
    print(
        f"{name:15}{result.cases:>10,} cases in {result.seconds:,.0f} s ({rate:,.0f}/s),"
        f" {share:.0%} accepted, {len(result.refusals)} refusals, {len(result.kept)} ways,"
        f" at most {result.slowest:.2f} s and {result.memory >> 20} MB a case,"
        f" {len(result.findings)} findings",
        flush=True,
    )


def keep(folder: Path, inputs: list[bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (folder / f"{number:05}").write_bytes(data)


def run_again(path: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        target = TARGETS[path.parent.name](Path(folder))
        try:
            print(run_case(target, path.read_bytes()))
        except BaseException:
            data = smaller(target, path.read_bytes())
            path.with_suffix(".small").write_bytes(data)
            print(f"{len(data)} bytes are enough: {data[:500]!r}", flush=True)
            raise
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`nemocli doctor`: what this machine has for nemocli, and what adds the rest."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nemocli.errors import NemocliError

if TYPE_CHECKING:
    from nemocli.bench.verify import Outcome


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Run every runtime, precision and compute unit there is; minutes."
        ),
    ] = False,
    report: Annotated[Path, typer.Option(help="The JSON file that --verify writes.")] = Path(
        "nemocli-doctor.json"
    ),
) -> None:
    """Say what this machine has for nemocli, and for what is missing, the command that adds it.

    The exit code is 1 if something is missing without which nothing can be transcribed.
    With --verify, the demo, and the released model if it is here, are run in every way this machine
    has and compared with reference tokens; the exit code is 1 if one fails or is not exact.
    """
    if verify:
        _verify(report)
        return
    from nemocli.models.machine import examine

    findings = examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok" if finding.ok else "FAIL" if finding.essential else "--"
            print(f"{mark:4}  {finding.name:{width}}  {finding.value}")
            if finding.advice:
                print(f"{'':{width + 8}}{finding.advice}")
    if any(finding.essential and not finding.ok for finding in findings):
        raise typer.Exit(NemocliError.exit_code)


def _verify(report: Path) -> None:
    from nemocli.bench.verify import check_verifiable, verify_all, write_report
    from nemocli.cli.screen import Screen

    check_verifiable()
    outcomes: list[Outcome] = []
    write_report(report, outcomes)  # a place that cannot be written is told before the work
    for outcome in verify_all(Screen(quiet=False).note):
        outcomes.append(outcome)
        write_report(report, outcomes)
        print(_line(outcome), flush=True)
    print(f"written: {report}")
    if any(outcome.is_bad for outcome in outcomes):
        raise typer.Exit(NemocliError.exit_code)


def _line(outcome: "Outcome") -> str:
    units = f" on {outcome.compute_units}" if outcome.compute_units else ""
    lookahead = "" if outcome.lookahead is None else f", lookahead {outcome.lookahead}"
    line = f"{outcome.model}: {outcome.runtime} {outcome.precision}{units}{lookahead}:"
    if outcome.tokens is None:
        return f"{line} {outcome.verdict}: {outcome.message}"
    return (
        f"{line} {outcome.agreeing} of {outcome.tokens} tokens, {outcome.verdict};"
        f" {outcome.chunk_ms_median:.1f} ms a chunk, RTF {outcome.real_time_factor:.3f},"
        f" loaded in {outcome.load_seconds:.1f} s"
    )

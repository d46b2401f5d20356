"""`nemocli doctor`: what this machine has for nemocli, and what adds the rest."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nemocli.cli.printable import printable
from nemocli.errors import NemocliError, UsageError


def doctor(
    audio: Annotated[
        list[Path] | None,
        typer.Argument(help="Sound or video files, of which the sound tracks are listed instead."),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json",
            envvar="NEMOCLI_DOCTOR_JSON",
            help="Print one JSON array; with --verify, its report.",
        ),
    ] = False,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify",
            envvar="NEMOCLI_DOCTOR_VERIFY",
            help="Run every runtime, precision and compute unit there is; minutes.",
        ),
    ] = False,
    report: Annotated[
        Path,
        typer.Option(envvar="NEMOCLI_DOCTOR_REPORT", help="The JSON file that --verify writes."),
    ] = Path("nemocli-doctor.json"),
) -> None:
    """Say what this machine has for nemocli, and for what is missing, the command that adds it.

    With AUDIO, list the files' sound tracks: number, language, codec, rate, channels, duration.

    The exit code is 1 if something is missing without which nothing can be transcribed.
    With --verify, the demo, and the released model if it is here, are run in every way this machine
    has and compared with reference tokens; the exit code is 1 if one fails or is not exact.
    """
    if audio:
        if verify or as_json:
            raise UsageError("The tracks of a file are listed without --json and --verify.")
        from nemocli.cli.doctor_tracks import print_tracks

        if code := print_tracks(audio):
            raise typer.Exit(code)
        return
    if verify:
        from nemocli.cli.screen import Screen
        from nemocli.cli.verifying import verify as verify_all

        verify_all(report, Screen(quiet=False), as_json)
        return
    from nemocli.doctor.examine import examine

    findings = examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok" if finding.ok else "FAIL" if finding.essential else "--"
            print(printable(f"{mark:4}  {finding.name:{width}}  {finding.value}"))
            if finding.advice:
                print(printable(f"{'':{width + 8}}{finding.advice}"))
    if any(finding.essential and not finding.ok for finding in findings):
        raise typer.Exit(NemocliError.exit_code)

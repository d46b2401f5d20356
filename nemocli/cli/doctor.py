"""`nemocli doctor`: print what this machine has for nemocli, and how to get what is missing."""

import json
from dataclasses import asdict

import typer

from nemocli.cli.doctor_config import examine_config
from nemocli.cli.doctor_options import DoctorOptions
from nemocli.cli.doctor_tracks import print_tracks
from nemocli.cli.printable import make_printable
from nemocli.cli.screen import Screen
from nemocli.cli.verifying import verify
from nemocli.doctor.examine import examine
from nemocli.errors import NemocliError, UsageError


def examine_machine(options: DoctorOptions) -> None:
    """Print what was found, or verify, or list tracks.

    Raises typer.Exit with an exit code if something essential is missing.
    """
    if options.audio:
        if options.verify or options.json:
            raise UsageError("The tracks of a file are listed without --json and --verify.")
        if code := print_tracks(options.audio):
            raise typer.Exit(code)
        return
    if options.verify:
        verify(options.report, Screen(quiet=False), options.json)
        return
    findings = [*examine(), examine_config()]
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        width = max(len(finding.name) for finding in findings)
        for finding in findings:
            mark = "ok" if finding.ok else "FAIL" if finding.essential else "--"
            print(make_printable(f"{mark:4}  {finding.name:{width}}  {finding.value}"))
            if finding.advice:
                print(make_printable(f"{'':{width + 8}}{finding.advice}"))
    if any(finding.essential and not finding.ok for finding in findings):
        raise typer.Exit(NemocliError.exit_code)

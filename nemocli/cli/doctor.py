"""`nemocli doctor`: what this machine has for nemocli, and what adds the rest."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from nemocli.errors import NemocliError


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON array.")] = False,
) -> None:
    """Say what this machine has for nemocli, and for what is missing, the command that adds it.

    The exit code is 1 if something is missing without which nothing can be transcribed.
    """
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

"""The options of `nemocli doctor`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nemocli.cli.options import option


@dataclass(frozen=True)
class DoctorOptions:
    """Show what this machine has for nemocli, and the commands that add what is missing.

    With AUDIO, list the files' sound tracks: number, language, codec, rate, channels, duration.

    The exit code is 1 if something is missing without which nothing can be transcribed.
    With --verify, the demo, and the released model if it is here, are run with every runtime,
    precision and compute unit of this machine and compared with reference tokens; the exit code is
    1 if one fails or is not exact.
    """

    audio: Annotated[
        list[Path] | None,
        typer.Argument(help="Sound or video files whose sound tracks are listed instead."),
    ] = None
    json: Annotated[
        bool,
        option("Print a JSON array; with --verify, its report.", "--json", variable="DOCTOR_JSON"),
    ] = False
    verify: Annotated[
        bool,
        option(
            "Check every runtime, precision and compute unit; this takes minutes.",
            "--verify",
            variable="DOCTOR_VERIFY",
        ),
    ] = False
    report: Annotated[
        Path,
        option("The JSON file that --verify writes.", "--report", variable="DOCTOR_REPORT"),
    ] = Path("nemocli-doctor.json")

"""The options of `nemocli doctor`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from nemocli.cli.options import option


@dataclass(frozen=True)
class DoctorOptions:
    """Say what this machine has for nemocli, and for what is missing, the command that adds it.

    With AUDIO, list the files' sound tracks: number, language, codec, rate, channels, duration.

    The exit code is 1 if something is missing without which nothing can be transcribed.
    With --verify, the demo, and the released model if it is here, are run in every way this machine
    has and compared with reference tokens; the exit code is 1 if one fails or is not exact.
    """

    audio: Annotated[
        list[Path] | None,
        typer.Argument(help="Sound or video files, of which the sound tracks are listed instead."),
    ] = None
    json: Annotated[
        bool,
        option(
            "Print one JSON array; with --verify, its report.", "--json", variable="DOCTOR_JSON"
        ),
    ] = False
    verify: Annotated[
        bool,
        option(
            "Run every runtime, precision and compute unit there is; minutes.",
            "--verify",
            variable="DOCTOR_VERIFY",
        ),
    ] = False
    report: Annotated[
        Path,
        option("The JSON file that --verify writes.", "--report", variable="DOCTOR_REPORT"),
    ] = Path("nemocli-doctor.json")

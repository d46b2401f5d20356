"""The options of `nemocli doctor`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from nemocli.cli.options import option


@dataclass(frozen=True)
class DoctorOptions:
    """Say what this machine has for nemocli, and for what is missing, the command that adds it.

    The exit code is 1 if something is missing without which nothing can be transcribed.
    With --verify, the demo, and the released model if it is here, are run in every way this machine
    has and compared with reference tokens; the exit code is 1 if one fails or is not exact.
    """

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

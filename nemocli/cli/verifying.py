"""Verification as `nemocli doctor --verify` and `nemocli bench --verify` show it."""

from pathlib import Path

import typer

from nemocli.bench.run_config import describe_variant
from nemocli.bench.verify import (
    VariantCheck,
    check_verifiable,
    format_report,
    verify_all,
    write_report,
)
from nemocli.cli.printable import make_path_printable, make_printable
from nemocli.cli.screen import Screen
from nemocli.errors import NemocliError


def verify(report: Path | None, screen: Screen, as_json: bool = False) -> None:
    """Compare every runtime and precision with reference tokens; print a line for each on stdout.

    `report` is a JSON file that is rewritten after each; with `as_json`, that JSON is printed at
    the end instead of the lines. Raises typer.Exit with code 1 if one is bad.
    """
    check_verifiable()
    checks: list[VariantCheck] = []
    if report:
        write_report(report, checks)  # fails before the work if it cannot be written
    for check in verify_all(screen.note):
        checks.append(check)
        if report:
            write_report(report, checks)
        if as_json:
            screen.note(_format_line(check))
        else:
            print(make_printable(_format_line(check)), flush=True)
    if as_json:
        print(format_report(checks), end="")
    elif report:
        print(f"written: {make_path_printable(report)}")
    if any(check.is_bad for check in checks):
        raise typer.Exit(NemocliError.exit_code)


def _format_line(check: VariantCheck) -> str:
    variant = describe_variant(
        *(check.runtime, check.precision, check.compute_units, check.lookahead, check.transfer)
    )
    line = f"{check.model}: {variant}:"
    if check.tokens is None:
        return f"{line} {check.verdict}: {check.message}"
    return (
        f"{line} {check.agreeing} of {check.tokens} tokens, {check.verdict};"
        f" {check.chunk_ms_median:.1f} ms a chunk, RTF {check.real_time_factor:.3f},"
        f" loaded in {check.load_seconds:.1f} s"
    )

"""The `nemocli` command: its subcommands, its version, and how failures end it."""

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from nemocli import __version__
from nemocli.cli import models
from nemocli.cli.convert import convert
from nemocli.cli.doctor import doctor
from nemocli.cli.file import file
from nemocli.errors import NemocliError

#: Exit codes of a program ended by Ctrl-C and by a reader that went away.
INTERRUPTED, PIPE_CLOSED = 130, 141

EXIT_CODES = """
Exit codes: 0 done, 1 failed or some files failed, 2 wrong usage, 3 model missing or damaged,
4 not supported on this machine.
"""


class _Group(TyperGroup):
    """Ends with one sentence and an exit code where something the person can mend went wrong."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except NemocliError as error:
            print(f"nemocli: {error}", file=sys.stderr)
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            # Python would complain once more when it flushes stdout on exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(PIPE_CLOSED)


app = typer.Typer(
    name="nemocli",
    cls=_Group,
    help="Speech to text on this machine: Nemotron 3.5 ASR Streaming 0.6B.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(file)
app.command()(convert)
app.add_typer(models.app)
app.command()(doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"nemocli {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Options before any subcommand."""


def main() -> None:
    """Entry point of the `nemocli` script."""
    app()

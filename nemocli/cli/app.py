"""The `nemocli` command: its subcommands, its version, and its exit codes for failures."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Never

import typer
from typer.core import TyperGroup

from nemocli import __version__
from nemocli.cli.bench_options import BenchOptions
from nemocli.cli.convert_options import ConvertOptions
from nemocli.cli.doctor_options import DoctorOptions
from nemocli.cli.file_options import FileOptions
from nemocli.cli.lazy_commands import add_subcommand
from nemocli.cli.live_options import LiveOptions
from nemocli.cli.models_options import (
    ListOptions,
    PathOptions,
    PullOptions,
    RemoveOptions,
    VerifyOptions,
)
from nemocli.cli.phrases_options import CheckOptions
from nemocli.cli.printable import make_printable
from nemocli.cli.serve_options import ServeOptions
from nemocli.cli.signals import exit_code, leave_signals, raise_signals
from nemocli.cli.streams import abandon_stdout, prepare_streams, say
from nemocli.errors import NemocliError, lacks_memory
from nemocli.runtimes.kinds import KINDS

#: Exit code of a program whose stdout was closed by its reader.
PIPE_CLOSED = 141

EXIT_CODES = """
Exit codes: 0 done, 1 failed or some files failed, 2 wrong usage, 3 model missing or damaged,
4 not supported on this machine.
"""


class _Group(TyperGroup):
    """Ends the program with one sentence and an exit code for each error that nemocli explains."""

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        try:
            with _make_errors_printable():
                return super().make_context(*arguments, **options)
        except KeyboardInterrupt as interrupt:
            sys.exit(exit_code(interrupt))

    def invoke(self, ctx: Any) -> Any:
        try:
            with _make_errors_printable():
                return super().invoke(ctx)
        except NemocliError as error:
            say(str(error))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as interrupt:
            ctx.exit(exit_code(interrupt))
        except BrokenPipeError:
            abandon_stdout()
            ctx.exit(PIPE_CLOSED)


@contextmanager
def _make_errors_printable() -> Iterator[None]:
    """Make Typer's messages printable: they quote arguments, which may be odd file names."""
    try:
        yield
    except Exception as error:
        if hasattr(error, "format_message"):
            text = make_printable(error.format_message())
            error.format_message = lambda: text
        raise


app = typer.Typer(
    name="nemocli",
    cls=_Group,
    help="Speech to text on this machine: Nemotron 3.5 ASR Streaming 0.6B.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
phrases = typer.Typer(
    name="phrases", help="Check lists of names and terms for --phrases.", no_args_is_help=True
)
models = typer.Typer(name="models", help="List, download and remove models.", no_args_is_help=True)

# In the order of the help text; a module on the right is imported when its subcommand is run.
add_subcommand(app, "live", LiveOptions, "nemocli.cli.live:transcribe_live")
add_subcommand(app, "file", FileOptions, "nemocli.cli.file:transcribe_files")
add_subcommand(app, "serve", ServeOptions, "nemocli.cli.serve:serve_model")
add_subcommand(app, "convert", ConvertOptions, "nemocli.cli.convert:convert_checkpoint")
add_subcommand(app, "doctor", DoctorOptions, "nemocli.cli.doctor:examine_machine")
add_subcommand(app, "bench", BenchOptions, "nemocli.cli.bench:measure")
app.add_typer(phrases)
add_subcommand(phrases, "check", CheckOptions, "nemocli.cli.phrases:check_phrases")
app.add_typer(models)
add_subcommand(models, "list", ListOptions, "nemocli.cli.models:list_models")
add_subcommand(models, "pull", PullOptions, "nemocli.cli.models:pull_model")
add_subcommand(models, "path", PathOptions, "nemocli.cli.models:print_model_path")
add_subcommand(models, "verify", VerifyOptions, "nemocli.cli.models:verify_models")
add_subcommand(models, "remove", RemoveOptions, "nemocli.cli.models:remove_model")


def _print_version(is_requested: bool) -> None:
    if is_requested:
        print(f"nemocli {__version__}")
        raise typer.Exit


@app.callback()
def read_options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Read the options before any subcommand."""


def main() -> None:
    """Run the `nemocli` script."""
    try:
        raise_signals()
        _hide_unneeded()
        prepare_streams()
        _run()
        sys.stdout.flush()
    except KeyboardInterrupt as interrupt:
        _leave(exit_code(interrupt))
    except BrokenPipeError:
        _leave(PIPE_CLOSED)
    except NemocliError as error:  # writing to stdout can fail at the very end
        say(str(error))
        _leave(error.exit_code)
    finally:
        leave_signals()


def _hide_unneeded() -> None:
    """Keep runtimes' libraries from importing modules that take seconds and are not needed."""
    for kind in KINDS.values():
        for name in kind.unneeded_modules:
            sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # makes an import fail


def _run() -> None:
    """Run the command; report a defect of nemocli in one sentence unless NEMOCLI_DEBUG is set."""
    sentence = ""
    try:
        app()
    except SystemExit as end:
        if end.code:
            raise
    except (NemocliError, BrokenPipeError):
        raise
    except Exception as error:
        if (interrupt := _find_interrupt(error)) is not None:
            _leave(exit_code(interrupt))
        if os.environ.get("NEMOCLI_DEBUG"):
            raise
        sentence = _explain(error)
    if sentence:  # outside of `except`, where the memory that the error held is free again
        say(sentence)
        _leave(NemocliError.exit_code)


def _find_interrupt(error: BaseException | None) -> KeyboardInterrupt | None:
    """Return Ctrl-C if it caused the error: a library that is interrupted may raise its own."""
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error


def _explain(error: Exception) -> str:
    if lacks_memory(error):
        return (
            "There is not enough memory for this: close other programs, or choose a model of fewer"
            " bits, such as int8."
        )
    if isinstance(error, OSError) and error.filename:  # such as an unreadable home folder
        return f"{error.filename} cannot be used: {error.strerror}."
    if isinstance(error, FileNotFoundError) and not _has_current_folder():
        return "The current folder is gone: change into one that exists, or give whole paths."
    words = " ".join(str(error).split())
    return (
        f"Something unexpected went wrong ({type(error).__name__}: {words}). Please report it with"
        " what the same command prints when NEMOCLI_DEBUG=1 is set."
    )


def _has_current_folder() -> bool:
    try:
        os.getcwd()
    except OSError:
        return False
    return True


def _leave(code: int) -> Never:
    abandon_stdout()
    sys.exit(code)

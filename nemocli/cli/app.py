"""The `nemocli` command: its subcommands, its version, and its exit codes for failures."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Never

import typer

from nemocli import __version__
from nemocli.cli.lazy_commands import LazyGroup, Subcommand, Subgroup
from nemocli.cli.printable import make_printable
from nemocli.cli.signals import find_exit_code, leave_signals, raise_signals
from nemocli.cli.streams import abandon_stdout, prepare_streams, say
from nemocli.errors import NemocliError, lacks_memory
from nemocli.runtimes.kinds import KINDS

#: Exit code of a program whose stdout was closed by its reader.
PIPE_CLOSED = 141

#: In the order of the help text.
SUBCOMMANDS: dict[str, Subcommand | Subgroup] = {
    "live": Subcommand("nemocli.cli.live_options:LiveOptions", "nemocli.cli.live:transcribe_live"),
    "file": Subcommand("nemocli.cli.file_options:FileOptions", "nemocli.cli.file:transcribe_files"),
    "serve": Subcommand("nemocli.cli.serve_options:ServeOptions", "nemocli.cli.serve:serve_model"),
    "convert": Subcommand(
        "nemocli.cli.convert_options:ConvertOptions", "nemocli.cli.convert:convert_checkpoint"
    ),
    "doctor": Subcommand(
        "nemocli.cli.doctor_options:DoctorOptions", "nemocli.cli.doctor:examine_machine", "optional"
    ),
    "bench": Subcommand("nemocli.cli.bench_options:BenchOptions", "nemocli.cli.bench:measure"),
    "phrases": Subgroup(
        "Check lists of names and terms for --phrases.",
        {
            "check": Subcommand(
                "nemocli.cli.phrases_options:CheckOptions", "nemocli.cli.phrases:check_phrases"
            )
        },
    ),
    "models": Subgroup(
        "List, download and remove models.",
        {
            name: Subcommand(
                f"nemocli.cli.models_options:{options}", f"nemocli.cli.models:{function}"
            )
            for name, options, function in (
                ("list", "ListOptions", "list_models"),
                ("pull", "PullOptions", "pull_model"),
                ("path", "PathOptions", "print_model_path"),
                ("verify", "VerifyOptions", "verify_models"),
                ("remove", "RemoveOptions", "remove_model"),
            )
        },
    ),
    "config": Subgroup(
        "Show the config file, and what it sets.",
        {
            "path": Subcommand(
                "nemocli.cli.config_options:ConfigPathOptions",
                "nemocli.cli.config:print_config_path",
                "ignored",
            ),
            "show": Subcommand(
                "nemocli.cli.config_options:ShowOptions",
                "nemocli.cli.config:show_options",
                "ignored",
            ),
        },
    ),
}

EXIT_CODES = """
Exit codes: 0 done, 1 failed or some files failed, 2 wrong usage, 3 model missing or damaged,
4 not supported on this machine.
"""


class _Group(LazyGroup):
    """Ends the program with one sentence and an exit code for each error that nemocli explains."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(subcommands=SUBCOMMANDS, **attributes)

    def make_context(self, *arguments: Any, **options: Any) -> Any:
        try:
            with _make_errors_printable():
                return super().make_context(*arguments, **options)
        except KeyboardInterrupt as interrupt:
            sys.exit(find_exit_code(interrupt))

    def invoke(self, ctx: Any) -> Any:
        try:
            with _make_errors_printable():
                return super().invoke(ctx)
        except NemocliError as error:
            say(str(error))
            ctx.exit(error.exit_code)
        except KeyboardInterrupt as interrupt:
            ctx.exit(find_exit_code(interrupt))
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
    help="Speech to text on this machine, with Nemotron ASR Streaming: 40 locales, or English.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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
        _leave(find_exit_code(interrupt))
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
            _leave(find_exit_code(interrupt))
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

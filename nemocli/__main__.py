"""The `nemocli` command, also as `python -m nemocli`."""

import sys


def main() -> None:
    """Run the `nemocli` script; Ctrl-C ends it without a traceback from the start."""
    try:
        import gc
        import signal

        # Imports leave no garbage: the searches for it would take a tenth of the time of a short
        # run. They go on when a subcommand begins to work.
        gc.disable()
        # Until the command sets its own handlers, Ctrl-C ends the program at once.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        # `pkill -USR1 -x nemocli` is for `live`: it must end no other command that runs beside it,
        # nor a `live` that is about to start.
        for name in ("SIGUSR1", "SIGUSR2"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                signal.signal(number, lambda number, frame: None)
        from nemocli.cli.app import main as run

        try:
            run()
        finally:
            gc.freeze()  # Python would search once more at its end, when all memory is given back
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

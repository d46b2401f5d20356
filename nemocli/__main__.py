"""The `nemocli` command, also as `python -m nemocli`."""

import sys


def main() -> None:
    """Entry point of the `nemocli` script: Ctrl-C is quiet from the first moment on."""
    try:
        import signal

        # Until the command has its own way with signals, they end the program where it is.
        if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
        from nemocli.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

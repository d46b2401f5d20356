"""The `nemocli` command, also as `python -m nemocli`."""

import sys


def main() -> None:
    """Entry point of the `nemocli` script: Ctrl-C is quiet from the first moment on."""
    try:
        from nemocli.cli.app import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()

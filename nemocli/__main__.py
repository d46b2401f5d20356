"""`python -m nemocli` is the `nemocli` command."""

from nemocli.cli.app import main

main()

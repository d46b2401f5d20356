"""The command line: one module a subcommand; arguments and rendering, no computing."""

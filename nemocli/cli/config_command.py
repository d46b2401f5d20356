"""A subcommand whose options are also looked up in the config file, which is read only then."""

from typing import Any

from typer.core import TyperCommand

from nemocli.errors import UsageError


class ConfiguredCommand(TyperCommand):
    """Takes from the config file what neither the command line nor a variable gives."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse a command line; raises UsageError for a config file that cannot be used."""
        if not ctx.resilient_parsing:  # as while a shell completes a line
            from nemocli.cli.config_values import LazyValues

            ctx.default_map = LazyValues(_list_words(ctx))
        return super().parse_args(ctx, args)

    def get_help(self, ctx: Any) -> str:
        """Return the help text, which does not depend on a file."""
        ctx.default_map = None
        return super().get_help(ctx)

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand; where it refuses a value of the file, name the line."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            used = [name for name in ctx.params if _is_configured(ctx, name)]
            raise UsageError(f"{error}{ctx.default_map.explain(used, str(error))}") from None


class TolerantCommand(ConfiguredCommand):
    """Runs without the config file if that cannot be used: it is for finding out what is wrong."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse a command line."""
        arguments = [*args]
        try:
            return super().parse_args(ctx, args)
        except UsageError:
            ctx.default_map = None
            return TyperCommand.parse_args(self, ctx, arguments)

    def invoke(self, ctx: Any) -> Any:
        """Run the subcommand."""
        return TyperCommand.invoke(self, ctx)


def _list_words(ctx: Any) -> tuple[str, ...]:
    """Return the words that the subcommand was called with, without the program's name."""
    words: list[str] = []
    while ctx.parent is not None:
        words.insert(0, ctx.info_name)
        ctx = ctx.parent
    return tuple(words)


def _is_configured(ctx: Any, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "DEFAULT_MAP"

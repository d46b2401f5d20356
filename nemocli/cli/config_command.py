"""A subcommand whose options are also looked up in the config file, which is read only then."""

from typing import Any

from typer.core import TyperCommand

from nemocli.cli.quoted_values import has_word, is_quoted
from nemocli.errors import ModelError, UsageError


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
        """Run the subcommand; where it refuses what was not typed, say where that comes from."""
        try:
            return super().invoke(ctx)
        except (UsageError, ModelError) as error:
            used = [name for name in ctx.params if _find_source(ctx, name) == "DEFAULT_MAP"]
            quoted = ctx.default_map.explain_value(used, str(error)) if used else ""
            kind = UsageError if isinstance(error, UsageError) else ModelError
            raise kind(f"{error}{quoted or _explain_origins(ctx, str(error))}") from None


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


def _list_words(ctx: Any) -> tuple[str, ...]:
    """Return the words that the subcommand was called with, without the program's name."""
    words: list[str] = []
    while ctx.parent is not None:
        words.insert(0, ctx.info_name)
        ctx = ctx.parent
    return tuple(words)


def _find_source(ctx: Any, name: str) -> str:
    """Return where a parameter's value comes from, by Click's name for that."""
    source = ctx.get_parameter_source(name)
    return "" if source is None else str(source.name)


def _explain_origins(ctx: Any, sentence: str) -> str:
    """Return what follows a sentence about options: which of them are set without typing."""
    said = ""
    for parameter in ctx.command.params:
        value, source = ctx.params.get(parameter.name), _find_source(ctx, parameter.name)
        if value is None or value is False or source not in ("ENVIRONMENT", "DEFAULT_MAP"):
            continue
        is_configured = source == "DEFAULT_MAP"
        named = next((name for name in parameter.opts if has_word(sentence, name)), None)
        if named is not None and is_configured:
            said += f" {ctx.default_map.locate(parameter.name)} sets {named}: remove it there to do"
            said += " without."
        elif named is not None:
            said += f" The variable {parameter.envvar} sets {named}: unset it to do without."
        elif not is_configured and is_quoted(parameter.name, value, sentence):
            said += f" It is what the variable {parameter.envvar} says."
    return said

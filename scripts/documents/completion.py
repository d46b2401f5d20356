"""Scripts that complete a command line in bash, zsh and fish: subcommands, options, and files."""

from collections.abc import Iterator, Sequence

from scripts.documents.commands import Command, ParameterDoc

#: Where each shell looks for its script, below a `share` folder.
PLACES = {
    "bash": "bash-completion/completions/nemocli",
    "zsh": "zsh/site-functions/_nemocli",
    "fish": "fish/vendor_completions.d/nemocli.fish",
}

HELP = ParameterDoc(("-h", "--help"), "", "Show a help text.")


def bash(commands: Sequence[Command], options: Sequence[ParameterDoc]) -> str:
    """The script for bash: words by subcommand; where no option begins, bash completes files."""
    groups = [command for command in commands if command.commands]
    known = " | ".join(['""', *(group.name for group in groups)])
    lines = [
        "_nemocli() {",
        '    local word=${COMP_WORDS[COMP_CWORD]} command="" commands="" options="" i',
        "    for ((i = 1; i < COMP_CWORD; i++)); do",
        '        [[ ${COMP_WORDS[i]} == -* ]] || command+="${command:+ }${COMP_WORDS[i]}"',
        f"        case $command in {known}) ;; *) break ;; esac",
        "    done",
        "    case $command in",
        _bash_case("", [c.name for c in commands], options),
        *(_bash_case(g.name, _inner_names(g), (HELP,)) for g in groups),
        *(
            _bash_case(each.name, (), (*each.options, HELP))
            for command in commands
            for each in command.all()
        ),
        "    esac",
        '    [[ $word == -* ]] && commands=""',
        "    [[ $word == -* || -n $commands ]] || return",
        '    COMPREPLY=($(compgen -W "${commands:-$options}" -- "$word"))',
        "}",
        "complete -o default -o bashdefault -F _nemocli nemocli",
    ]
    return "\n".join(lines) + "\n"


def zsh(commands: Sequence[Command], options: Sequence[ParameterDoc]) -> str:
    """The script for zsh, with what each option does."""
    lines = [
        "#compdef nemocli",
        "",
        *_zsh_group("_nemocli", commands, options),
        *(
            line
            for group in commands
            if group.commands
            for line in ("", *_zsh_group(f"_nemocli_{group.name}", group.commands, (HELP,)))
        ),
        "",
        '_nemocli "$@"',
    ]
    return "\n".join(lines) + "\n"


def fish(commands: Sequence[Command], options: Sequence[ParameterDoc]) -> str:
    """The script for fish, with what each option does."""
    lines = []
    for option in options:
        lines.append(_fish_option("__fish_use_subcommand", option))
    for command in commands:
        lines.append(_fish_command("__fish_use_subcommand", command))
        here = f"__fish_seen_subcommand_from {command.name}"
        for inner in command.commands:
            outside = f"{here}; and not __fish_seen_subcommand_from {_names(command)}"
            lines.append(_fish_command(outside, inner))
        for each in command.all():
            inside = f"{here}; and __fish_seen_subcommand_from {each.name.split()[-1]}"
            lines += [_fish_option(inside, option) for option in (*each.options, HELP)]
    return "\n".join(lines) + "\n"


def _bash_case(name: str, names: Sequence[str], options: Sequence[ParameterDoc]) -> str:
    words = [name for option in options for name in option.names]
    commands = f'commands="{" ".join(names)}" ' if names else ""
    return f'        "{name}") {commands}options="{" ".join(words)}" ;;'


def _inner_names(group: Command) -> list[str]:
    return [command.name.split()[-1] for command in group.commands]


def _names(group: Command) -> str:
    return " ".join(_inner_names(group))


def _zsh_group(
    function: str, commands: Sequence[Command], options: Sequence[ParameterDoc]
) -> Iterator[str]:
    """A function that completes the name of a command, and then what belongs to it."""
    yield f"{function}() {{"
    yield "    local curcontext=$curcontext state line"
    yield "    local -a commands=("
    for command in commands:
        yield f"        {_quoted(f'{command.name.split()[-1]}:{_plain(command.summary)}')}"
    yield "    )"
    yield from _zsh_arguments(options, "'1:command:->command' '*::argument:->argument'", "-C")
    yield "    case $state in"
    yield "        command) _describe command commands ;;"
    yield "        argument) case $line[1] in"
    for command in commands:
        yield f"            {command.name.split()[-1]})"
        if command.commands:
            yield f"                _nemocli_{command.name} ;;"
            continue
        yield from (f"            {line}" for line in _zsh_command(command))
    yield "        esac ;;"
    yield "    esac"
    yield "}"


def _zsh_command(command: Command) -> Iterator[str]:
    files = "'*:file:_files'" if command.arguments else ""
    yield from _zsh_arguments((*command.options, HELP), files, "-s")
    yield "    ;;"


def _zsh_arguments(options: Sequence[ParameterDoc], rest: str, how: str) -> Iterator[str]:
    specs = [rest] if rest else []
    for option in options:
        value = f":{option.metavar}:_files" if option.metavar else ""
        text = _plain(option.help).replace("[", "(").replace("]", ")")
        others = " ".join(option.names)
        specs += [_quoted(f"({others}){name}[{text}]{value}") for name in option.names]
    yield f"    _arguments {how} \\"
    yield " \\\n".join(f"        {spec}" for spec in specs)


def _fish_command(condition: str, command: Command) -> str:
    name, text = command.name.split()[-1], _fish_quoted(command.summary)
    return f"complete -c nemocli -f -n {_fish_quoted(condition)} -a {name} -d {text}"


def _fish_option(condition: str, option: ParameterDoc) -> str:
    names = " ".join(f"-l {n[2:]}" if n.startswith("--") else f"-s {n[1:]}" for n in option.names)
    value = " -r" if option.metavar else ""
    text = _fish_quoted(option.help)
    return f"complete -c nemocli -n {_fish_quoted(condition)} {names}{value} -d {text}"


def _plain(text: str) -> str:
    """Text for zsh, where a colon parts things."""
    return text.replace(":", "\\:")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"

#!/usr/bin/env python
"""Write the documents that are made from the code: pages in docs, manual pages, completion.

    python scripts/make_docs.py           # after a change of the command line or of a schema
    python scripts/make_docs.py --check   # only list the files that are out of date

In docs/*.md, text between `<!-- made: WHAT -->` and `<!-- end -->` is replaced, and everything else
is kept. Manual pages and shell completion go into share, from where the wheel installs them.
"""

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from nemocli.cli.app import app
from scripts.documents import completion
from scripts.documents.auto_table import auto_table
from scripts.documents.commands import exit_codes, program_options, read_commands
from scripts.documents.manual import command_manual, program_manual
from scripts.documents.markdown import command_page, option_table, table
from scripts.documents.schemas import Tables, read_schemas
from scripts.documents.variables import VARIABLES

ROOT = Path(__file__).parents[1]

BLOCK = re.compile(r"(<!-- made: (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    stale = [path for path, text in made().items() if not _holds(path, text)]
    for path in stale:
        print(path.relative_to(ROOT))
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made()[path], encoding="utf-8")
    if check and stale:
        sys.exit("These are out of date: python scripts/make_docs.py")


def made() -> dict[Path, str]:
    """Return the text of each file, by path."""
    return pages() | manuals() | completions()


def pages() -> dict[Path, str]:
    """Return the pages in docs, with their made blocks filled."""
    blocks = _blocks()
    filled = {}
    for path in sorted((ROOT / "docs").glob("*.md")):
        text = path.read_text(encoding="utf-8")
        filled[path] = BLOCK.sub(
            lambda found: f"{found[1]}\n{blocks[found[2]]()}\n\n{found[3]}", text
        )
    return filled


def manuals() -> dict[Path, str]:
    """Return the manual pages."""
    folder, commands, codes = ROOT / "share" / "man" / "man1", read_commands(), exit_codes()
    made = {
        folder / f"nemocli-{command.name}.1": command_manual(command, codes) for command in commands
    }
    program = program_manual(app.info.help, commands, program_options(), VARIABLES, codes)
    return made | {folder / "nemocli.1": program}


def completions() -> dict[Path, str]:
    """Return the completion scripts of all shells."""
    commands, options = read_commands(), program_options()
    writers = {"bash": completion.bash, "zsh": completion.zsh, "fish": completion.fish}
    return {
        ROOT / "share" / place: writers[shell](commands, options)
        for shell, place in completion.PLACES.items()
    }


def _blocks() -> dict[str, Callable[[], str]]:
    codes = exit_codes()
    blocks: dict[str, Callable[[], str]] = {
        "commands": lambda: table(
            ("command", "what it does"),
            [(f"[nemocli {c.name}]({c.name}.md)", c.summary) for c in read_commands()],
        ),
        "options": lambda: option_table(program_options()),
        "variables": lambda: table(
            ("variable", "what it does"), [(f"`{name}`", text) for name, text in VARIABLES]
        ),
        "exit codes": lambda: table(("code", "meaning"), codes),
        "auto": auto_table,
    }
    for command in read_commands():
        blocks[command.name] = lambda command=command: command_page(command)
    schemas = read_schemas()
    for name in schemas:
        blocks[name] = lambda name=name: str(Tables(name, schemas))
    return blocks


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    main()

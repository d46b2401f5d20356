"""`nemocli phrases check`: what is to be known about a list of phrases before it is used."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import typer
from rich.cells import cell_len

from nemocli.boosting.check import PhraseCheck, check_lines, list_words
from nemocli.boosting.phrases import read_lines
from nemocli.cli.phrases_options import CheckOptions
from nemocli.cli.printable import make_printable
from nemocli.cli.streams import say
from nemocli.counting import count_things
from nemocli.errors import NemocliError, UsageError
from nemocli.models.load import read_tokenizer
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.transcript.token_decoder import TokenDecoder

#: The widest column, in cells of a terminal, that texts are aligned in.
MAX_COLUMN = 32


def check_phrases(options: CheckOptions) -> None:
    """Print a line for each phrase, and a summary on stderr; typer.Exit with 1 for useless ones."""
    lines = read_lines(options.file)
    words = None if options.words is None else _read_words(options.words)
    resolved = resolve(ModelSpec(options.model))
    config = resolved.config
    pieces = TokenDecoder(read_tokenizer(resolved)).list_pieces()[: config.vocab_size]
    checks = list(check_lines(lines, pieces, list_words(pieces) if words is None else words))
    for line in _format(checks):
        print(make_printable(line))
    useless = [check for check in checks if check.refusal or check.pieces is None]
    say(_summarize(checks, options.file))
    if useless:
        raise typer.Exit(NemocliError.exit_code)


def _read_words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split()
    except OSError as error:
        raise UsageError(f"The words {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UsageError(f"The words {path} are not text in UTF-8: save them as that.") from None


def _format(checks: Sequence[PhraseCheck]) -> Iterator[str]:
    width = min(MAX_COLUMN, max((cell_len(check.text) for check in checks), default=0))
    for check in checks:
        text = check.text + " " * max(0, width - cell_len(check.text))
        pieces = " ".join(check.pieces or ())
        yield "  ".join([text, pieces, *_list_notes(check)]).rstrip()


def _list_notes(check: PhraseCheck) -> Iterator[str]:
    if check.refusal:
        yield f"[refused: {check.refusal}]"
        return
    if check.pieces is None:
        yield "[cannot be written: the model has no pieces for it]"
    if check.is_short:
        yield "[short: many words are like it]"
    if check.same_as is not None:
        yield f"[the same as line {check.same_as}]"
    if check.similar:
        yield f"[one letter from {_join(check.similar)}]"
    if check.words:
        yield f"[like {_join(check.words)}]"


def _join(texts: Iterable[str]) -> str:
    return ", ".join(texts)


def _summarize(checks: Sequence[PhraseCheck], path: Path) -> str:
    counts = Counter[str]()
    for check in checks:
        counts["refused"] += check.refusal is not None
        counts["cannot be written"] += check.refusal is None and check.pieces is None
        counts["short"] += check.is_short
        counts["there twice"] += check.same_as is not None
        counts["one letter from another phrase"] += bool(check.similar)
        counts["like ordinary words"] += bool(check.words)
    named = [f"{count:,} {what}" for what, count in counts.items() if count]
    phrases = count_things(len(checks), "phrase")
    return f"{path}: {phrases}" + (": " + ", ".join(named) if named else "") + "."

"""The tokenizer.json of a model folder: the same text for every form of a checkpoint's tokenizer.

A model folder's tokenizer only turns ids into text. It holds each id's piece, which pieces are left
out of the text, and how pieces are joined.
"""

import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders
from tokenizers.models import WordLevel

from nemocli.errors import ModelError, explain_model_errors, quote
from nemocli.network.config import ModelConfig
from nemocli.network.sentencepiece import PieceKind, SentencePieces
from nemocli.network.small_file import read_text
from nemocli.network.tokenizer_file import SPACE, open_tokenizer

BLANK = "<blank>"
UNKNOWN = "<unk>"
PADDING = "<pad>"

#: The most ids that a tokenizer may lack, or have beyond the vocabulary.
MAX_UNKNOWN = 16

#: A language tag, which the hub's conversion marks as special.
TAG = re.compile(r"<[a-z]{2,3}-[A-Za-z]{2}>")


def from_hub(path: Path, config: ModelConfig) -> str:
    """Return the canonical text of a tokenizer.json. Raises ModelError for other files."""
    with explain_model_errors(f"The file {path} is not a tokenizer"):
        tokenizer = open_tokenizer(read_text(path), f"The file {path}")
        added = tokenizer.get_added_tokens_decoder()
        special = {index for index, token in added.items() if token.special}
        pieces = {index: piece for piece, index in tokenizer.get_vocab(False).items()}
        pieces |= {index: token.content for index, token in added.items()}
        _check_vocabulary(pieces, set(added), config, f"The file {path}")
        decoder = tokenizer.decoder
        if isinstance(decoder, decoders.Metaspace):
            decoder = _make_metaspace(
                decoder.prepend_scheme
            )  # the same but for options of encoding
        return _make_canonical(tokenizer.id_to_token, special, decoder, config)


def _check_vocabulary(
    pieces: Mapping[int, str], added: Collection[int], config: ModelConfig, what: str
) -> None:
    """Raise ModelError if the pieces by id cannot be those the model was trained with.

    Added tokens may have ids beyond the vocabulary: the model never emits those.
    """
    emitted = [index for index in range(config.vocab_size) if index != config.blank_id]
    missing = sum(index not in pieces for index in emitted)
    beyond = sum(index >= config.vocab_size and index not in added for index in pieces)
    allowed = min(MAX_UNKNOWN, config.vocab_size // 100)
    if missing > allowed or beyond > allowed:
        raise ModelError(
            f"{what} is another model's tokenizer: it has {len(pieces)} pieces, and the"
            f" vocabulary {config.vocab_size}."
        )
    tags = [piece[1:-1] for piece in pieces.values() if TAG.fullmatch(piece)]
    known = sum(tag in config.prompts for tag in tags)
    untagged = [name for name in config.languages if name in config.prompts and name not in tags]
    if tags and (2 * known < len(tags) or untagged):
        raise ModelError(
            f"{what} is another model's tokenizer: it has tags of"
            f" {quote(', '.join(sorted(tags)))}, which are not the model's languages."
        )


def from_sentencepiece(model: SentencePieces, config: ModelConfig) -> str:
    """Return the canonical text for a SentencePiece model, by the rules of the hub's conversion."""
    special = {
        index
        for index, (piece, kind) in enumerate(model.pieces)
        if kind in (PieceKind.CONTROL, PieceKind.UNKNOWN)
        or piece in (UNKNOWN, PADDING)
        or TAG.fullmatch(piece)
    }
    decoder: Any = _make_metaspace("always")
    if any(kind is PieceKind.BYTE for _, kind in model.pieces):
        decoder = decoders.Sequence([decoders.ByteFallback(), decoder])

    def find_piece(index: int) -> str | None:
        return model.pieces[index][0] if index < len(model.pieces) else None

    return _make_canonical(find_piece, special, decoder, config)


def _make_metaspace(prepend_scheme: str) -> Any:
    return decoders.Metaspace(replacement=SPACE, prepend_scheme=prepend_scheme)


def _make_canonical(
    find_piece: Callable[[int], str | None],
    special: Collection[int],
    decoder: Any,
    config: ModelConfig,
) -> str:
    pieces: dict[str, int] = {BLANK: config.blank_id}
    left_out = {BLANK}
    for index in range(config.vocab_size):
        if index == config.blank_id:
            continue
        piece = find_piece(index)
        if piece is None or piece in pieces:
            piece = f"<{index}>"  # an id that the checkpoint's tokenizer does not know
            left_out.add(piece)
        elif index in special:
            left_out.add(piece)
        pieces[piece] = index
    tokenizer = Tokenizer(WordLevel(pieces, unk_token=UNKNOWN))
    if decoder is not None:
        tokenizer.decoder = decoder
    ordered = sorted(left_out, key=pieces.__getitem__)
    tokenizer.add_special_tokens([AddedToken(piece, normalized=False) for piece in ordered])
    text: str = tokenizer.to_str()
    return text

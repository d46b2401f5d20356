"""Words from tokens: whole characters, finished words that do not change, no tags in the text."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models

from nemocli.transcript.detokenizer import Detokenizer
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.transcript.types import join_words

VOCABULARY = [
    "<unk>",
    "▁",
    "▁the",
    "▁a",
    "ing",
    ".",
    ",",
    "é",
    "今",
    "日",
    "は",
    "ょ",
    "。",
    "U",
    "7",
    "ไ",
    "ท",
    "ิ",
    "<ja-JP>",
    "<en-US>",
    *(f"<0x{byte:02X}>" for byte in "今é".encode()),
    "<0xFF>",
    "X",
    "▁U",
    *"「」าー",
    *"กໟကកㇰㇿヿ㐀鿿豈𠀀ༀⴀꀀⅎ",
]


@pytest.fixture(scope="module")
def pieces():
    vocabulary = {piece: n for n, piece in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>", byte_fallback=True))
    tokenizer.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(replacement="▁", prepend_scheme="always")]
    )
    tokenizer.add_special_tokens(["<unk>", "<ja-JP>", "<en-US>"])
    return TokenDecoder(tokenizer.to_str())


def run(pieces, tokens, step=1):
    """Return the transcripts after each token, the last one final."""
    detokenizer, seen = Detokenizer(pieces), []
    for n, token in enumerate(tokens):
        number = VOCABULARY.index(token) if isinstance(token, str) else token
        detokenizer.add(number, n * step, 1 - n / 100)
        seen.append(detokenizer.build_transcript(1.0))
    seen.append(detokenizer.build_transcript(1.0, final=True))
    return seen


def test_words_times_and_confidence(pieces):
    final = run(pieces, ["▁the", "▁a", "ing", ".", "▁a"], step=2)[-1]
    assert final.text == "the aing. a"
    assert [(w.text, w.start, w.end) for w in final.words] == [
        ("the", 0.0, 0.08),
        ("aing.", 0.16, 0.56),
        ("a", 0.64, 0.72),
    ]
    assert [w.confidence for w in final.words] == [1.0, 0.97, 0.96]


def test_tags_are_reported_and_kept_out_of_the_text(pieces):
    seen = run(pieces, ["▁the", ".", "<en-US>", "▁", "今", "日", "。", "<ja-JP>"])
    assert seen[0].language is None
    assert seen[3].language == "en-US"
    assert seen[-1].language == "ja-JP"
    assert seen[-1].text == "the. 今日。"
    assert [t.piece for t in seen[-1].tokens][2] == "<en-US>"
    assert len(seen[-1].tokens) == 8


def test_scripts_without_spaces_make_words_of_characters(pieces):
    final = run(pieces, ["▁", "今", "日", "は", "ょ", "。", "U", "U", "7", "今"])[-1]
    assert [w.text for w in final.words] == ["今", "日", "はょ。", "UU7", "今"]
    assert final.text == join_words(final.words) == "今日はょ。UU7今"


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["▁", *"今日は「今日は。」今"], ["今", "日", "は", "「今", "日", "は。」", "今"]),
        (["▁", *"今は「", "U", *"7」は"], ["今", "は", "「U7」", "は"]),
        (["▁", *"ไททิาท"], ["ไท", "ทิา", "ท"]),
        (["▁", *"今ー日"], ["今ー", "日"]),
    ],
)
def test_words_begin_where_a_line_may_begin(pieces, tokens, words):
    assert [word.text for word in run(pieces, tokens)[-1].words] == words


@pytest.mark.parametrize("letter", "กໟကកㇰㇿヿ㐀鿿豈𠀀")
def test_the_first_and_last_letters_of_scripts_without_spaces(pieces, letter):
    assert [w.text for w in run(pieces, ["▁", letter, "U"])[-1].words] == [letter, "U"]


@pytest.mark.parametrize("letter", "UX7")
def test_letters_and_digits_are_words_of_their_own_beside_them(pieces, letter):
    assert [w.text for w in run(pieces, ["▁", "今", letter, "今"])[-1].words] == [
        "今",
        letter,
        "今",
    ]


@pytest.mark.parametrize("letter", "ༀⴀꀀⅎ")
def test_letters_of_other_scripts_are_put_together(pieces, letter):
    assert [w.text for w in run(pieces, ["▁", letter, "U"])[-1].words] == [f"{letter}U"]


def test_thai_marks_stay_with_their_letter(pieces):
    assert [w.text for w in run(pieces, ["▁", "ท", "ิ", "ไ"])[-1].words] == ["ทิ", "ไ"]


def test_words_have_the_spaces_that_the_model_wrote(pieces):
    def spaces(tokens):
        return [(w.text, w.space_before) for w in run(pieces, tokens)[-1].words]

    assert spaces(["U", "ing", "▁a"]) == [("Uing", False), ("a", True)]
    assert spaces(["▁the", "▁", "<en-US>", "ing"]) == [("the", True), ("ing", True)]
    assert spaces(["▁the", "<en-US>", "ing"]) == [("the", True), ("ing", False)]
    assert spaces(["▁a", "▁", "今", "日"]) == [("a", True), ("今", True), ("日", False)]
    assert run(pieces, ["▁", "."])[-1].text == "."


def test_a_word_ends_where_the_next_symbol_begins(pieces):
    detokenizer = Detokenizer(pieces)
    for token, frame in (("▁the", 3), ("ing", 5), ("▁a", 5), ("<en-US>", 5), ("▁U", 6), (".", 9)):
        detokenizer.add(VOCABULARY.index(token), frame, 0.5)
    words = detokenizer.build_transcript(1.0, final=True).words
    assert [(w.text, w.start, w.end) for w in words] == [
        ("theing", 0.24, 0.4),
        ("a", 0.4, 0.4),
        ("U.", 0.48, 0.8),
    ]


def test_what_an_update_had_is_forgotten_if_no_transcript_is_kept(pieces):
    def add(*tokens):
        for token in tokens:
            detokenizer.add(VOCABULARY.index(token), 0, 0.5)

    def shown():
        transcript = detokenizer.build_transcript(1.0)
        return transcript.text, [token.piece for token in transcript.tokens]

    detokenizer = Detokenizer(pieces, keep_transcript=False)
    add("<en-US>", "▁the", "▁a")
    update = detokenizer.update(1.0)
    assert [word.text for word in update.final] == ["the"]
    assert [word.text for word in update.growing] == ["a"]
    assert [token.piece for token in update.tokens] == ["<en-US>", "▁the", "▁a"]
    assert (update.language, update.duration) == ("en-US", 1.0)
    assert shown() == ("a", [])
    add("ing")
    update = detokenizer.update(2.0)
    assert update.final == ()
    assert [word.text for word in update.growing] == ["aing"]
    assert shown() == ("aing", [])
    (word,) = detokenizer.update(2.0, close=True).final
    assert (word.text, word.space_before) == ("aing", True)
    assert shown() == ("", [])
    add("ing", "▁a")
    assert [(w.text, w.space_before) for w in detokenizer.update(2.0, close=True).final] == [
        ("ing", False),
        ("a", True),
    ]
    assert detokenizer.build_transcript(1.0).language == "en-US"


def test_the_fields_of_a_token(pieces):
    tokens = run(pieces, ["▁a", "<ja-JP>", 5000], step=3)[-1].tokens
    assert [(t.id, t.piece, t.frame, t.time, t.language) for t in tokens] == [
        (3, "▁a", 0, 0.0, None),
        (VOCABULARY.index("<ja-JP>"), "<ja-JP>", 3, 0.24, "ja-JP"),
        (5000, "<5000>", 6, 0.48, None),
    ]


def test_a_character_of_several_bytes_appears_whole(pieces):
    first, second, third = (f"<0x{byte:02X}>" for byte in "今".encode())
    seen = run(pieces, ["▁a", first, second, third])
    assert [t.text for t in seen] == ["a", "a", "a", "a今", "a今"]


def test_incomplete_characters_are_shown_at_the_end(pieces):
    seen = run(pieces, ["▁a", "<0xFF>"])
    assert seen[1].text == "a"
    assert seen[2].text == "a\ufffd"
    final = run(pieces, ["▁a", "<0xFF>", "▁the", "<0xFF>", "<en-US>"])[-1]
    assert [word.text for word in final.words] == ["a\ufffd", "the\ufffd"]


def test_no_tokens(pieces):
    (final,) = run(pieces, [])
    assert (final.text, tuple(final.words), tuple(final.tokens)) == ("", (), ())
    assert final.language is None


def test_an_id_outside_the_tokenizer_is_no_error(pieces):
    assert run(pieces, ["▁a", 5000])[-1].text == "a"


@given(st.lists(st.integers(0, len(VOCABULARY) - 1), max_size=30))
def test_growing_text_ends_as_the_whole_decoded_at_once(pieces, tokens):
    seen = run(pieces, tokens)
    whole = " ".join(pieces.decode_text(tokens).split())
    # A tag or an unknown token between two bytes parts them here and joins them there.
    if "\ufffd" not in seen[-1].text and "\ufffd" not in whole:
        assert seen[-1].text == whole
    assert seen[-1].text == join_words(seen[-1].words)


@given(st.lists(st.integers(0, len(VOCABULARY) - 1), max_size=30))
def test_finished_words_never_change(pieces, tokens):
    seen = run(pieces, tokens)
    for before, after in pairwise(seen):
        finished = list(before.words)[:-1]
        assert list(after.words)[: len(finished)] == finished
        assert after.text.startswith(before.text)
        times = [time for word in after.words for time in (word.start, word.end)]
        assert times == sorted(times)


def test_a_snapshot_stays_what_it_was(pieces):
    seen = run(pieces, ["▁the", "▁a", "▁the"])
    assert [len(t.tokens) for t in seen] == [1, 2, 3, 3]
    assert [t.text for t in seen] == ["the", "the a", "the a the", "the a the"]
    assert seen[2].words[-1].text == "the"
    assert [w.text for w in seen[2].words[:2]] == ["the", "a"]

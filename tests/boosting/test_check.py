"""What `nemocli phrases check` finds in a list."""

from hypothesis import given
from hypothesis import strategies as st

from nemocli.boosting.check import PieceSplitter, check_lines, list_words
from nemocli.boosting.folding import fold
from nemocli.boosting.phrases import Phrases

PIECES = [None, "▁", "▁An", "▁an", "na", "n", "a", "▁W", "e", "ber", "▁anther", "▁one", "東", "京"]


def check(*lines, words=()):
    return list(check_lines(enumerate(lines, 1), PIECES, words))


def test_each_phrase_has_its_fewest_pieces_in_its_own_case():
    pieces = [each.pieces for each in check("Anna", "anna", "ANNA WEBER", "東京", "Okafor")]
    assert pieces == [
        ("▁An", "na"),
        ("▁an", "na"),
        ("▁An", "na", "▁W", "e", "ber"),
        ("東", "京"),
        None,
    ]


def test_refused_lines_keep_their_place():
    found = check("Anna", "?!", "Weber\tx")
    assert [each.line for each in found] == [1, 2, 3]
    assert [bool(each.refusal) for each in found] == [False, True, True]
    assert found[1].text == "?!"


def test_a_refused_line_of_any_length_is_shown_in_short():
    for line in ["x" * 1_000_000, "x\t" + "y" * 1_000_000]:
        [found] = check(line)
        assert found.refusal
        assert len(found.text) + len(found.refusal) < 300


def test_short_and_doubled_and_similar_phrases():
    found = check("Ann", "Anna", "ANNA", "Hanna", "Weber")
    assert [each.is_short for each in found] == [True, False, False, False, False]
    assert [each.same_as for each in found] == [None, None, 2, None, None]
    assert [each.similar for each in found] == [
        ("Anna",),
        ("Ann", "Hanna"),
        ("Ann", "Hanna"),
        ("Anna",),
        (),
    ]


def test_words_that_could_be_taken_for_a_phrase():
    found = check("An", "Onn", "Weber", words=["one", "another", "onn", "weber", "webers", "tree"])
    assert [each.words for each in found] == [
        ("another",),
        ("onn", "one"),
        ("weber", "webers"),
    ]


def test_words_of_a_vocabulary():
    assert list(list_words(PIECES)) == ["anther", "one"]


@given(st.text("anWeber 京", min_size=1, max_size=9).filter(str.strip))
def test_pieces_write_the_phrase(text):
    [phrase] = Phrases.of([text]).phrases
    pieces = PieceSplitter(PIECES).split(phrase)
    if pieces is not None:
        assert fold("".join(pieces)).removeprefix("▁") == phrase.key
        assert set(pieces) <= set(PIECES)

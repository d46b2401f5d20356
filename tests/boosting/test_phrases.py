"""Lists of phrases: what is read, what is refused, and what makes them equal."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemocli.boosting.phrases import MAX_PHRASES, Phrase, Phrases, check_phrases
from nemocli.errors import UsageError


def texts(phrases):
    return [phrase.text for phrase in phrases.phrases]


def test_a_file_has_a_phrase_a_line_with_comments_and_weights(tmp_path):
    path = tmp_path / "names.txt"
    path.write_bytes("\ufeff# people\r\nAnna  Weber\r\n\r\n  Okafor\t2.5\r\n東京\t\r\n".encode())
    phrases = Phrases.read(path, boost=2)
    assert phrases.phrases == (Phrase("Anna Weber"), Phrase("Okafor", 2.5), Phrase("東京"))
    assert phrases.boost == 2


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("…!", "neither a letter"),
        ("x" * 101, "101 characters"),
        ("Anna\u202eWeber", "invisible character (U+202E)"),
        ("Anna\tstrong", "not a weight"),
        ("Anna\t0", "above 0"),
        ("Anna\t6", "up to 5"),
        ("Anna\tnan", "above 0"),
    ],
)
def test_a_line_that_is_no_phrase_is_named(tmp_path, line, said):
    path = tmp_path / "names.txt"
    path.write_text(f"# names\nWeber\n{line}\n", encoding="utf-8")
    with pytest.raises(UsageError, match="line 3") as refused:
        Phrases.read(path)
    assert said in str(refused.value)


def test_files_that_are_no_lists(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        Phrases.read(tmp_path / "none.txt")
    for folder in (tmp_path, ""):
        with pytest.raises(UsageError, match="is a folder: name the file"):
            Phrases.read(folder)
    (tmp_path / "latin.txt").write_bytes("Müller\n".encode("latin-1"))
    with pytest.raises(UsageError, match="UTF-8"):
        Phrases.read(tmp_path / "latin.txt")
    (tmp_path / "long.txt").write_text("Anna\n" * (MAX_PHRASES + 1))
    with pytest.raises(UsageError, match="at most 10,000"):
        Phrases.read(tmp_path / "long.txt")


@pytest.mark.parametrize("wrong", ["Anna", b"Anna", 3, [3], [None], {"Anna": 1}])
def test_what_a_program_passes_is_checked(wrong):
    with pytest.raises(UsageError):
        check_phrases(wrong)


@pytest.mark.parametrize("wrong", [b"Anna", 3, [3], [None], {"Anna": 1}, None])
def test_what_a_list_is_made_of_is_checked(wrong):
    with pytest.raises(UsageError):
        Phrases.of(wrong)


@pytest.mark.parametrize("boost", [-1, 5.1, float("nan"), True, "2"])
def test_a_boost_that_is_none_is_refused(boost):
    with pytest.raises(UsageError, match="from 0 to 5"):
        Phrases.of(["Anna"], boost=boost)


def test_numbers_of_numpy_are_numbers():
    phrases = Phrases.of([Phrase("Anna", np.float16(1.5))], boost=np.float32(2))
    assert (phrases.boost, type(phrases.boost)) == (2.0, float)
    assert phrases == Phrases.of([Phrase("Anna", 1.5)], boost=2)
    for boost in (np.float32("nan"), np.int64(6), np.bool_(True), np.ones(2)):
        with pytest.raises(UsageError, match="from 0 to 5"):
            Phrases.of(["Anna"], boost=boost)
    with pytest.raises(UsageError, match="above 0"):
        Phrases.of([Phrase("Anna", "2")])


def test_an_empty_list_and_no_boost_are_no_phrases():
    assert check_phrases(None) is check_phrases([]) is None
    assert check_phrases(Phrases.of(["Anna"], boost=0)) is None
    assert texts(check_phrases(["Anna"])) == ["Anna"]


def test_a_phrase_counts_once_whatever_its_case_and_spaces():
    phrases = Phrases.of(["Anna Weber", Phrase("ANNA\u00a0 WEBER", 2.0), "d’Arc", "D'ARC"])
    assert phrases.phrases == (Phrase("Anna Weber", 2.0), Phrase("d’Arc"))
    assert texts(phrases.adding(["anna weber", "Zoe\u0308"])) == ["Anna Weber", "d’Arc", "Zoë"]


names = st.lists(
    st.builds(Phrase, st.text("abÄß京", min_size=1), st.sampled_from([1.0, 2.0])),
    unique_by=lambda phrase: phrase.key,
    max_size=5,
)


@given(names, st.randoms())
def test_lists_of_the_same_phrases_have_the_same_hash(phrases, random):
    shuffled = random.sample(phrases, len(phrases))
    one, other = Phrases.of(phrases), Phrases.of(shuffled, boost=2)
    assert one.sha256 == other.sha256
    if phrases:
        assert Phrases.of(phrases[1:]).sha256 != one.sha256
        heavier = [Phrase(each.text, 3.0) for each in phrases]
        assert Phrases.of(heavier).sha256 != one.sha256

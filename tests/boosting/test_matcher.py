"""Phrases are matched as text: however they are cut into tokens, and whatever their case."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nemocli.boosting.cursor import PhraseCursor
from nemocli.boosting.folding import fold
from nemocli.boosting.matcher import PhraseMatcher
from nemocli.boosting.phrases import Phrase, Phrases
from nemocli.boosting.scoring import DEFAULT_SCORING, MAX_DISTANCE, Scoring
from nemocli.boosting.vocabulary import Vocabulary
from tests.boosting.reference import SPACE, SlowPhrases

LETTERS = "abBéß'京の-"

pieces = st.lists(
    st.none() | st.text(LETTERS + SPACE, min_size=1, max_size=3), min_size=1, max_size=25
)
texts = st.text(LETTERS + " ", min_size=1, max_size=7).filter(
    lambda text: any(letter in text for letter in "abBéß京の")
)
lists = st.lists(
    st.builds(Phrase, texts, st.sampled_from([0.5, 1.0, 3.0])), min_size=1, max_size=6
).map(lambda found: Phrases.of(found, boost=2))
scorings = st.builds(
    Scoring,
    per_letter=st.sampled_from([0.5, 2.0]),
    max_bonus=st.sampled_from([3.0, 100.0]),
    sharing=st.sampled_from([0.0, 1.0]),
)


def bonuses(cursor, size):
    """Return the bonus of each token where the stream is now."""
    found = np.zeros(size)
    np.maximum.at(found, *cursor.list_candidates())
    return found


@settings(deadline=None, max_examples=150)
@given(lists, pieces, st.lists(st.integers(0, 24), max_size=8), scorings)
def test_bonuses_are_those_of_a_slow_search(phrases, vocabulary, history, scoring):
    slow = SlowPhrases(phrases, vocabulary, scoring)
    matcher = PhraseMatcher(phrases, Vocabulary(vocabulary), scoring)
    assert {each.key for each in phrases.phrases} - {each.key for each in matcher.unspelled} == set(
        slow.weights
    )
    cursor, told = PhraseCursor(matcher), []
    for token in [each % len(vocabulary) for each in history]:
        expected = [slow.bonus(told, each) for each in range(len(vocabulary))]
        assert bonuses(cursor, len(vocabulary)) == pytest.approx(expected, abs=1e-5)
        logits = np.random.default_rng(len(told)).normal(size=len(vocabulary)).astype(np.float32)
        best = int(logits.argmax())
        assert cursor.choose(logits, best) == slow.choose(told, logits, best)
        cursor.advance(token, 0)
        told.append(token)


@settings(deadline=None, max_examples=100)
@given(texts, st.data())
def test_any_split_and_case_of_a_phrase_has_the_same_total(text, data):
    [phrase] = Phrases.of([text]).phrases
    forms = {phrase.text, phrase.text.upper(), phrase.text.lower(), phrase.text.swapcase()}
    form = data.draw(st.sampled_from(sorted(forms)))
    assume(fold(form) == phrase.key)
    spelled = data.draw(st.sampled_from(["", SPACE])) + form.replace(" ", SPACE)
    cuts = data.draw(st.sets(st.integers(1, max(1, len(spelled) - 1))))
    bounds = [0, *sorted(cuts - {len(spelled)}), len(spelled)]
    tokens = [spelled[a:b] for a, b in pairwise(bounds)]
    vocabulary = [*dict.fromkeys(tokens)]
    matcher = PhraseMatcher(
        Phrases.of([text]), Vocabulary(vocabulary), Scoring(1.0, max_bonus=100, sharing=0)
    )
    cursor, total, before = PhraseCursor(matcher), 0.0, 0.0
    for token in tokens:
        bonus = bonuses(cursor, len(vocabulary))[vocabulary.index(token)]
        total += bonus - before
        before = bonus
        cursor.advance(vocabulary.index(token), 0)
    assert matcher.unspelled == ()
    assert total == pytest.approx(phrase.letters)


VOCABULARY = [None, SPACE, ",", "▁an", "an", "▁a", "n", "na", "▁w", "w", "e", "eb", "ber", "r"]


def cursor_after(phrases, *tokens, **options):
    cursor = PhraseCursor(PhraseMatcher(Phrases.of(phrases, **options), Vocabulary(VOCABULARY)))
    for token in tokens:
        cursor.advance(VOCABULARY.index(token), 0)
    return cursor


def preferred(cursor):
    found = bonuses(cursor, len(VOCABULARY))
    return {VOCABULARY[token] for token in np.flatnonzero(found)}


@pytest.mark.parametrize(
    ("tokens", "begins"),
    [
        ([], {"w", "▁w"}),
        (["▁a"], {"▁w"}),
        (["▁a", ","], {"w", "▁w"}),
        (["▁a", SPACE], {"w", "▁w"}),
        (["▁a", None], {"w", "▁w"}),
        (["▁w"], {"e", "eb", "▁w"}),
        (["▁w", None], {"w", "▁w"}),
        (["▁w", "n"], {"▁w"}),
        (["▁w", "e", "ber"], {"▁w"}),
    ],
)
def test_a_phrase_begins_where_a_word_does(tokens, begins):
    assert preferred(cursor_after(["Weber"], *tokens)) == begins


def test_a_phrase_that_ended_inside_a_word_does_not_go_on():
    assert preferred(cursor_after(["An", "Weber"], "▁an", "n")) == {"▁an", "▁a", "▁w"}


def test_phrases_that_overlap_are_followed_together():
    cursor = cursor_after(["an an web", "an we"], "▁an", "▁an")
    assert preferred(cursor) == {"▁an", "▁a", "▁w", SPACE}


def test_what_many_phrases_begin_with_counts_less():
    few, many = (
        cursor_after([f"an{end}" for end in ends]) for ends in (["nan"], ["nan", "e", "r", "w"])
    )
    token = VOCABULARY.index("▁an")
    assert bonuses(many, len(VOCABULARY))[token] == pytest.approx(
        max(0, bonuses(few, len(VOCABULARY))[token] - np.log(4)), abs=1e-5
    )


@pytest.mark.parametrize(
    ("best", "begins"),
    [
        ("an", True),
        ("時", True),
        ("に", True),
        ("เ", True),
        (SPACE, True),
        ("。", False),
        (None, False),
    ],
)
def test_a_phrase_begins_in_the_place_of_letters_of_any_script(best, begins):
    vocabulary = ["東", best]
    cursor = PhraseCursor(PhraseMatcher(Phrases.of(["東京", "東"]), Vocabulary(vocabulary)))
    chosen = cursor.choose(np.array([-1, 0], np.float32), best=1)
    assert vocabulary[chosen] == ("東" if begins else best)


@pytest.mark.parametrize(("before", "best"), [(None, "n"), ("▁a", "▁an"), (",", "n")])
def test_a_phrase_begins_in_the_place_of_a_word(before, best):
    assert _choose_after(before, best) == "▁w"


def test_a_phrase_does_not_begin_in_the_place_of_the_rest_of_a_word():
    assert _choose_after("▁a", "n") == "n"


def _choose_after(before, best):
    logits = np.full(len(VOCABULARY), -9, np.float32)
    logits[VOCABULARY.index(best)], logits[VOCABULARY.index("▁w")] = 0, -1
    cursor = cursor_after(["Weber"], *filter(None, [before]))
    return VOCABULARY[cursor.choose(logits, VOCABULARY.index(best))]


def test_only_tokens_near_the_best_are_preferred():
    logits = np.zeros(len(VOCABULARY), np.float32)
    best, token = VOCABULARY.index("▁an"), VOCABULARY.index("▁w")
    farthest = DEFAULT_SCORING.per_letter
    for boost, limit in [(1, farthest), (2, 2 * farthest), (5, MAX_DISTANCE)]:
        for distance, chosen in [(1, token), (limit - 0.1, token), (limit + 0.1, best)]:
            logits[best] = distance
            assert cursor_after(["Weber"], boost=boost).choose(logits, best) == chosen

"""Phrases in the greedy decoder: what they may change, and what they never do."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.boosting.cursor import PhraseCursor
from nemocli.boosting.matcher import PhraseMatcher
from nemocli.boosting.phrases import Phrases
from nemocli.boosting.vocabulary import Vocabulary
from nemocli.engine.decoding import (
    MAX_TRIAL_BLANK_FRAMES,
    MAX_TRIAL_END_FRAMES,
    MAX_TRIAL_FRAMES,
    MAX_TRIALS,
    GreedyDecoder,
)
from nemocli.engine.greedy import decode, finish
from tests.boosting.reference import SlowPhrases
from tests.engine.test_greedy import Transducer, encoded, mixed

PIECES = ["▁an", "▁A", "n", None, "a", "▁w", "e", "ber", ",", "<de-DE>"]
BLANK = 3


class Speller(Transducer):
    """The same with a vocabulary of pieces, and logits that phrases can turn over."""

    def __init__(self, seed=0, blanks=1.0, max_symbols=3):
        super().__init__(seed, blanks, max_symbols)
        self._logits = np.random.default_rng(seed).normal(size=(997, len(PIECES)), scale=2)
        self._logits[:, BLANK] += blanks
        self.config = SimpleNamespace(**(vars(self.config) | {"blank_id": BLANK}))


def pieces():
    return [None if piece and piece.startswith("<") else piece for piece in PIECES]


def textbook(runtime, frames, phrases):
    """Decode by the textbook's loop, with phrases that are matched slowly, and taken back.

    All that changes in the loop is in one tuple, so going back is easy.
    """
    slow = SlowPhrases(phrases, pieces())
    # Place, tokens on its frame, the predictor's numbers, the tokens, and what came out.
    now = (0, 0, mixed(0, BLANK, 0), 1, (), ())
    # Where it began, by which tokens, what they lost, and what the first of them replaced.
    trial, tried, cost, replaced = None, (), 0.0, None
    while True:
        place, symbols, history, count, told, out = now
        is_complete = trial is not None and slow.is_complete(told, len(trial[4]))
        is_worth = is_complete and cost <= slow.budget(told, len(trial[4]))
        if place == len(frames):
            if trial is None or is_worth:
                return list(out)
            now, trial = trial, None
            continue
        logits = runtime.logits(frames[place], history).astype(np.float32)
        best = token = int(logits.argmax())
        barred = tried if trial is None else ()
        if best != BLANK and len(barred) < MAX_TRIALS:
            token = slow.choose(told, logits, best, barred)
        if trial is not None:
            blanks = place - out[-1][1] - 1
            if is_complete and best == replaced and place <= trial[0] + 1:
                now, trial = trial, None
                continue
            if is_complete:
                if (token != BLANK and begins_word(token)) or blanks > MAX_TRIAL_END_FRAMES:
                    if not is_worth:
                        now, trial = trial, None
                        continue
                    trial, tried = None, ()
            elif place - trial[0] > MAX_TRIAL_FRAMES:
                trial, tried = None, ()
            elif blanks > MAX_TRIAL_BLANK_FRAMES:
                now, trial = trial, None
                continue
        if token == BLANK:
            now = (place + 1, 0, history, count, told, out)
            tried = tried if trial else ()
            continue
        if token != best and trial is None:
            trial, tried, cost, replaced = now, (*tried, token), 0.0, best
        elif trial is None:
            tried = ()
        cost += float(logits[best] - logits[token])
        told = (*told, token)
        if trial is not None and not slow.is_followed(told, len(trial[4])):
            now, trial = trial, None
            continue
        chances = np.exp(logits) / np.exp(logits).sum()
        emitted = (token, place, pytest.approx(chances[token], rel=1e-4), token != best)
        history, count = mixed(history, token, count), count + 1
        is_full = symbols + 1 == runtime.config.max_symbols
        place, symbols = (place + 1, 0) if is_full else (place, symbols + 1)
        now = (place, symbols, history, count, told, (*out, emitted))


def begins_word(token):
    piece = pieces()[token]
    return piece is None or not piece[0].isalnum()


def symbols(emissions):
    return [(each.token, each.frame, each.probability, each.is_boosted) for each in emissions]


def decode_all(runtime, decoder, frames):
    """Decode frames in one call, and end the sound."""
    [emissions] = decode(runtime, [decoder], [encoded(frames)])
    return emissions + finish(runtime, decoder)


def decode_in_portions(runtime, decoder, frames, portions):
    """Decode frames in calls of so many each, and the rest in one; and end the sound."""
    got, at = [], 0
    for size in [*portions, len(frames)]:
        got += decode(runtime, [decoder], [encoded(frames[at : at + size])])[0]
        at = min(at + size, len(frames))
        assert decoder.frames == at
    return got + finish(runtime, decoder)


def decoder_for(runtime, phrases):
    matcher = PhraseMatcher(phrases, Vocabulary(pieces()))
    return GreedyDecoder(runtime.config, PhraseCursor(matcher))


sounds = st.lists(st.integers(0, 1000), max_size=60)
transducers = st.builds(
    Speller,
    seed=st.integers(0, 9),
    blanks=st.sampled_from([-9.0, 0.0, 2.0, 4.0, 9.0]),
    max_symbols=st.integers(1, 4),
)
lists = st.lists(
    st.sampled_from(["Anna", "Anna Weber", "Weber", "Ann", "Ana, Weber", "eber"]), min_size=1
)
boosted = st.builds(lambda found, boost: Phrases.of(found, boost=boost), lists, st.floats(0.2, 5))


@settings(deadline=None, max_examples=60)
@given(transducers, boosted, sounds, st.lists(st.integers(0, 12), max_size=8))
def test_frames_in_any_portions(runtime, phrases, frames, portions):
    got = decode_in_portions(runtime, decoder_for(runtime, phrases), frames, portions)
    assert symbols(got) == textbook(runtime, frames, phrases)


@settings(deadline=None, max_examples=60)
@given(transducers, boosted, sounds, st.lists(st.integers(0, 12), max_size=8))
def test_frames_in_any_portions_over_blanks(runtime, phrases, frames, portions):
    phrases = replace(phrases, over_blank=True)
    got = decode_in_portions(runtime, decoder_for(runtime, phrases), frames, portions)
    assert got == decode_all(runtime, decoder_for(runtime, phrases), frames)


@settings(deadline=None, max_examples=40)
@given(transducers, st.lists(st.tuples(boosted, sounds, sounds), min_size=1, max_size=4))
def test_several_streams_with_their_own_phrases(runtime, streams):
    decoders = [decoder_for(runtime, phrases) for phrases, _, _ in streams]
    got = [[] for _ in streams]
    for turn in (1, 2):
        portions = [encoded(stream[turn]) for stream in streams]
        for known, emissions in zip(got, decode(runtime, decoders, portions), strict=True):
            known += symbols(emissions)
    for known, decoder in zip(got, decoders, strict=True):
        known += symbols(finish(runtime, decoder))
    assert got == [textbook(runtime, first + second, phrases) for phrases, first, second in streams]


class Script(Transducer):
    """Logits by frame alone; the best of each row is named, all others are 3 lower."""

    def __init__(self, rows):
        super().__init__(max_symbols=10)
        self.config = SimpleNamespace(**(vars(self.config) | {"blank_id": BLANK}))
        self.rows = rows

    def logits(self, frame, history):
        row = np.full(len(PIECES), -9.0)
        for piece, logit in self.rows[int(frame)].items():
            row[BLANK if piece is None else PIECES.index(piece)] = logit
        return row


#: Frames on which the model would write `Anwe` and leave out `ber`, and then two blanks.
DROPPED = [{"▁w": 5, None: 0}, {None: 5}, {None: 5, "e": 4}, {None: 5, "ber": 4}, {None: 5}]


@pytest.mark.parametrize(("over_blank", "written"), [(False, ["▁w"]), (True, ["▁w", "e", "ber"])])
def test_a_phrase_goes_on_over_a_blank_only_if_asked(over_blank, written):
    runtime = _emitting_once(Script(DROPPED))
    phrases = Phrases.of(["Weber"], boost=2, over_blank=over_blank)
    emissions = decode_all(runtime, decoder_for(runtime, phrases), range(5))
    assert [PIECES[each.token] for each in emissions] == written
    assert [each.is_boosted for each in emissions] == [False, True, True][: len(written)]


@pytest.mark.parametrize("portions", [[], [1, 1, 1, 1], [2, 2], [3, 1], [4]])
def test_a_phrase_that_ends_over_a_blank_does_so_wherever_a_call_ends(portions):
    runtime = _emitting_once(Script([*DROPPED, {None: 5}]))
    phrases = Phrases.of(["Weber"], boost=2, over_blank=True)
    decoder = decoder_for(runtime, phrases)
    emissions = decode_in_portions(runtime, decoder, range(6), portions)
    assert [PIECES[each.token] for each in emissions] == ["▁w", "e", "ber"]


def test_no_phrase_begins_over_a_blank():
    runtime = _emitting_once(Script([{None: 5, "▁w": 4.9}] * 4))
    phrases = Phrases.of(["Weber"], boost=5, over_blank=True)
    assert decode_all(runtime, decoder_for(runtime, phrases), range(4)) == []


def test_at_most_one_token_comes_over_the_blank_of_a_frame():
    row = {None: 5, "e": 4.9, "ber": 4.9}
    runtime = _emitting_once(Script([{"▁w": 5}, row, {None: 9}]))
    phrases = Phrases.of(["Weeber", "We"], boost=5, over_blank=True)
    emissions = decode_all(runtime, decoder_for(runtime, phrases), range(3))
    assert [(PIECES[each.token], each.frame) for each in emissions] == [("▁w", 0), ("e", 1)]


def test_a_phrase_that_was_left_long_ago_does_not_go_on_over_a_blank():
    rows = [{"▁w": 5}, *[{None: 5}] * 12, {None: 5, "e": 4.9}]
    runtime = _emitting_once(Script(rows))
    phrases = Phrases.of(["Weber"], boost=5, over_blank=True)
    emissions = decode_all(runtime, decoder_for(runtime, phrases), range(14))
    assert [PIECES[each.token] for each in emissions] == ["▁w"]


def _emitting_once(runtime):
    """Make a frame's own token a blank once it was emitted, as a trained model does."""
    scripted = runtime.logits
    begun = mixed(0, BLANK, 0)

    def logits(frame, history):
        row = scripted(frame, history)
        if history != begun and int(frame) == 0:
            row[BLANK] = 20
        return row

    runtime.logits = logits
    return runtime


def write(rows, *phrases):
    """Decode a script with one token a frame; in one call, and frame by frame."""
    listed = Phrases.of(phrases, boost=2)
    runtime = Script(rows)
    runtime.config.max_symbols = 1
    whole = decode_all(runtime, decoder_for(runtime, listed), range(len(rows)))
    decoder, one_by_one = decoder_for(runtime, listed), []
    for frame in range(len(rows)):
        one_by_one += decode(runtime, [decoder], [encoded([frame])])[0]
    assert one_by_one + finish(runtime, decoder) == whole
    return [PIECES[each.token] for each in whole]


#: A frame on which the model would write `an`, and a phrase with `we` can win; and a blank.
TURNED, NOTHING = {"▁an": 5, "▁w": 4.5}, {None: 5}


@pytest.mark.parametrize(
    ("blanks", "written"),
    [
        (MAX_TRIAL_BLANK_FRAMES, ["▁w", "e", "ber"]),
        (MAX_TRIAL_BLANK_FRAMES + 1, ["▁an", "e", "ber"]),
    ],
)
def test_a_phrase_that_does_not_go_on_is_taken_back(blanks, written):
    rows = [TURNED, *[NOTHING] * blanks, {"e": 5}, {"ber": 5}]
    assert write(rows, "Weber") == written


@pytest.mark.parametrize(
    ("blanks", "then", "written"),
    [
        (0, "n", ["▁an", "e", "n"]),
        (MAX_TRIAL_END_FRAMES, "n", ["▁an", "e", "n"]),
        (MAX_TRIAL_END_FRAMES + 1, "n", ["▁w", "e", "n"]),
        (0, ",", ["▁w", "e", ","]),
        (0, "▁an", ["▁w", "e", "▁an"]),
        (0, "<de-DE>", ["▁w", "e", "<de-DE>"]),
        (2, None, ["▁w", "e"]),
    ],
)
def test_a_phrase_stays_only_where_a_word_ends(blanks, then, written):
    assert write([TURNED, {"e": 5}, *[NOTHING] * blanks, {then: 5}], "We") == written


def test_a_phrase_that_is_left_at_the_end_is_taken_back():
    assert write([TURNED, {"e": 5}, NOTHING], "Weber") == ["▁an", "e"]
    assert write([TURNED, NOTHING, TURNED, {"e": 5}], "We An", "We Weber") == ["▁an", "▁an", "e"]


def test_a_phrase_longer_than_the_trial_stays():
    long = "We" + "ae" * 20
    rows = [TURNED, *[{"e": 5}, {"a": 5}] * 20]
    longest = MAX_TRIAL_FRAMES - MAX_TRIAL_BLANK_FRAMES
    for frames, first in [(longest, "▁an"), (longest + 1, "▁w")]:
        assert write([*rows[:frames], *[NOTHING] * 20], long)[0] == first

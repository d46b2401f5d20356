"""Phrases in the greedy decoder: what they may change, and what they never do."""

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.boosting.cursor import PhraseCursor
from nemocli.boosting.matcher import PhraseMatcher
from nemocli.boosting.phrases import Phrases
from nemocli.boosting.vocabulary import Vocabulary
from nemocli.engine.greedy import GreedyDecoder, decode
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
    """Decode by the textbook's loop, with phrases that are matched slowly."""
    slow = SlowPhrases(phrases, pieces())
    history, count, told, symbols = mixed(0, BLANK, 0), 1, [], []
    for place, frame in enumerate(frames):
        for _ in range(runtime.config.max_symbols):
            logits = runtime.logits(frame, history).astype(np.float32)
            best = int(logits.argmax())
            if best == BLANK:
                break
            token = slow.choose(told, logits, best)
            chances = np.exp(logits) / np.exp(logits).sum()
            symbols.append((token, place, pytest.approx(chances[token], rel=1e-4), token != best))
            told.append(token)
            history, count = mixed(history, token, count), count + 1
    return symbols


def symbols(emissions):
    return [(each.token, each.frame, each.probability, each.is_boosted) for each in emissions]


def decoder_for(runtime, phrases):
    matcher = PhraseMatcher(phrases, Vocabulary(pieces()))
    return GreedyDecoder(runtime.config, PhraseCursor(matcher))


sounds = st.lists(st.integers(0, 1000), max_size=24)
transducers = st.builds(
    Speller,
    seed=st.integers(0, 9),
    blanks=st.sampled_from([-9.0, 0.0, 2.0, 9.0]),
    max_symbols=st.integers(1, 4),
)
lists = st.lists(
    st.sampled_from(["Anna", "Anna Weber", "Weber", "Ann", "Ana, Weber", "eber"]), min_size=1
)
boosted = st.builds(lambda found, boost: Phrases.of(found, boost=boost), lists, st.floats(0.2, 5))


@settings(deadline=None, max_examples=60)
@given(transducers, boosted, sounds, st.lists(st.integers(0, 12), max_size=8))
def test_frames_in_any_portions(runtime, phrases, frames, portions):
    decoder, got, at = decoder_for(runtime, phrases), [], 0
    for size in [*portions, len(frames)]:
        [emissions] = decode(runtime, [decoder], [encoded(frames[at : at + size])])
        got += symbols(emissions)
        at = min(at + size, len(frames))
    assert got == textbook(runtime, frames, phrases)


@settings(deadline=None, max_examples=40)
@given(transducers, st.lists(st.tuples(boosted, sounds, sounds), min_size=1, max_size=4))
def test_several_streams_with_their_own_phrases(runtime, streams):
    decoders = [decoder_for(runtime, phrases) for phrases, _, _ in streams]
    got = [[] for _ in streams]
    for turn in (1, 2):
        portions = [encoded(stream[turn]) for stream in streams]
        for known, emissions in zip(got, decode(runtime, decoders, portions), strict=True):
            known += symbols(emissions)
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
    [emissions] = decode(runtime, [decoder_for(runtime, phrases)], [encoded(range(5))])
    assert [PIECES[each.token] for each in emissions] == written
    assert [each.is_boosted for each in emissions] == [False, True, True][: len(written)]


def test_no_phrase_begins_over_a_blank():
    runtime = _emitting_once(Script([{None: 5, "▁w": 4.9}] * 4))
    phrases = Phrases.of(["Weber"], boost=5, over_blank=True)
    assert decode(runtime, [decoder_for(runtime, phrases)], [encoded(range(4))]) == [[]]


def test_at_most_one_token_comes_over_the_blank_of_a_frame():
    row = {None: 5, "e": 4.9, "ber": 4.9}
    runtime = _emitting_once(Script([{"▁w": 5}, row, {None: 9}]))
    phrases = Phrases.of(["Weber"], boost=5, over_blank=True)
    [emissions] = decode(runtime, [decoder_for(runtime, phrases)], [encoded(range(3))])
    assert [(PIECES[each.token], each.frame) for each in emissions] == [("▁w", 0), ("e", 1)]


def test_a_phrase_that_was_left_long_ago_does_not_go_on_over_a_blank():
    rows = [{"▁w": 5}, *[{None: 5}] * 12, {None: 5, "e": 4.9}]
    runtime = _emitting_once(Script(rows))
    phrases = Phrases.of(["Weber"], boost=5, over_blank=True)
    [emissions] = decode(runtime, [decoder_for(runtime, phrases)], [encoded(range(14))])
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

"""From samples to tokens: a session says what one pass over the whole sound says."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import nemocli.engine.session as session_module
from nemocli.engine.session import advance
from nemocli.transcriber import Transcriber
from tests.engine.offline import mel_rows
from tests.engine.small import (
    CONFIG,
    FEATURES,
    VOCABULARY,
    Letters,
    Recorder,
    SmallRuntime,
    offline,
    small,
)
from tests.sounds import speech_like

SOUND = speech_like(6, seed=3)

KINDS = pytest.mark.parametrize("blocks", [True, False], ids=["blocks", "chunks"])


@cache
def truth(lookahead, lang, end=None):
    """The encoder's frames and the symbols of the sound, or of its beginning."""
    rows = mel_rows(SOUND[:end], FEATURES)
    enc_proj = offline().encode(rows, lookahead, [CONFIG.prompts[lang]] * (len(rows) + 1))
    return enc_proj, offline().decode(enc_proj)


def symbols(transcript):
    return [(token.id, token.frame, token.confidence) for token in transcript.tokens]


def about(wanted):
    return [(token, frame, pytest.approx(chance, rel=1e-3)) for token, frame, chance in wanted]


@KINDS
@pytest.mark.parametrize(
    ("lookahead", "lang"), [(0, "de-DE"), (1, "auto"), (2, "en-US"), (3, "ja-JP")]
)
def test_a_sound_in_packets(lookahead, lang, blocks):
    enc_proj, wanted = truth(lookahead, lang)
    session = small(lookahead, blocks).session(lang, keep_encoder=True)
    for packet in np.array_split(SOUND, 10):
        session.feed(packet)
    final = session.finish()
    np.testing.assert_allclose(np.concatenate(session.enc_proj), enc_proj, atol=1e-4)
    assert symbols(final) == about(wanted)
    assert final.duration == 6.0
    assert session.frames == len(enc_proj) == 76


def test_the_truth_is_worth_comparing_with():
    """Every token is said, on the first frames too, and some frames have all they may have."""
    said = [symbol for lookahead in (0, 3) for symbol in truth(lookahead, "de-DE")[1]]
    assert {token for token, _, _ in said} == set(range(len(VOCABULARY))) - {CONFIG.blank_id}
    assert {frame for _, frame, _ in said} >= {0, 1, 2}
    frames = [frame for _, frame, _ in truth(3, "de-DE")[1]]
    assert max(map(frames.count, frames)) == CONFIG.max_symbols
    assert len({len(truth(3, lang)[1]) for lang in CONFIG.prompts}) > 1


@KINDS
def test_each_chunk_is_told_with_the_packet_that_completes_it(blocks):
    """Frame t of mel rows needs 200 samples behind its centre; the first chunk is 7 rows short."""
    sound = SOUND[:20000]
    enc_proj, wanted = truth(2, "de-DE", end=len(sound))
    session = small(2, blocks).session("de")
    assert session.frames == 0 and session.last_token_frame is None
    for end in range(160, len(sound) + 1, 160):
        transcript = session.feed(sound[end - 160 : end])
        rows = (end - 200) // 160 + 1
        assert session.frames == (rows + 7) // 24 * 3
        known = [symbol for symbol in wanted if symbol[1] < session.frames]
        assert symbols(transcript) == about(known)
        assert session.last_token_frame == (known[-1][1] if known else None)
        assert transcript.duration == end / 16000
        decoded = min(transcript.duration, session.frames * 0.08)
        assert session.so_far() == replace(transcript, duration=decoded)
    assert 0 < len(enc_proj) - session.frames <= 3


@KINDS
def test_streams_advanced_together_in_parts(blocks):
    """As files are: features apart from the encoder, and each stream as long as it is."""
    transcriber, ends = small(3, blocks), {"de-DE": 5000, "ja-JP": 0, "en-US": len(SOUND)}
    sessions = [transcriber.session(lang) for lang in ends]
    for session, end in zip(sessions, ends.values(), strict=True):
        session.push(session.features(SOUND[:end]))
        session.push(session.last_features())
        session.end()
    assert [session.chunks for session in sessions] == [2, 1, 19]
    turns = 0
    while waiting := [session for session in sessions if session.chunks]:
        advance(waiting, 4)
        turns += 1
    assert turns == 5
    for session, (lang, end) in zip(sessions, ends.items(), strict=True):
        assert symbols(session.finish()) == about(truth(3, lang, end)[1])
        assert session.finish().duration == session.so_far().duration == end / 16000


@pytest.mark.parametrize(("lookahead", "frames"), [(0, 6), (1, 6), (3, 4), (6, 7)])
def test_what_is_transcribed_at_once_is_bounded(lookahead, frames, monkeypatch):
    """So that the memory for a file does not depend on its length; a chunk at least."""
    monkeypatch.setattr(session_module, "BLOCK_FRAMES", 6)
    transcriber = small(lookahead, runtime=Recorder)
    transcriber.session().feed(SOUND[:32000])
    calls = [x["embeds"] for name, x in transcriber._runtime.calls if name == "conformer_block"]
    assert [x.shape[1] for x in calls[:-1]] == [frames] * (len(calls) - 1)
    assert 0 < calls[-1].shape[1] <= frames


def test_words_can_be_taken_from_an_endless_stream():
    session, whole = small(0).session("de"), small(0).session("de")
    taken = []
    for packet in np.array_split(SOUND, 30):
        session.feed(packet)
        taken += session.take_words()
    assert len(taken) > 10
    session.finish()
    taken += session.take_words()
    [last] = session.take_words(close=True)
    whole.feed(SOUND)
    words = whole.finish().words
    assert [word.text for word in [*taken, last]] == [word.text for word in words]


class Halves(Letters):
    """Pieces of which none makes a character whole."""

    def text(self, tokens):
        return super().text(tokens) + "\ufffd"


def test_what_never_became_a_character_is_shown_at_the_end():
    session = Transcriber(SmallRuntime(0), Halves(), "small").session("de")
    session.feed(SOUND)
    *before, last = session.finish().words
    assert last.text.endswith("\ufffd")
    assert list(session.so_far().words) == before

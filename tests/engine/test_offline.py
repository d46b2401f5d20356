"""From samples to tokens: a session gives what one pass over the whole sound gives."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

import nemocli.engine.session as session_module
from nemocli.engine.stream import advance
from nemocli.transcriber import Transcriber
from tests.engine.offline import mel_rows
from tests.engine.small import (
    CONFIG,
    FEATURES,
    VOCABULARY,
    Letters,
    SmallRuntime,
    offline,
    record,
    small,
)
from tests.sounds import speech_like

SOUND = speech_like(6, seed=3)

KINDS = pytest.mark.parametrize("blocks", [True, False], ids=["blocks", "chunks"])


@cache
def truth(lookahead, lang, end=None):
    """Compute the encoder's frames and the tokens of a sound, or of its beginning."""
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


def test_the_reference_emits_every_token():
    """Some come on the first frames, and some frames have `max_symbols` of them."""
    said = [symbol for lookahead in (0, 3) for symbol in truth(lookahead, "de-DE")[1]]
    assert {token for token, _, _ in said} == set(range(len(VOCABULARY))) - {CONFIG.blank_id}
    assert {frame for _, frame, _ in said} >= {0, 1, 2}
    frames = [frame for _, frame, _ in truth(3, "de-DE")[1]]
    assert max(map(frames.count, frames)) == CONFIG.max_symbols
    assert len({len(truth(3, lang)[1]) for lang in CONFIG.prompts}) > 1


@KINDS
def test_each_chunk_is_transcribed_with_the_packet_that_completes_it(blocks):
    """Mel row t needs 200 samples behind its centre; the first chunk has 7 rows less."""
    sound = SOUND[:20000]
    enc_proj, wanted = truth(2, "de-DE", end=len(sound))
    session = small(2, blocks).session("de")
    assert session.frames == 0 and session.last_token_frame is None
    said = []
    for end in range(160, len(sound) + 1, 160):
        update = session.feed(sound[end - 160 : end])
        said += symbols(update)
        rows = (end - 200) // 160 + 1
        assert session.frames == (rows + 7) // 24 * 3
        known = [symbol for symbol in wanted if symbol[1] < session.frames]
        assert said == about(known)
        assert session.last_token_frame == (known[-1][1] if known else None)
        assert update.duration == end / 16000
    assert 0 < len(enc_proj) - session.frames <= 3


@KINDS
def test_streams_advanced_together_in_parts(blocks):
    """Files are transcribed so: mel rows are computed first, and streams differ in length."""
    transcriber, ends = small(3, blocks), {"de-DE": 5000, "ja-JP": 0, "en-US": len(SOUND)}
    streams = [transcriber._begin_stream(lang) for lang in ends]
    for stream, end in zip(streams, ends.values(), strict=True):
        stream.push(stream.compute_rows(SOUND[:end]))
        stream.push(stream.compute_last_rows())
        stream.end()
    assert [stream.chunks for stream in streams] == [2, 1, 19]
    turns = 0
    while waiting := [stream for stream in streams if stream.chunks]:
        advance(waiting, 4)
        turns += 1
        for stream in streams:
            whole = stream.build_transcript()
            decoded = min(whole.duration, stream.frames * 0.08)
            assert stream.build_transcript_so_far() == replace(whole, duration=decoded)
    assert turns == 5
    for stream, (lang, end) in zip(streams, ends.items(), strict=True):
        transcript = stream.build_transcript(final=True)
        assert symbols(transcript) == about(truth(3, lang, end)[1])
        assert transcript.duration == stream.build_transcript_so_far().duration == end / 16000


@pytest.mark.parametrize(("lookahead", "frames"), [(0, 6), (1, 6), (3, 4), (6, 7)])
def test_what_is_transcribed_at_once_is_bounded(lookahead, frames, monkeypatch):
    """The memory for a file then does not depend on its length. The least is one chunk."""
    monkeypatch.setattr(session_module, "MAX_BLOCK_FRAMES", 6)
    transcriber = small(lookahead)
    recorded = record(transcriber._runtime)
    transcriber.session().feed(SOUND[:32000])
    calls = [x["embeds"] for name, x in recorded if name == "conformer_block"]
    assert [x.shape[1] for x in calls[:-1]] == [frames] * (len(calls) - 1)
    assert 0 < calls[-1].shape[1] <= frames


def test_updates_have_each_word_and_token_once():
    """They come as they become final, and the whole transcript has the same."""
    session = small(0).session("de")
    words, tokens, growing = [], [], 0
    for packet in np.array_split(SOUND, 30):
        update = session.feed(packet)
        words += update.final
        tokens += update.tokens
        growing += len(update.growing)
        assert len(update.growing) <= 1
    assert len(words) > 10 and growing > 5
    final = session.finish()
    assert words == list(final.words[: len(words)])
    rest = session.flush()
    assert [*words, *rest.final] == list(final.words) and not rest.growing
    assert [*tokens, *rest.tokens] == list(final.tokens)
    again = session.flush()
    assert (again.final, again.growing, again.tokens) == ((), (), ())


def test_a_session_that_keeps_no_transcript_ends_with_what_no_update_had():
    kept, forgetful = small(0).session("de"), small(0).session("de", keep_transcript=False)
    words, tokens = [], []
    for packet in np.array_split(SOUND, 30):
        update = forgetful.feed(packet)
        assert update == kept.feed(packet)
        words += update.final
        tokens += update.tokens
    rest, whole = forgetful.finish(), kept.finish()
    assert 0 < len(rest.words) < len(whole.words) - 10
    assert [*words, *rest.words] == list(whole.words)
    assert [*tokens, *rest.tokens] == list(whole.tokens)
    assert (rest.language, rest.duration) == (whole.language, whole.duration)
    assert forgetful.finish() == rest


def test_flush_makes_the_growing_word_final():
    session = small(0).session("de")
    packets = iter(np.array_split(SOUND, 60))
    while not (update := session.feed(next(packets))).growing:
        pass
    [word] = update.growing
    flushed = session.flush()
    assert flushed.final == (word,) and flushed.growing == ()


class Halves(Letters):
    """A token decoder whose pieces are incomplete characters."""

    def decode_text(self, tokens):
        return super().decode_text(tokens) + "\ufffd"


def test_incomplete_characters_are_shown_at_the_end():
    session = Transcriber(SmallRuntime(0), Halves(), "small").session("de")
    session.feed(SOUND)
    *before, last = session.finish().words
    assert last.text.endswith("\ufffd")
    assert list(session._stream.build_transcript_so_far().words) == before

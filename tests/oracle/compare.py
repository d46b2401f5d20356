"""nemocli's side of a comparison with transformers, and the tolerances."""

import numpy as np

#: The largest difference of the encoder's output, divided by the largest expected value. It comes
#: from the mel rows: transformers rounds their Fourier transform to float32.
ENCODER_TOLERANCE = 1e-4

#: The largest difference of a token's confidence, which is between 0 and 1.
CONFIDENCE_TOLERANCE = 1e-3


def transcribe(transcriber, samples, lang, packet=5000):
    """Feed a sound in packets; return the results before and after `finish`."""
    session = transcriber.session(lang, keep_encoder=True)
    tokens = []
    for start in range(0, len(samples), packet):
        tokens += session.feed(samples[start : start + packet]).tokens
    fed = _decoding(tokens, session)
    return fed, _decoding(session.finish().tokens, session)


def _decoding(tokens, session):
    from tests.oracle.reference import Decoding

    frames = [part for part in session.enc_proj if len(part)]
    return Decoding(
        [token.id for token in tokens],
        [token.frame for token in tokens],
        np.array([token.confidence for token in tokens], np.float32),
        np.concatenate(frames) if frames else np.zeros((0, 1), np.float32),
    )


def assert_same(got, want, about=""):
    """Assert that tokens and frames are identical, and the rest is within the tolerances."""
    assert got.tokens == want.tokens, about
    assert got.frames == want.frames, about
    assert len(got.enc_proj) == len(want.enc_proj), about
    if len(want.enc_proj):
        assert encoder_difference(got, want) < ENCODER_TOLERANCE, about
    if want.tokens:
        worst = np.abs(got.confidences - want.confidences).max()
        assert worst < CONFIDENCE_TOLERANCE, about


def encoder_difference(got, want):
    """Return the largest absolute difference, divided by the largest expected absolute value."""
    return np.abs(got.enc_proj - want.enc_proj).max() / np.abs(want.enc_proj).max()


def check_tokens(oracle, name, runtime, lookahead, lang, sound):
    """Compare a sound's tokens with transformers', offline and streaming; return ours."""
    fed, finished = transcribe(oracle.transcriber(name, runtime, lookahead), sound, lang)
    assert_same(finished, oracle.expected("offline", name, lookahead, lang, sound))
    streamed = oracle.expected("streaming", name, lookahead, lang, sound)
    # transformers waits for 104 samples more than a chunk needs, and so may be a chunk behind.
    covered = len(streamed.enc_proj)
    assert len(fed.enc_proj) - covered in (0, lookahead + 1)
    assert_same(fed.until(covered), streamed)
    return finished

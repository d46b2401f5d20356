"""nemocli's side of a comparison, and what counts as the same."""

import numpy as np

from tests.oracle.reference import Decoding

#: Largest difference of the encoder's output, over the largest value of the expected one. What
#: there is comes from the mel rows: transformers rounds their Fourier transform to float32.
ENCODER_TOLERANCE = 1e-4

#: Largest difference of a token's confidence, which lies between 0 and 1.
CONFIDENCE_TOLERANCE = 1e-3


def transcribe(transcriber, samples, lang, packet=5000):
    """Feed a sound in packets: what is known when all is fed, and what when it is finished."""
    session = transcriber.session(lang, keep_encoder=True)
    tokens = []
    for start in range(0, len(samples), packet):
        tokens += session.feed(samples[start : start + packet]).tokens
    fed = _decoding(tokens, session)
    return fed, _decoding(session.finish().tokens, session)


def _decoding(tokens, session):
    frames = [part for part in session.enc_proj if len(part)]
    return Decoding(
        [token.id for token in tokens],
        [token.frame for token in tokens],
        np.array([token.confidence for token in tokens], np.float32),
        np.concatenate(frames) if frames else np.zeros((0, 1), np.float32),
    )


def assert_same(got, want, about=""):
    """Tokens and frames identical; confidences and the encoder's output within the tolerances."""
    assert got.tokens == want.tokens, about
    assert got.frames == want.frames, about
    assert len(got.enc_proj) == len(want.enc_proj), about
    if len(want.enc_proj):
        assert encoder_difference(got, want) < ENCODER_TOLERANCE, about
    if want.tokens:
        worst = np.abs(got.confidences - want.confidences).max()
        assert worst < CONFIDENCE_TOLERANCE, about


def encoder_difference(got, want):
    """Largest absolute difference over the largest absolute value of what is expected."""
    return np.abs(got.enc_proj - want.enc_proj).max() / np.abs(want.enc_proj).max()

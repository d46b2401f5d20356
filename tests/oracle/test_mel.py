"""The mel front end against that of transformers."""

import numpy as np

from nemocli.engine.mel import compute_mel_filters
from tests.engine.test_mel import CONFIG, frames
from tests.sounds import speech_like


def test_filters_and_frames_are_those_of_transformers():
    import transformers

    extractor = transformers.NemotronAsrStreamingFeatureExtractor(feature_size=128)
    np.testing.assert_allclose(
        compute_mel_filters(CONFIG), extractor.mel_filters.numpy(), atol=1e-7
    )
    samples = speech_like(3.0, seed=6)
    theirs = extractor(samples, sampling_rate=16000, return_tensors="np")["input_features"][0]
    ours = frames(samples)
    # transformers' FFT is float32, which is where the differences come from.
    np.testing.assert_allclose(ours, theirs[: len(ours)], atol=5e-4)

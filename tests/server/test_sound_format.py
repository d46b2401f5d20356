"""Raw sound of clients: telephony's codes, odd pieces, channels and rates."""

import io

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from nemocli.server.errors import ApiError
from nemocli.server.sound_format import TABLES, SoundFormat, SoundReader


@pytest.mark.parametrize(("encoding", "subtype"), [("pcmu", "ULAW"), ("pcma", "ALAW")])
def test_telephony_is_decoded_as_by_libsndfile(encoding, subtype):
    codes = bytes(range(256))
    expected, _ = soundfile.read(
        io.BytesIO(codes),
        samplerate=8000,
        channels=1,
        format="RAW",
        subtype=subtype,
        dtype="float32",
    )
    assert np.array_equal(TABLES[encoding], expected)


@given(
    st.sampled_from([("pcm16", 1), ("pcm16", 2), ("pcmu", 1), ("pcma", 3)]),
    st.sampled_from([8000, 16000, 24000]),
    st.lists(st.binary(max_size=700), max_size=8),
)
def test_the_pieces_of_the_sound_do_not_matter(kind, rate, pieces):
    encoding, channels = kind
    sound_format = SoundFormat(encoding, rate, channels)
    one, many = SoundReader(sound_format), SoundReader(sound_format)
    whole = b"".join(pieces)
    expected = np.concatenate([one.read(whole), one.finish()])
    parts = [many.read(piece) for piece in pieces]
    assert np.array_equal(np.concatenate([*parts, many.finish()]), expected)
    assert many.frames == len(whole) // (channels * (2 if encoding == "pcm16" else 1))
    assert len(expected) == pytest.approx(many.frames * 16000 / rate, abs=1)


@pytest.mark.parametrize(
    ("encoding", "rate", "channels"),
    [("mp3", 16000, 1), ("pcm16", 7999, 1), ("pcm16", 48001, 1), ("pcm16", 16000, 9)],
)
def test_other_sound_is_refused(encoding, rate, channels):
    with pytest.raises(ApiError) as refused:
        SoundFormat(encoding, rate, channels)
    assert refused.value.status == 400

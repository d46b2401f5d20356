"""Which of several sound tracks is transcribed, and what is said of them."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from nemocli.audio.decode import probe_tracks
from nemocli.audio.options import SoundOptions, parse_track
from nemocli.audio.sound import open_sound
from nemocli.audio.track_languages import to_language_code
from nemocli.audio.tracks import Track, choose_track
from nemocli.errors import AudioError, UsageError
from nemocli.units import SAMPLE_RATE
from tests import media

SPEAKS, SILENT = media.sine(2, SAMPLE_RATE), np.zeros(2 * SAMPLE_RATE, np.float32)


def film(folder: Path, *tracks: media.SoundTrack, name: str = "a.mkv") -> Path:
    return media.encode_tracks(folder / name, tracks, SAMPLE_RATE)


def of(
    language: str | None = None, *, hertz: float = 440.0, flags: int = 0, title: str | None = None
) -> media.SoundTrack:
    return media.SoundTrack(media.sine(2, SAMPLE_RATE, hertz), language, title, flags)


def chosen(path: Path, **options) -> int:
    """The number of the chosen track, which must also be the one that sounds."""
    with open_sound(path, options=SoundOptions(**options)) as sound:
        samples = np.concatenate(list(sound))
        assert sound.note is None or f"track {sound.decoded.track}" in sound.note
        assert np.abs(samples).max() > 0.1
        return sound.decoded.track


def pitch(path: Path, **options) -> float:
    """Hertz of the loudest tone."""
    with open_sound(path, options=SoundOptions(**options)) as sound:
        samples = np.concatenate(list(sound))[4000:20000]
    return float(np.abs(np.fft.rfft(samples)).argmax() * SAMPLE_RATE / len(samples))


def test_default_second_while_the_first_is_silent(tmp_path):
    """As a film with an unused track of its original language."""
    path = film(tmp_path, media.SoundTrack(SILENT, "eng"), media.SoundTrack(SPEAKS, "ger", flags=1))
    assert chosen(path) == 2
    assert chosen(path, language="en-US") == 2  # what is asked for is silent


def test_first_track_of_an_unknown_codec(tmp_path):
    path = film(tmp_path, of(hertz=300, flags=1), of(hertz=700))
    data = path.read_bytes()
    at = data.index(b"A_AAC")
    path.write_bytes(data[:at] + b"A_XYZ" + data[at + 5 :])
    assert chosen(path) == 2
    assert pitch(path) == pytest.approx(700, abs=5)
    assert [track.is_decodable for track in probe_tracks(path)] == [False, True]
    with pytest.raises(AudioError, match="choose another track with --track"):
        open_sound(path, options=SoundOptions(track=1))


def test_no_other_track_is_advised_where_there_is_none(tmp_path):
    path = film(tmp_path, of(hertz=300))
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    with pytest.raises(AudioError, match="no sound that can be decoded") as caught:
        open_sound(path)
    assert "--track" not in str(caught.value)


def test_silence_at_the_beginning_hides_nothing(tmp_path):
    """The default track speaks only after a minute, and another is silent from end to end."""
    late = np.concatenate([np.zeros(60 * 8000, np.float32), media.sine(60, 8000)])
    quiet = np.zeros(120 * 8000, np.float32)
    tracks = (media.SoundTrack(quiet, flags=1), media.SoundTrack(late))
    path = media.encode_tracks(tmp_path / "a.mkv", tracks, 8000)
    assert chosen(path) == 2
    tracks = (media.SoundTrack(late, flags=1), media.SoundTrack(quiet))
    path = media.encode_tracks(tmp_path / "b.mkv", tracks, 8000)
    assert chosen(path) == 1


def test_the_default_flag_goes_before_the_order(tmp_path):
    assert pitch(film(tmp_path, of(hertz=300), of(hertz=700, flags=1))) == pytest.approx(700, abs=5)
    assert pitch(film(tmp_path, of(hertz=300), of(hertz=700))) == pytest.approx(300, abs=5)


@pytest.mark.parametrize(
    "addition",
    [of("eng", flags=9), of("eng", flags=129), of("eng", flags=257)]
    + [of("eng", flags=1, title=title) for title in ("Director's Commentary", "Audio Description")],
)
def test_commentaries_and_descriptions_come_last(tmp_path, addition):
    assert chosen(film(tmp_path, addition, of("eng"))) == 2
    assert chosen(film(tmp_path, addition, of("eng")), track=1) == 1


def test_the_language_that_is_asked_for(tmp_path):
    path = film(tmp_path, of("eng", flags=1), of("ger"), of("jpn", flags=8), of())
    assert chosen(path) == chosen(path, language="en-GB") == 1
    assert chosen(path, language="de-DE") == chosen(path, track="de") == 2
    assert chosen(path, language="ja-JP") == 4  # rather unknown than a commentary
    assert chosen(path, track="ja") == 3
    assert chosen(path, language="fr-FR") == 4  # rather unknown than another language
    assert chosen(path, track=4, language="de") == 4


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts", "a.mov"])
def test_every_container_of_several_tracks(tmp_path, name):
    path = film(tmp_path, of("eng", hertz=300), of("ger", hertz=700), name=name)
    assert pitch(path) == pytest.approx(300, abs=5)
    assert pitch(path, track=2) == pitch(path, language="de") == pytest.approx(700, abs=5)
    assert [track.language for track in probe_tracks(path)] == ["en", "de"]


def test_what_is_not_there_is_a_sentence(tmp_path):
    path = film(tmp_path, of("eng"), of("ger"))
    for track in (3, "fr"):
        with pytest.raises(AudioError, match=rf"no sound track {track}.* 1 \(en\), 2 \(de\)"):
            open_sound(path, options=SoundOptions(track=track))
    soundfile.write(tmp_path / "a.wav", SPEAKS, SAMPLE_RATE)
    with pytest.raises(AudioError, match="has one sound track"):
        open_sound(tmp_path / "a.wav", options=SoundOptions(track=2))
    for track in (1, "de"):  # its only one, of no known language
        open_sound(tmp_path / "a.wav", options=SoundOptions(track=track)).close()


def test_probing_says_what_the_tracks_are(tmp_path):
    path = film(tmp_path, of("eng", title="Stereo", flags=1), of("fre", flags=8))
    first, second = probe_tracks(path)
    assert (first.number, first.language, first.codec, first.rate) == (1, "en", "aac", SAMPLE_RATE)
    assert (first.channels, first.title, first.is_default, first.role) == (1, "Stereo", True, None)
    assert first.duration == pytest.approx(2, abs=0.1)
    assert "track 2: fr, aac, 16000 Hz, 1 channel, 2." in second.describe()
    assert "commentary" in second.describe()
    soundfile.write(tmp_path / "a.flac", np.zeros((8000, 2)), 8000)
    (only,) = probe_tracks(tmp_path / "a.flac")
    assert only.describe() == "track 1: language unknown, flac, 8000 Hz, 2 channels, 1.0 s"
    with open_sound(tmp_path / "a.flac") as sound:
        assert sound.note is None
    (tmp_path / "a.txt").write_text("no sound at all")
    for name, words in (("a.txt", "not a sound file"), ("b.wav", "does not exist")):
        with pytest.raises(AudioError, match=words):
            probe_tracks(tmp_path / name)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_not_read_twice(tmp_path):
    path = film(tmp_path, media.SoundTrack(SILENT), of(flags=1))
    os.mkfifo(tmp_path / "pipe")
    data = path.read_bytes()
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(data), daemon=True)
    writer.start()
    assert chosen(tmp_path / "pipe") == 2
    writer.join(10)


CODES = {
    **{"de": "de", "ger": "de", "deu": "de", "German": "de", "de_AT": "de", "tlh": "tlh"},
    **{"und": None, "": None, None: None, "x1": None, "zxx": None},
}


@pytest.mark.parametrize(("text", "code"), CODES.items())
def test_language_codes(text, code):
    assert to_language_code(text) == code


def test_what_track_takes():
    assert [parse_track(text) for text in (None, "2", " ger ", "ja-JP")] == [None, 2, "de", "ja"]
    for text in ("0", "-1", "", "²", "first track", "und"):
        with pytest.raises(UsageError, match="--track takes"):
            parse_track(text)


LANGUAGES = st.sampled_from([None, "de", "en", "ja", "nb"])


@given(
    found=st.lists(
        st.tuples(LANGUAGES, st.booleans(), st.booleans(), st.booleans(), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    wanted=st.sampled_from(["auto", "de-DE", "no", "fr-FR"]),
)
def test_nothing_better_is_passed_over(found, wanted):
    tracks = [
        Track(n, language, None, "aac", 8000, 1, 1.0, default, "commentary" if role else None, able)
        for n, (language, default, role, able, _) in enumerate(found, 1)
    ]
    silent = {n for n, (*_, is_silent) in enumerate(found, 1) if is_silent}
    able = [track for track in tracks if track.is_decodable]
    if not able:
        with pytest.raises(AudioError):
            choose_track(Path("a"), tracks, SoundOptions(language=wanted), lambda _: silent)
        return
    best = choose_track(Path("a"), tracks, SoundOptions(language=wanted), lambda _: silent)
    assert best.is_decodable
    code = {"auto": None, "de-DE": "de", "no": "nb", "fr-FR": "fr"}[wanted]

    def faults(track: Track) -> tuple[bool, bool, bool]:
        is_foreign = code is not None and track.language not in (None, code)
        return track.number in silent, is_foreign, track.role is not None

    assert faults(best) == min(map(faults, able))

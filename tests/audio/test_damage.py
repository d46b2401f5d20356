"""Damaged files: intact sound is decoded at its time, and missing sound is reported."""

import numpy as np
import pytest

from nemocli.audio.sound import open_sound
from nemocli.errors import AudioError
from nemocli.units import SAMPLE_RATE
from tests.audio.damages import DAMAGES, KINDS, MARKS, Kind, damaged
from tests.audio.marks import EVERY, LENGTH, find_marks

#: Seconds by which a mark may be elsewhere than in the whole file.
NEAR = 0.05

#: Kinds that are tried in every run of the tests; the others take a minute.
OFTEN = [
    *("WAV-pcm-16000", "mp3-libmp3lame-16000", "flac-flac-44100", "adts-aac-48000"),
    *("webm-libopus-48000", "mpegts-aac-16000"),
    "mp4-aac-16000-frag_keyframe+empty_moov-500000",
]

#: Marks that damage may take along: those within it, and within the block or cluster it is in.
MOST_MISSING = {"200 bad bytes": 3, "zeros": 4, "late": 0, "hole": 4, "lost packets": 6}
IN_CLUSTERS = 9

#: What only files with times can show.
WITH_CLOCK = {
    "late": {"late": 3.0},
    "hole": {"drop": lambda seconds: 2.0 <= seconds < 3.1},
    "lost packets": {"drop": lambda seconds: seconds > 0.5 and int(seconds * 1000) % 400 < 100},
}


def read(path):
    """Samples, warnings, and the sentence if there is no sound."""
    packets = [np.zeros(0, np.float32)]
    try:
        with open_sound(path) as sound:
            packets.extend(sound)
    except AudioError as error:
        return packets[0], (), str(error)
    return np.concatenate(packets), sound.warnings, ""


def cases(kind: Kind):
    # Zeros can only be told from sound where a codec marks its frames, and Ogg tells the time of
    # whole pages only.
    for how in DAMAGES:
        if how != "zeros" or kind.marks_frames:
            yield how
    if kind.has_clock:
        yield "late"
        yield "hole"
        if kind.form != "ogg":
            yield "lost packets"


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=kind.name, marks=[] if kind.name in OFTEN else pytest.mark.slow)
        for kind in KINDS
    ],
)
def test_what_befalls_files(tmp_path, capfd, kind):
    path = tmp_path / f"a.{kind.form.lower()}"
    content = kind.write(path)
    whole, warnings, error = read(path)
    assert not warnings and not error
    places = {n: at[0] for n, at in find_marks(whole, MARKS).items() if len(at) == 1}
    assert len(places) >= MARKS - 1
    for how in cases(kind):
        if how in WITH_CLOCK:
            kind.write(path, **WITH_CLOCK[how])
        else:
            path.write_bytes(damaged(content, how))
        sound, warnings, error = read(path)
        judge(kind, how, whole, places, sound, warnings, error)
    assert capfd.readouterr() == ("", "")


def judge(kind, how, whole, places, sound, warnings, error):
    seconds, had = len(sound) / SAMPLE_RATE, len(whole) / SAMPLE_RATE
    told = f"{how}: {[warning.message for warning in warnings]} {error}"
    for warning in warnings:
        assert 0 <= warning.at_s <= seconds + NEAR, told
        assert warning.message.endswith(".") and "\n" not in warning.message, told
    if error:
        assert how == "cut" and kind.has_index_at_end, told
        return
    # The sound of a film that begins late is late.
    late = 3.0 if how == "late" and kind.picture else 0.0
    found = find_marks(np.clip(sound, -1, 1), MARKS)
    missing = [n for n, at in found.items() if n in places and not at]
    # Frames of plain AMR have no mark: where one is damaged, readers are lost for a while.
    near = 0.3 if kind.form == "amr" and how != "cut" else NEAR
    for number, place in places.items():
        if found[number]:
            assert min(abs(at - place - late) for at in found[number]) < near, (number, told)
    if how == "cut":
        # What is there was read, but for a packet or a page; or it is said that it was not.
        assert seconds > 0.55 * had - 0.35 or warnings, told
        assert all(places[n] + LENGTH > seconds - NEAR for n in missing), (missing, told)
        assert warnings or not kind.has_length, told
        return
    if missing and not warnings:
        # Nothing was left out: what the bytes at 45 percent are now was taken for sound.
        assert how in ("200 bad bytes", "zeros") and abs(seconds - had) < NEAR, (missing, told)
        assert all(0.4 * had < places[n] + LENGTH and places[n] < 0.6 * had for n in missing)
    most = MOST_MISSING.get(how, 0)
    assert len(missing) <= (IN_CLUSTERS if most and kind.has_clusters else most), (missing, told)
    if how == "joined":
        again = [[at - places[n] for at in found[n] if at - places[n] > EVERY] for n in places]
        assert all(again) or warnings, told
        shifts = [at[0] for at in again if at]
        assert max(shifts) - min(shifts) < NEAR, told
    if how == "late":
        assert not warnings, told
    if how in ("hole", "lost packets"):
        assert warnings and abs(seconds - had) < 0.1, told

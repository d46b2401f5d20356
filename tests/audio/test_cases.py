"""Files like those of bug reports: sound and times are right, and warnings say what is wrong."""

import re
import struct
import tempfile
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from nemocli.audio.container_clock import SpeexClock
from nemocli.audio.ogg_pages import NO_TIME, read_page
from nemocli.audio.packed_formats import measure_frame
from nemocli.audio.sound import open_sound
from nemocli.audio.trailing_bytes import ends_frame
from nemocli.errors import AudioError
from nemocli.units import SAMPLE_RATE
from tests.audio.damages import FRAGMENTS
from tests.audio.marks import EVERY, find_marks, marked
from tests.media import encode
from tests.repeats import repeats

MARKS = 15


def read(path):
    """Where each mark is, the seconds of sound in all, and the warnings."""
    with open_sound(path) as sound:
        samples = np.concatenate([np.zeros(0, np.float32), *sound])
    places = {n: at for n, at in find_marks(samples, MARKS).items() if at}
    return places, len(samples) / SAMPLE_RATE, sound.warnings


@lru_cache(64)
def _encode_once(name, codec, rate, form, options):
    """Encode the marks; return the file's bytes, and what `read` returns for it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        encode(path, codec, marked(MARKS, rate), rate, form=form, options=dict(options))
        return path.read_bytes(), read(path)


def encode_marks(path, codec, rate, form=None, **options):
    """Write all marks into a file; return its path, and its places, seconds and warnings.

    Several tests damage the same file: it is encoded and read once.
    """
    content, (places, seconds, warnings) = _encode_once(
        path.name, codec, rate, form, tuple(options.items())
    )
    path.write_bytes(content)
    return path, (dict(places), seconds, list(warnings))


def check(path, kinds, lost=0, late=0.0):
    """Assert that all marks but some are at their places, and check the warnings."""
    places, seconds, warnings = read(path)
    assert {warning.kind for warning in warnings} == set(kinds), warnings
    assert len(places) >= MARKS - lost
    for number, at in places.items():
        assert at[0] == pytest.approx(number * EVERY + late, abs=0.05), number
    return seconds, warnings


@pytest.mark.parametrize("name", ["a.mp3", "a.m4a", "a.flac"])
def test_bad_bytes(tmp_path, name):
    codec = {"a.mp3": "libmp3lame", "a.m4a": "aac", "a.flac": "flac"}[name]
    path = encode(tmp_path / name, codec, marked(MARKS, 16000), 16000)
    content = path.read_bytes()
    at = len(content) * 45 // 100
    path.write_bytes(content[:at] + np.random.default_rng(1).bytes(200) + content[at + 200 :])
    places, seconds, warnings = read(path)
    assert {warning.kind for warning in warnings} <= {"damage", "gap"} and warnings
    assert 3 < warnings[0].at_s < 4.5
    assert len(places) >= MARKS - 2
    assert all(at[0] == pytest.approx(n * EVERY, abs=0.05) for n, at in places.items())
    assert seconds == pytest.approx(8, abs=0.1)


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    path = tmp_path_factory.mktemp("mp3") / "a.mp3"
    return encode(path, "libmp3lame", marked(MARKS, 16000), 16000).read_bytes()


def test_joined_mp3(tmp_path, mp3):
    (tmp_path / "a.mp3").write_bytes(mp3 + mp3)
    places, _, warnings = read(tmp_path / "a.mp3")
    assert all(len(at) == 2 for at in places.values()) and len(places) == MARKS
    assert {warning.kind for warning in warnings} <= {"damage"}


FOREIGN = {
    "an ID3 tag": b"ID3\x04\0\0\0\0\x10\0" + bytes(2048),
    "the metadata of internet radio": b"StreamTitle='A song';StreamUrl='';".ljust(64, b"\0"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_bytes_inside_take_no_time(tmp_path, mp3, name):
    at = mp3.index(b"\xff\xf3", len(mp3) // 2)  # between two frames
    (tmp_path / "a.mp3").write_bytes(mp3[:at] + FOREIGN[name] + mp3[at:])
    _, warnings = check(tmp_path / "a.mp3", ["damage"], lost=2)
    assert 3.5 < warnings[0].at_s < 4.5


@pytest.mark.parametrize(
    ("name", "codec", "rate"),
    [("a.mp3", "libmp3lame", 16000), ("a.aac", "aac", 48000), ("a.ac3", "ac3", 48000)],
)
def test_a_page_within_a_stream_takes_no_time(tmp_path, name, codec, rate):
    """It was put between sound, so its bytes tell nothing of sound that is lost."""
    path, (whole, seconds, _) = encode_marks(tmp_path / name, codec, rate)
    content = path.read_bytes()
    at = len(content) // 2
    page = b"<html>404 Not Found</html>\n" * 1000
    path.write_bytes(content[:at] + page + content[at:])
    places, seconds_with_page, warnings = read(path)
    assert warnings and {warning.kind for warning in warnings} <= {"damage", "gap"}
    assert len(places) >= MARKS - 2 and seconds_with_page == pytest.approx(seconds, abs=0.08)
    assert all(at[0] == pytest.approx(whole[n][0], abs=0.05) for n, at in places.items())


TAILS = {
    "zeros": bytes(4000),
    "a page": b"<html><body>Bad gateway</body></html>\n" * 50,
    "Lyrics3": b"LYRICSBEGININD00002LYR00010la la la la000027LYRICS200TAG" + bytes(125),
    "noise": np.random.default_rng(0).bytes(2000),
    "an old tag": b"TAG" + bytes(125),
}


@pytest.mark.parametrize("name", repeats(TAILS, 3))
def test_foreign_bytes_behind(tmp_path, mp3, name):
    (tmp_path / "a.mp3").write_bytes(mp3 + TAILS[name])
    places, seconds, warnings = read(tmp_path / "a.mp3")
    assert all(places[n][0] == pytest.approx(n * EVERY, abs=0.05) for n in range(1, MARKS + 1))
    assert seconds < 8.3
    if name != "an old tag":  # which players know
        assert [warning.kind for warning in warnings] == ["damage"]


def test_comfort_noise_of_amr(tmp_path):
    """Frames that FFmpeg does not decode are pauses of 20 ms, and no damage."""
    path = encode(tmp_path / "a.amr", "libopencore_amrnb", marked(MARKS, 8000), 8000)
    content, frames = path.read_bytes(), []
    sizes = [12, 13, 15, 17, 19, 20, 26, 31, 5, 0, 0, 0, 0, 0, 0, 0]
    at = 6
    while at < len(content):
        size = 1 + sizes[content[at] >> 3 & 15]
        frames.append(content[at : at + size])
        at += size
    # From 1.7 to 1.9 s, between two marks: comfort noise, then frames that were not sent.
    frames[85:95] = [bytes([8 << 3 | 4]) + bytes(5)] * 3 + [b"\x7c"] * 7
    path.write_bytes(content[:6] + b"".join(frames))
    check(path, [])
    frames[85] = bytes([8 << 3]) + bytes(5)  # marked as damaged by the sender
    path.write_bytes(content[:6] + b"".join(frames))
    _, warnings = check(path, ["damage"])
    assert warnings[0].at_s == pytest.approx(1.7, abs=0.05)


@pytest.mark.parametrize("form", ["amr", "3gp"])
def test_a_telephone_that_sends_no_pauses(tmp_path, form):
    """As telephones record: pauses are comfort noise, also at the end."""
    path = tmp_path / "a"
    sound = np.concatenate([marked(MARKS, 8000), np.zeros(16000, np.float32)])
    encode(path, "libopencore_amrnb", sound, 8000, form=form, codec_options={"dtx": "1"})
    seconds, _ = check(path, [])
    assert path.stat().st_size < 10_000 and seconds == pytest.approx(10, abs=0.1)


@pytest.mark.parametrize("name", repeats(["a.mp4", "a.ts"], 2))
def test_still_growing(tmp_path, name):
    options = FRAGMENTS if name == "a.mp4" else {}
    path = encode(tmp_path / name, "aac", marked(MARKS, 48000), 48000, options=options)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    places, seconds, _ = read(path)
    assert seconds > 5
    for number in range(1, int(seconds / EVERY)):
        assert places[number][0] == pytest.approx(number * EVERY + 0.02, abs=0.05)


@pytest.mark.parametrize(
    ("name", "late"),
    [(f"a.{end}", 3.0) for end in ("webm", "mka", "ogg", "ts", "mp4", "flv")] + [("a.mka", 100.0)],
)
def test_a_clock_that_begins_late(tmp_path, name, late):
    """As copied cuts and live recordings have it: the file is whole."""
    codec = "libopus" if name in ("a.webm", "a.ogg") else "aac"
    path = tmp_path / name
    encode(
        path,
        codec,
        marked(MARKS, 44100 if "flv" in name else 48000),
        44100 if "flv" in name else 48000,
        pts=lambda frame: frame + round(late * (44100 if "flv" in name else 48000)),
    )
    seconds, _ = check(path, [])
    assert seconds == pytest.approx(8, abs=0.1)
    with open_sound(path) as sound:
        assert sound.duration == pytest.approx(8, abs=0.15)


@pytest.mark.parametrize("picture", [0.0, 8.0])
@pytest.mark.parametrize(
    ("name", "codec", "packet"),
    [("a.mkv", "aac", 1024 / 48000), ("a.mkv", "libopus", 0.02), ("a.ts", "aac", 1024 / 48000)],
)
def test_one_packet_of_twenty_is_lost(tmp_path, name, codec, packet, picture):
    def drop(seconds):
        return seconds > 0.1 and round(seconds / packet) % 20 == 0

    path = tmp_path / name
    sound = marked(MARKS, 48000)
    encode(path, codec, sound, 48000, drop=drop, picture_seconds=picture)
    seconds, warnings = check(path, ["gap"], lost=5)
    assert seconds == pytest.approx(8, abs=0.1)
    assert len(warnings) == 1 and "places" in warnings[0].message


def test_a_short_wav_without_a_length(tmp_path):
    sound = (marked(3, SAMPLE_RATE) * 32767).astype("<i2")
    soundfile.write(tmp_path / "a.wav", sound, SAMPLE_RATE)
    content = bytearray((tmp_path / "a.wav").read_bytes())
    content[4:8] = bytes(4)
    struct.pack_into("<I", content, content.index(b"data") + 4, 0)
    (tmp_path / "a.wav").write_bytes(content)
    places, seconds, warnings = read(tmp_path / "a.wav")
    assert seconds == 2.0 and set(places) == {1, 2, 3}
    assert [warning.kind for warning in warnings] == ["length"]


@pytest.mark.slow
@pytest.mark.parametrize("name", repeats(["a.mkv", "a.mp4", "a.ts"], 1))
def test_an_hour_with_lost_packets(tmp_path, name):
    """One AAC packet of twenty, at random: the last marks are within 50 ms."""
    random = np.random.default_rng(0)
    part = tmp_path / "part.mkv"
    encode(part, "aac", marked(MARKS, 48000), 48000)  # eight seconds, which are 375 packets
    path = tmp_path / name
    with av.open(str(part)) as read_from, av.open(str(path), "w") as container:
        stream = container.add_stream_from_template(read_from.streams.audio[0])
        packets = [bytes(packet) for packet in read_from.demux() if packet.size][:375]
        for number in range(450 * 375):
            if number and random.random() < 0.05:
                continue
            packet = av.Packet(packets[number % 375])
            packet.stream, packet.time_base = stream, Fraction(1, 48000)
            packet.pts = packet.dts = number * 1024
            packet.duration = 1024
            container.mux(packet)
    last: list[np.ndarray] = []
    total = 0
    with open_sound(path) as sound:
        for samples in sound:
            total += len(samples)
            last = [*last[-8:], samples]
    assert total / SAMPLE_RATE == pytest.approx(3600, abs=0.1)
    assert [warning.kind for warning in sound.warnings] == ["gap"]
    begin = (total - sum(map(len, last))) / SAMPLE_RATE
    # The encoder's delay of a packet, by which the repeated sound is late; of the last 8 seconds.
    found = {
        number: begin + at[-1] - 3592 - 1024 / 48000
        for number, at in find_marks(np.concatenate(last), MARKS).items()
        if at and begin + at[-1] > 3592.4
    }
    assert len(found) >= MARKS // 2
    for number, at in found.items():
        assert at == pytest.approx(number * EVERY, abs=0.05)


@pytest.mark.parametrize("page", [0, 3])
@pytest.mark.parametrize("codec", repeats(["libopus", "flac", "vorbis"], 1))
def test_a_damaged_page_of_ogg(tmp_path, codec, page):
    """Sound behind it keeps its time, also where it is the first page and so looks like a delay."""
    path, rate = tmp_path / "a.ogg", 48000 if codec == "libopus" else 16000
    if codec == "vorbis":
        soundfile.write(path, marked(MARKS, rate), rate, "VORBIS", format="OGG")
    else:
        encode(path, codec, marked(MARKS, rate), rate, options={"page_duration": "500000"})
    content = bytearray(path.read_bytes())
    pages = [match.start() for match in re.finditer(rb"OggS\0", content)]
    with path.open("rb") as file:
        begins = [at for at in pages if read_page(file, at).granule not in NO_TIME]
    middle = (begins[page] + begins[page + 1]) // 2
    content[middle] ^= 0x55
    path.write_bytes(content)
    places, seconds, warnings = read(path)
    assert {warning.kind for warning in warnings} <= {"damage", "gap"} and warnings
    assert len(places) > MARKS // 2 and seconds == pytest.approx(8, abs=0.1)
    assert all(at[0] == pytest.approx(n * EVERY, abs=0.05) for n, at in places.items())


def test_times_of_speex_behind_a_lost_page(tmp_path):
    """Each page tells when its last packet ends; FFmpeg counts on from the page before."""
    path, frame = tmp_path / "a.ogg", av.AudioFrame("s16", "mono", 320)
    frame.sample_rate, frame.time_base = 16000, Fraction(1, 16000)
    pages = [
        struct.pack("<4sBBqIIIB", b"OggS", 0, 0, granule, 7, number, 0, 50) + bytes([70] * 50)
        for number, granule in ((2, 15857), (4, 47857), (5, 63857))
    ]
    path.write_bytes(b"".join(pages))
    clock, times = SpeexClock(path), []
    for number, counted in enumerate((-143, 15857, 47857)):
        frame.pts = counted
        times.append(clock.time(b"", number * len(pages[0]), frame))
        frame.pts += 320
        assert clock.time(b"", number * len(pages[0]), frame) == pytest.approx(times[-1] + 0.02)
    assert times == pytest.approx([-143 / 16000, 31857 / 16000, 47857 / 16000])


def test_joined_fragments(tmp_path):
    """The places in fragments count from the beginning of their own file."""
    path = tmp_path / "a.mp4"
    encode(path, "aac", marked(MARKS, 16000), 16000, options=FRAGMENTS)
    path.write_bytes(path.read_bytes() * 3)
    places, seconds, warnings = read(path)
    assert len(places) == MARKS and all(len(at) == 3 for at in places.values())
    assert seconds == pytest.approx(24, abs=0.6) and warnings


@pytest.mark.parametrize(
    ("name", "codec"),
    repeats([("a.mkv", "aac"), ("a.webm", "libopus"), ("a.caf", "alac"), ("a.wtv", "mp2")], 2),
)
def test_three_files_joined(tmp_path, name, codec):
    """Readers stop at the end of the first or second."""
    path, (whole, seconds, _) = encode_marks(tmp_path / name, codec, 48000)
    path.write_bytes(path.read_bytes() * 3)
    places, seconds_of_all, _ = read(path)
    assert seconds_of_all == pytest.approx(3 * seconds, abs=0.1)
    assert all(
        at == pytest.approx([whole[n][0] + part * seconds for part in range(3)], abs=0.1)
        for n, at in places.items()
    )


@pytest.mark.parametrize(
    ("name", "codec"),
    repeats(
        [
            *(("a.mkv", "aac"), ("a.webm", "libopus"), ("a.m4a", "aac"), ("a.ogg", "libopus")),
            *(("a.ogg", "flac"), ("a.mov", "pcm_s16le"), ("a.caf", "pcm_s16be")),
        ],
        4,
    ),
)
@pytest.mark.parametrize("tail", repeats(["noise", "a page", "zeros"], 2))
def test_what_is_behind_a_file_is_left_out(tmp_path, name, codec, tail):
    path, (whole, seconds, warnings) = encode_marks(tmp_path / name, codec, 48000)
    assert not warnings
    path.write_bytes(path.read_bytes() + TAILS[tail])
    places, seconds_with_tail, warnings = read(path)
    assert places == whole and seconds_with_tail == seconds
    if tail != "zeros":
        assert [warning.kind for warning in warnings] == ["damage"]


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        *(("a.caf", "ac3"), ("a.avi", "pcm_s16le"), ("a.wma", "wmav2"), ("a.tta", "tta")),
        *(("a.voc", "pcm_s16le"), ("a.ts", "aac")),
    ],
)
def test_noise_behind_a_file_is_left_out(tmp_path, name, codec):
    test_what_is_behind_a_file_is_left_out(tmp_path, name, codec, "noise")


def test_a_nut_without_its_index_was_cut(tmp_path):
    path, (_, _, warnings) = encode_marks(tmp_path / "a.nut", "aac", 16000)
    assert not warnings
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert [warning.kind for warning in read(path)[2]] == ["cut"]


@pytest.mark.parametrize("tail", TAILS)
def test_what_is_behind_flac_is_warned_of(tmp_path, tail):
    path, (whole, seconds, warnings) = encode_marks(tmp_path / "a.flac", "flac", 44100)
    assert not warnings
    path.write_bytes(path.read_bytes() + TAILS[tail])
    places, seconds_with_tail, warnings = read(path)
    assert places == whole and seconds_with_tail == seconds
    expected = [] if tail in ("an old tag", "zeros") else ["damage"]
    assert [warning.kind for warning in warnings] == expected


@pytest.mark.parametrize(
    ("form", "codec"), [("ac3", "ac3"), ("eac3", "eac3"), ("mpegts", "ac3"), ("wv", "wavpack")]
)
def test_a_wrong_checksum_is_never_silent(tmp_path, form, codec):
    path, (whole, seconds, warnings) = encode_marks(tmp_path / "a", codec, 48000, form)
    content = bytearray(path.read_bytes())
    assert not warnings
    at = content.index(b"\x0b\x77", len(content) // 2) if codec != "wavpack" else len(content) // 2
    content[at + 100 : at + 104] = bytes(byte ^ 0x55 for byte in content[at + 100 : at + 104])
    path.write_bytes(content)
    places, seconds_with_damage, warnings = read(path)
    assert seconds_with_damage == pytest.approx(seconds, abs=0.01)
    assert [warning.kind for warning in warnings] == ["damage"]
    if codec != "wavpack":  # whose blocks are long
        assert places == whole and "checksum" in warnings[0].message
        assert warnings[0].at_s == pytest.approx(seconds / 2, abs=0.3)


def test_wrong_checksums_throughout_do_not_hide_the_sound(tmp_path):
    """As some programs write them."""
    path, (whole, seconds, _) = encode_marks(tmp_path / "a.ac3", "ac3", 48000)
    content = bytearray(path.read_bytes())
    size = content.index(b"\x0b\x77", 2)
    for at in range(0, len(content), size):
        content[at + 2] ^= 0x55
        content[at + size - 1] ^= 0x55
    path.write_bytes(content)
    places, seconds_with_damage, warnings = read(path)
    assert set(places) == set(whole) and seconds_with_damage == seconds
    assert len(warnings) == 1


@pytest.mark.parametrize(("form", "codec"), [("ac3", "ac3"), ("eac3", "eac3"), ("mp2", "mp2")])
def test_a_stream_that_ends_within_a_frame_was_cut(tmp_path, form, codec):
    path, (_, _, warnings) = encode_marks(tmp_path / "a", codec, 48000, form=form)
    assert not warnings
    path.write_bytes(path.read_bytes()[:-100])
    assert [warning.kind for warning in read(path)[2]] == ["cut"]


@pytest.mark.parametrize(("form", "codec"), [("mpegts", "aac"), ("mpegts", "mp2"), ("vob", "ac3")])
def test_sound_that_begins_long_after_the_picture(tmp_path, form, codec):
    """Behind the seconds in which FFmpeg looks for a track's properties."""
    path = tmp_path / "a"
    encode(
        path,
        codec,
        marked(MARKS, 48000),
        48000,
        form=form,
        picture_seconds=20,
        pts=lambda frame: frame + 12 * 48000,
    )
    check(path, [], late=12)


@pytest.mark.parametrize("front", [b"\r\n\r\n", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n"])
def test_flac_behind_other_bytes(tmp_path, front):
    """Its header is not found then, and the frames have to show their size."""
    path, (whole, seconds, _) = encode_marks(tmp_path / "a.flac", "flac", 44100)
    path.write_bytes(front + path.read_bytes())
    places, seconds_behind, _ = read(path)
    assert places == whole and seconds_behind == seconds


@pytest.mark.parametrize("name", ["a.mka", "a.mp4", "a.flv"])
def test_a_clock_that_jumps_ahead_cuts_nothing(tmp_path, name):
    """The length in the header is by that clock."""
    path = tmp_path / name
    sound = marked(MARKS, 44100)
    jump = 7200 * 44100
    encode(path, "aac", sound, 44100, pts=lambda n: n if n < 4 * 44100 else n + jump)
    check(path, ["clock"])


@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mka", "libopus", {}),
        ("a.mp4", "aac", {"movflags": "faststart"}),
        ("a.ts", "aac", {}),
        ("a.opus", "libopus", {"page_duration": "8000000"}),
    ],
)
def test_a_file_that_lacks_its_last_bytes_was_cut(tmp_path, name, codec, options):
    """By less than a second of sound, which lengths in headers do not show."""
    path, (_, _, warnings) = encode_marks(tmp_path / name, codec, 48000, **options)
    assert not warnings
    path.write_bytes(path.read_bytes()[:-100])
    assert [warning.kind for warning in read(path)[2]] == ["cut"]


def test_where_a_frame_of_dts_ends():
    """Its header has its length; an extension may follow."""
    header = b"\x7f\xfe\x80\x01\xfc\x3c" + bytes([0x07, 0xF0])  # of 128 bytes
    frame = header + bytes(120)
    assert measure_frame("dts", frame) == 128
    assert ends_frame("dts", frame) and ends_frame("dts", frame + bytes(9))
    assert ends_frame("dts", frame + b"\x64\x58\x20\x25" + b"x" * 80)
    assert not ends_frame("dts", frame + b"<html>")


@pytest.mark.parametrize("how", ["bad bytes", "lost bytes"])
def test_realmedia_goes_on_behind_damage(tmp_path, how):
    path, (whole, seconds, warnings) = encode_marks(tmp_path / "a.rm", "ac3", 48000)
    assert not warnings
    content = path.read_bytes()
    at = len(content) * 45 // 100
    bad = np.random.default_rng(1).bytes(200) if how == "bad bytes" else b""
    path.write_bytes(content[:at] + bad + content[at + 200 :])
    places, seconds_with_damage, warnings = read(path)
    assert warnings and len(places) >= len(whole) - 1
    assert seconds_with_damage == pytest.approx(seconds, abs=0.05)
    assert all(at[0] == pytest.approx(whole[n][0], abs=0.05) for n, at in places.items())


def test_a_nut_that_cannot_be_read_to_its_end_says_so(tmp_path):
    path = encode(tmp_path / "a.nut", "aac", marked(MARKS, 16000), 16000)
    content = path.read_bytes()
    at = len(content) * 45 // 100
    path.write_bytes(content[:at] + np.random.default_rng(1).bytes(200) + content[at + 200 :])
    _, seconds, warnings = read(path)
    assert seconds > 7.9 or warnings


@pytest.mark.parametrize(("name", "codec"), [("a.mka", "aac"), ("a.webm", "libopus")])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_a_damaged_cluster_loses_no_more_than_its_damage(tmp_path, name, codec, share):
    """FFmpeg goes on with the next cluster, and with none behind the last."""
    path, (whole, seconds, _) = encode_marks(tmp_path / name, codec, 48000)
    content = path.read_bytes()
    at = round(len(content) * share)
    path.write_bytes(content[:at] + np.random.default_rng(2).bytes(400) + content[at + 400 :])
    places, seconds_with_damage, warnings = read(path)
    assert warnings and len(places) >= len(whole) - 1
    assert seconds_with_damage == pytest.approx(seconds, abs=0.06)
    assert all(at[0] == pytest.approx(whole[n][0], abs=0.05) for n, at in places.items())


@pytest.mark.parametrize(("form", "how"), [("adts", "lost bytes"), ("latm", "bad bytes")])
def test_damage_of_a_varying_bit_rate_is_timed_by_frames(tmp_path, form, how):
    """The mean of the file says nothing of a place: here, speech stands between pauses."""
    pause = np.zeros(9 * 16000, np.float32)
    sound = np.concatenate([pause, marked(MARKS, 16000)])
    path = encode(tmp_path / "a", "aac", sound, 16000, form=form)
    whole, seconds, warnings = read(path)
    assert not warnings
    content = path.read_bytes()
    at = len(content) * 45 // 100
    bad = np.random.default_rng(1).bytes(150) if how == "bad bytes" else b""
    path.write_bytes(content[:at] + bad + content[at + 150 :])
    places, seconds_with_damage, warnings = read(path)
    assert warnings and seconds_with_damage == pytest.approx(seconds, abs=0.07)  # a frame
    for number, at in places.items():
        assert min(abs(at[-1] - place) for place in whole[number]) < 0.07


def test_pauses_of_opus_that_were_not_sent_are_no_loss(tmp_path):
    """As calls are recorded: between words, one packet comes in 0.4 s."""
    sound = marked(MARKS, 48000).copy()
    for second in range(8):  # every other mark
        sound[second * 48000 + 24000 :][:14400] = 0
    path = tmp_path / "a.webm"

    def pause(seconds):
        return 0.35 < seconds % 1 < 0.75

    encode(path, "libopus", sound, 48000, drop=pause)
    check(path, [], lost=8)

    encode(path, "libopus", sound, 48000, drop=lambda at: pause(at) or 3.0 < at < 3.1)
    _, warnings = check(path, ["gap"], lost=9)
    assert warnings[0].at_s == pytest.approx(3.0, abs=0.3)

    encode(path, "libopus", sound, 48000, drop=lambda at: 0.5 < at % 1 < 0.58)
    _, warnings = check(path, ["gap"], lost=8)
    assert "in 8 places" in warnings[0].message or "in 7 places" in warnings[0].message


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_an_mp4_without_its_table_of_contents_is_explained(tmp_path, codec):
    path = encode(tmp_path / "a.m4a", codec, marked(3, 16000), 16000)
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(AudioError, match="lacks its table of contents"):
        open_sound(path)
    path.write_bytes(b"\x00\x00\x00\x1cftypM4A " + bytes(16) + b"no atom at all")
    with pytest.raises(AudioError):
        open_sound(path)

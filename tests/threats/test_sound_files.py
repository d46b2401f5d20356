"""A sound file from a stranger is transcribed, or refused in a sentence, and does nothing else."""

import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from nemocli.audio.sound import open_sound
from nemocli.batch import prefetch
from nemocli.errors import AudioError
from tests.media import encode, sine
from tests.repeats import repeats
from tests.threats import crafted

PEAK = """
import resource, sys
from nemocli.audio.sound import open_sound
from nemocli.errors import AudioError
import av, soxr, soundfile
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    with open_sound(sys.argv[1]) as sound:
        print(sum(map(len, sound)))
except AudioError as error:
    print(str(error).replace(chr(10), "LINE BREAK"))
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


def heard(path):
    """Decode in a new process; return the samples or the sentence, and the memory used in MB."""
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    assert done.stderr == ""
    said, megabytes = done.stdout.splitlines()
    return int(said) if said.isdecimal() else said, int(megabytes)


def refused(path):
    with pytest.raises(AudioError) as caught, open_sound(path) as sound:
        for _ in sound:
            pass
    sentence = str(caught.value)
    assert str(path) in sentence and "\n" not in sentence and sentence.endswith(".")
    return sentence


def hls(address):
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:2.0,\n{address}\n#EXT-X-ENDLIST\n"


#: Playlists and the like; URL and FOLDER stand for the server and the canary's folder.
PLAYLISTS = {
    "hls of an address": hls("URL/x.ts"),
    "hls of a file": hls("canary.ts"),
    "hls of a file by its protocol": hls("file:FOLDER/canary.ts"),
    "hls of a concatenation": hls("concat:FOLDER/canary.ts"),
    "hls of a part of a file": hls("subfile,,start,0,end,0,,:FOLDER/canary.ts"),
    "hls of data": hls("data:audio/wav;base64,UklGRg=="),
    "hls with a key": hls("canary.ts").replace(
        "#EXTINF", '#EXT-X-KEY:METHOD=AES-128,URI="URL/k"\n#EXTINF'
    ),
    "hls of variants": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nURL/other.m3u8\n",
    "concat of a file": "ffconcat version 1.0\nfile canary.wav\n",
    "concat of an address": "ffconcat version 1.0\nfile URL/x.wav\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"'
    ' mediaPresentationDuration="PT2S"><Period><AdaptationSet mimeType="audio/mp4"><Representation'
    ' id="1" bandwidth="1"><BaseURL>URL/x.mp4</BaseURL></Representation></AdaptationSet></Period>'
    "</MPD>",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    "pls": "[playlist]\nFile1=URL/p.mp3\nNumberOfEntries=1\n",
    "asx": '<asx version="3.0"><entry><ref href="URL/a.mp3"/></entry></asx>',
    "rtsp text": "RTSPtextRTSP://127.0.0.1:PORT/x\n",
    "vobsub": "# VobSub index file, v7 (do not modify this line!)\nid: en, index: 0\n"
    "timestamp: 00:00:01:000, filepos: 000000000\n",
    "svg": '<svg xmlns="http://www.w3.org/2000/svg"><image href="URL/s.png"/></svg>',
    "matrix of pictures": "%d.png\n",
}


@pytest.fixture(scope="module")
def canaries(tmp_path_factory):
    """A folder with the files that playlists name."""
    folder = tmp_path_factory.mktemp("canaries")
    encode(folder / "canary.ts", "aac", sine(2, 16000), 16000)
    soundfile.write(folder / "canary.wav", sine(2, 16000), 16000)
    (folder / "a.sub").write_bytes(bytes(1000))
    return folder


@pytest.mark.parametrize("kind", repeats(PLAYLISTS, 4))
def test_a_playlist_leads_nowhere(canaries, server, watch, kind):
    watched = [watch(path) for path in canaries.iterdir() if path.stem in ("canary", "a")]
    text = PLAYLISTS[kind].replace("URL", server.url).replace("FOLDER", str(canaries))
    for name in ("a.m3u8", "a.wav", "a.mp3", "a.ffconcat", "a.mpd", "a.idx"):
        (canaries / name).write_text(text.replace("PORT", str(server.server_port)))
        try:
            assert "is not a sound file" in refused(canaries / name)
        finally:
            (canaries / name).unlink()
    assert not any(canary.was_opened() for canary in watched)
    assert server.asked == []


def test_the_watch_and_the_server_would_tell(tmp_path, server, watch):
    import urllib.request

    (tmp_path / "canary").write_text("x")
    canary = watch(tmp_path / "canary")
    assert not canary.was_opened()
    (tmp_path / "canary").read_text()
    assert canary.was_opened()
    with pytest.raises(OSError):
        urllib.request.urlopen(server.url, timeout=60)
    assert server.asked


def test_a_track_that_lies_in_another_file(tmp_path, watch):
    """An mp4 that names its samples' file, as QuickTime's reference movies do."""
    encode(tmp_path / "canary.m4a", "aac", sine(2, 16000), 16000)
    content = (tmp_path / "canary.m4a").read_bytes()
    own = crafted.atom(b"dref", struct.pack(">II", 0, 1) + crafted.atom(b"url ", b"\0\0\0\x01"))
    assert own in content
    alias = bytearray(150)
    alias[50:64] = b"\x0acanary.m4a\0\0\0"
    alias += struct.pack(">HH", 18, 11) + b"/canary.m4a\0" + b"\xff\xff\0\0"
    for kind, value in ((b"url ", b"\0\0\0\0canary.m4a\0"), (b"alis", b"\0\0\0\0" + bytes(alias))):
        other = crafted.atom(b"dref", struct.pack(">II", 0, 1) + crafted.atom(kind, value))
        moved = content.replace(own, other)
        grown = len(other) - len(own)
        for outer in (b"dinf", b"minf", b"mdia", b"trak", b"moov"):  # which hold it
            at = moved.index(outer) - 4
            size = struct.unpack_from(">I", moved, at)[0] + grown
            moved = moved[:at] + struct.pack(">I", size) + moved[at + 4 :]
        (tmp_path / "a.m4a").write_bytes(moved)
        canary = watch(tmp_path / "canary.m4a")
        try:
            with open_sound(tmp_path / "a.m4a") as sound:
                assert sum(map(len, sound)) <= 33_000  # the samples that it has itself
        except AudioError as error:
            assert "\n" not in str(error)
        assert not canary.was_opened()


@pytest.mark.parametrize("size", repeats([0x7FFFFFFF, 0, 1, 0xFFFFFFF0], 2))
@pytest.mark.parametrize("chunk", [b"RIFF", b"fmt ", b"data"])
def test_lengths_that_lie(tmp_path, chunk, size):
    path = tmp_path / "a.wav"
    soundfile.write(path, sine(1, 16000), 16000)
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(chunk) + 4, size)
    path.write_bytes(content)
    said, megabytes = heard(path)
    assert said if isinstance(said, str) else said <= 16_020
    assert megabytes < 100


@pytest.mark.parametrize("claimed", [1 << 28, 1 << 31, (1 << 40) + 1])
def test_a_block_that_claims_more_than_there_is(tmp_path, claimed):
    crafted.write_matroska(tmp_path / "a.mkv", claimed=claimed)
    said, megabytes = heard(tmp_path / "a.mkv")
    assert str(tmp_path) in said if isinstance(said, str) else said <= 1000
    assert megabytes < 300


def test_a_block_of_an_hour(tmp_path):
    """A tenth of a gigabyte in one frame, which is converted piece by piece."""
    crafted.write_matroska(tmp_path / "a.mkv", block=60 << 20)
    said, megabytes = heard(tmp_path / "a.mkv")
    assert said == 60 << 20
    assert megabytes < 200


def test_channels_and_rates_that_no_sound_has(tmp_path):
    path = tmp_path / "a.wav"
    for offset, form, values in (
        (10, "<H", (0, 1025, 65535)),
        (12, "<I", (0, 1, 2**31 - 1, 2**31, 2**32 - 1)),
    ):
        for value in values:
            soundfile.write(path, sine(1, 16000), 16000)
            content = bytearray(path.read_bytes())
            struct.pack_into(form, content, content.index(b"fmt ") + offset, value)
            path.write_bytes(content)
            assert "damaged" in refused(path)
    for channels, rate in ((2**31 - 1, 16000.0), (5_000_000, 16000.0), (1, 1.0)):
        crafted.write_matroska(tmp_path / "a.mkv", channels, rate)
        assert "damaged" in refused(tmp_path / "a.mkv")
    crafted.write_matroska(tmp_path / "a.mkv", 500, block=1 << 20)
    said, megabytes = heard(tmp_path / "a.mkv")
    assert said == (1 << 20) // 500 or "damaged" in str(said)  # FFmpeg of before refuses it
    assert megabytes < 150


@pytest.mark.parametrize("name", ["a.mka", "a.flac"])
def test_a_rate_that_changes_to_one_sample_a_second(tmp_path, name):
    """Each sample would become sixteen thousand."""
    path = tmp_path / name
    path.write_bytes(crafted.silent_flac(200, 16000, later_rate=1))
    said, megabytes = heard(path)
    assert said == 6 * 65535  # those before the change
    assert megabytes < 100


@pytest.mark.parametrize(
    "hours",
    [0.5, pytest.param(20, marks=pytest.mark.slow), pytest.param(100, marks=pytest.mark.slow)],
)
def test_hours_of_silence_in_some_kilobytes(tmp_path, hours):
    frames = round(hours * 3600 * 16000 / 65535)
    path = tmp_path / "a.flac"
    path.write_bytes(crafted.silent_flac(frames, 16000, total=frames * 65535))
    assert path.stat().st_size < 20 * frames + 100
    said, megabytes = heard(path)
    assert said == frames * 65535
    assert megabytes < 60


@pytest.fixture(scope="module")
def mp3(tmp_path_factory):
    """A file of one second without a tag."""
    path = encode(tmp_path_factory.mktemp("mp3") / "a.mp3", "libmp3lame", sine(1, 16000), 16000)
    content = path.read_bytes()
    return content[content.index(b"\xff\xf3") :]


@pytest.mark.parametrize("stuffed", repeats([False, True], 1))
@pytest.mark.parametrize("frames", [[200 << 20], [20 << 20] * 5])
def test_tags_that_are_packed(tmp_path, mp3, frames, stuffed):
    packed = [crafted.packed_frame(b"APIC", size, stuffed) for size in frames]
    (tmp_path / "a.mp3").write_bytes(crafted.tag(*packed) + mp3)
    said, megabytes = heard(tmp_path / "a.mp3")
    assert "is not a sound file" in said
    assert megabytes < 50


def test_tags_that_are_packed_within_reason(tmp_path, mp3):
    title = crafted.packed_frame(b"TIT2", 1 << 20)
    (tmp_path / "a.mp3").write_bytes(crafted.tag(title) + mp3)
    assert heard(tmp_path / "a.mp3")[0] > 15_000


def test_a_table_of_contents_that_is_packed(tmp_path):
    (tmp_path / "a.mov").write_bytes(crafted.packed_quicktime(200 << 20))
    said, megabytes = heard(tmp_path / "a.mov")
    assert "is not a sound file" in said
    assert megabytes < 50


def test_a_cover_too_large_to_be_unpacked(tmp_path, mp3):
    cover = b"\0image/png\0\x03\0" + crafted.png(12_000, 12_000)
    (tmp_path / "a.mp3").write_bytes(crafted.tag((b"APIC", b"\0\0", cover)) + mp3)
    said, megabytes = heard(tmp_path / "a.mp3")
    assert said > 15_000
    assert megabytes < 60


def test_what_metadata_says_is_not_told(tmp_path, capfd):
    """Titles and comments, and escapes in them, do not appear in the output."""
    hostile = b"\x1b]0;owned\x07\x1b[2J"
    path = encode(tmp_path / "a.mp3", "libmp3lame", sine(1, 16000), 16000)
    content = path.read_bytes()
    frames = [(name, b"\0\0", b"\x03" + hostile) for name in (b"TIT2", b"TPE1", b"TALB")]
    path.write_bytes(
        crafted.tag(*frames) + content[content.index(b"\xff\xf3") :][:300] + hostile * 99
    )
    with pytest.raises(AudioError) as caught, open_sound(path) as sound:
        for _ in sound:
            pass
        raise AudioError("read")
    assert "\x1b" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such devices here")
def test_devices_and_pipes_in_a_folder_are_left_alone(tmp_path):
    from nemocli.jobs.inputs import list_inputs

    for name, target in (("zero.wav", "/dev/zero"), ("random.wav", "/dev/urandom")):
        (tmp_path / name).symlink_to(target)
    os.mkfifo(tmp_path / "pipe.wav")
    (tmp_path / "a.wav").touch()
    for given in (str(tmp_path), str(tmp_path / "*"), str(tmp_path / "*.wav")):
        found = list_inputs([given], extensions=("*",))
        assert [source.path.name for source in found.sources] == ["a.wav"]


@pytest.mark.skipif(not os.path.exists("/dev/zero"), reason="no such devices here")
def test_zeros_without_end(tmp_path):
    (tmp_path / "a.wav").symlink_to("/dev/zero")
    said, megabytes = heard(tmp_path / "a.wav")
    assert "is not a sound file" in said
    assert megabytes < 100


def test_a_failure_that_nobody_thought_of_ends_one_file(clips, tmp_path, monkeypatch):
    """A thread reads each file; the run must not wait for it after any kind of error."""
    import nemocli

    (tmp_path / "bad.wav").touch()

    def opened(path, **options):
        if path.name == "bad.wav":
            raise LookupError
        return open_sound(path, **options)

    monkeypatch.setattr(prefetch, "open_sound", opened)
    paths = [tmp_path / "bad.wav", clips[0].path]
    outcomes = {o.path: o for o in nemocli.load("demo").transcribe_many(paths, clips[0].lang)}
    assert "LookupError" in str(outcomes[paths[0]].error)
    assert outcomes[paths[1]].transcript.text == clips[0].text
    assert np.all([o.error is None or o.transcript is None for o in outcomes.values()])

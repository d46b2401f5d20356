"""The queue between who hears sound and who reads it, and the sources that fill it."""

import os
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from nemocli.audio import device_stream
from nemocli.audio.devices import Device, find_device
from nemocli.audio.microphone import Microphone
from nemocli.audio.paced import open_paced
from nemocli.audio.pcm import open_pcm
from nemocli.audio.recorded_sound import MAX_BEHIND_S, OneSource, TwoSources
from nemocli.audio.recorder import Recorder
from nemocli.audio.sound import open_sound
from nemocli.audio.source import LiveSource, Mark, Silence
from nemocli.errors import AudioError, UsageError
from tests.sounds import speech_like


class Ticks(LiveSource):
    """Frames that are numbered, at 16 kHz, so that nothing is resampled."""

    def __init__(self, max_lag):
        super().__init__("ticks", 16000, 1, max_lag)

    def to_frames(self, data):
        return data[:, None]

    def tick(self, count):
        self.put(np.arange(self.heard, self.heard + count, dtype=np.float32), count)


@given(st.lists(st.one_of(st.none(), st.integers(1, 700)), max_size=60), st.integers(1, 100))
def test_every_frame_is_given_out_or_counted_as_dropped(actions, max_milliseconds):
    source = Ticks(max_milliseconds / 1000)
    expected, given_out, lost = 0, 0, 0
    for action in [*actions, *[None] * 70]:
        if action is not None:
            source.tick(action)
        elif packet := source.read(0):
            lost += packet.lost
            expected += packet.lost
            assert packet.samples.tolist() == list(range(expected, expected + packet.frames))
            expected += packet.frames
            given_out += packet.frames
        assert source.heard == source.dropped + source.waiting + given_out
        assert source.waiting <= 16 * max_milliseconds
    if source.waiting == 0 and given_out and expected == source.heard:
        assert lost == source.dropped


@given(
    st.lists(
        st.one_of(
            st.none(),
            st.integers(1, 700),
            st.integers(0, 99).map(lambda gap: Mark("gap", gap)),
            st.sampled_from(["pause", "resume"]),
        ),
        max_size=60,
    ),
    st.integers(1, 100),
)
def test_marks_stand_where_the_sound_was_interrupted(actions, max_milliseconds):
    """Behind every frame that came before them, whatever is dropped; gaps are counted."""
    source = Ticks(max_milliseconds / 1000)
    source.discards_in_pause = True
    clock, recorded, marks, seen, given_out = 0, 0, [], [], 0

    def record(data):
        nonlocal recorded
        recorded += data.frames if isinstance(data, Silence) else len(data)

    source.tap = record
    for action in [*actions, *[None] * 130]:
        if isinstance(action, Mark):
            marks.append((source.heard, action))
            source.mark(action)
        elif isinstance(action, str):
            before, is_paused = source.heard, source._is_paused
            getattr(source, action)()
            if is_paused == (action == "resume"):
                marks.append((before, Mark({"pause": "paused", "resume": "resumed"}[action])))
        elif action is not None:
            heard, is_paused = source.heard, source._is_paused
            source.tick(action)
            assert source.heard == (heard if is_paused else heard + action)
        elif packet := source.read(0):
            clock += packet.lost
            assert packet.samples.tolist() == list(range(clock, clock + packet.frames))
            clock += packet.frames
            given_out += packet.frames
            if packet.mark is not None:
                seen.append((clock, packet.mark))
                clock += packet.mark.gap
        assert source.heard == source.dropped + source.gaps + source.waiting + given_out
    assert seen == marks
    assert source.gaps == sum(mark.gap for _, mark in marks)
    assert recorded == source.heard


def test_the_end_and_its_reason_come_after_the_sound():
    source = Ticks(None)
    source.tick(100)
    source.end(AudioError("unplugged"))
    source.tick(100)
    assert source.read(0).frames == 100
    assert source.read(0).frames == 0
    with pytest.raises(AudioError, match="unplugged"):
        source.read(0)
    assert source.ended


def read_all(source):
    source.start()
    packets, limit = [], time.monotonic() + 60
    while not source.ended and time.monotonic() < limit:
        packet = source.read(0.05)
        if packet is not None:
            packets.append(packet.samples)
    source.close()
    return np.concatenate(packets)


def piped(data, **raw):
    """A source over a pipe that these bytes are written into, in odd portions."""
    reading, writing = os.pipe()

    def write():
        for start in range(0, len(data), 9999):
            os.write(writing, data[start : start + 9999])
        os.close(writing)

    threading.Thread(target=write, daemon=True).start()
    return open_pcm(reading, **{"rate": 16000, "channels": 1, "encoding": "s16le"} | raw)


@pytest.mark.parametrize("rate", [16000, 44100])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("kind", "subtype"),
    [("raw", "PCM_16"), ("raw", "FLOAT")]
    + [("WAV", kind) for kind in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE")]
    + [("WAVEX", "PCM_24"), ("RF64", "PCM_16")],
)
def test_a_pipe_gives_what_a_file_gives(tmp_path, rate, channels, kind, subtype):
    sound = speech_like(1.3)[:, None] * np.linspace(1, 0.5, channels)
    path = tmp_path / "a.wav"
    soundfile.write(path, sound, rate, subtype, format="WAV" if kind == "raw" else kind)
    with open_sound(path) as opened:
        expected = np.concatenate(list(opened))
    if kind == "raw":
        soundfile.write(tmp_path / "a.raw", sound, rate, subtype, format="RAW")
        encoding = "s16le" if subtype == "PCM_16" else "f32le"
        data = (tmp_path / "a.raw").read_bytes() + b"\x01"  # the begin of a frame that never came
        heard = read_all(piped(data, rate=rate, channels=channels, encoding=encoding))
    else:
        heard = read_all(piped(path.read_bytes()))
    assert np.array_equal(heard, expected)


@pytest.mark.parametrize("length", [0, 0xFFFFFFFF, 0x7FFFF000, 0x7FFFEFFC])  # as sox rounds it
def test_a_wav_of_unknown_length_goes_on_to_the_end(tmp_path, length):
    path = tmp_path / "a.wav"
    soundfile.write(path, speech_like(1.0), 16000)
    data = bytearray(path.read_bytes())
    at = data.index(b"data")
    data[at + 4 : at + 8] = length.to_bytes(4, "little")
    source = piped(bytes(data))
    assert source._left is None
    assert len(read_all(source)) == 16000


@pytest.mark.parametrize(
    ("data", "raw", "error", "words"),
    [
        (b"", {}, AudioError, "Nothing came down the pipe"),
        (b"RIFF1234JUNK", {}, AudioError, "damaged"),
        (b"RIFF1234WAVEdata0000", {}, AudioError, "damaged"),
        (b"fLaC" + bytes(99), {}, AudioError, "holds FLAC.*ffmpeg -i -"),
        (b"ID3\x04" + bytes(99), {}, AudioError, "holds MP3"),
        (b"xxxx", {"rate": 1}, UsageError, "--rate"),
        (b"xxxx", {"channels": 0}, UsageError, "--channels"),
        (b"xxxx", {"encoding": "mp3"}, UsageError, "s16le or f32le"),
        (np.full(99, np.nan, "<f4").tobytes(), {"encoding": "f32le"}, AudioError, "no sound"),
        (np.full(99, 1e30, "<f4").tobytes(), {"encoding": "f32le"}, AudioError, "no sound"),
    ],
)
def test_what_is_no_sound_on_a_pipe_is_a_sentence(data, raw, error, words):
    with pytest.raises(error, match=words):
        read_all(piped(data, **raw))


@pytest.mark.parametrize(
    ("form", "endian"),
    [("PCM_16", "BIG")]
    + [(form, "LITTLE") for form in ("PCM_24", "PCM_32", "FLOAT", "DOUBLE")]
    + [(form, "FILE") for form in ("PCM_U8", "ULAW", "ALAW")],
)
def test_samples_in_evidently_another_form_are_told(clips, tmp_path, form, endian):
    for clip in clips:
        spoken = np.tile(clip.samples[8000:] / np.abs(clip.samples).max(), 3)
        path = tmp_path / "a.raw"
        soundfile.write(path, spoken, 16000, form, endian, "RAW")
        source = piped(path.read_bytes())
        read_all(source)
        assert "noise at full scale: does it hold s16le?" in source.take_warning()
        assert source.take_warning() is None
        soundfile.write(path, spoken, 16000, "PCM_16", "LITTLE", "RAW")
        source = piped(path.read_bytes())
        read_all(source)
        assert source.take_warning() is None


@pytest.mark.parametrize(
    ("factor", "told"),
    [(1, "every sample on stdin is there twice"), (0, "every other sample on stdin is zero")],
)
def test_two_channels_taken_for_one_are_told(clips, factor, told):
    first = np.round(clips[0].samples * 32767).astype("<i2")
    both = np.stack([first, factor * first], axis=1)
    source = piped(both.tobytes())
    read_all(source)
    assert told in source.take_warning()
    source = piped(both.tobytes(), channels=2)
    read_all(source)
    assert source.take_warning() is None


def test_clicks_in_digital_silence_are_no_other_form():
    clicks = np.zeros(32000, "<i2")
    clicks[::5000] = 30000
    source = piped(clicks.tobytes())
    read_all(source)
    assert source.take_warning() is None


def test_no_limit_of_sound_that_waits():
    for limit in (None, float("inf"), 1e308):
        source = Ticks(limit)
        for _ in range(10):
            source.tick(16000)
        assert source.waiting == 160000


def test_who_writes_too_fast_has_to_wait():
    source = piped(np.zeros(16000 * 20, "<i2").tobytes())
    source.start()
    for _ in range(600):  # a minute
        if source.waiting:
            break
        time.sleep(0.1)
    time.sleep(0.3)
    assert 0 < source.waiting <= 16000
    assert len(read_all_started(source)) == 16000 * 20
    assert source.dropped == 0


def read_all_started(source):
    source.start = lambda: None
    return read_all(source)


def test_a_paced_file_gives_its_very_samples(clips):
    with open_sound(clips[0].path) as opened:
        expected = np.concatenate(list(opened))
    began = time.monotonic()
    heard = read_all(open_paced(clips[0].path, max_lag=5))
    assert np.array_equal(heard, expected)
    assert time.monotonic() - began >= len(expected) / 16000 - 0.1


@pytest.mark.parametrize("name", ["a.flac", "a.wav"])
def test_a_recording_is_what_was_heard(tmp_path, name):
    sound = np.round(speech_like(1.0) * 32768).astype("<i2")
    source = piped(sound.tobytes())
    told = []
    with Recorder(tmp_path / name, OneSource(source), False, told.append):
        read_all(source)
    assert np.array_equal(soundfile.read(tmp_path / name, dtype="int16")[0], sound)
    assert told == []
    with pytest.raises(UsageError, match="--force"):
        Recorder(tmp_path / name, OneSource(source), False, told.append)
    with pytest.raises(UsageError, match=r"\.flac and \.wav"):
        Recorder(tmp_path / "a.mp3", OneSource(source), False, told.append)


@pytest.mark.parametrize("name", ["a.flac", "a.wav"])
def test_silence_stands_for_a_gap_in_a_recording(tmp_path, name):
    source = Ticks(None)
    with Recorder(tmp_path / name, OneSource(source), False, print):
        source.put(np.full(1000, 0.5, np.float32), 1000)
        source.mark(Mark("gap", 40001))
        source.put(np.full(1000, 0.25, np.float32), 1000)
    expected = np.concatenate([np.full(1000, 0.5), np.zeros(40001), np.full(1000, 0.25)])
    assert np.array_equal(soundfile.read(tmp_path / name)[0], expected)


class Clocked(Ticks):
    """Sound at a rate, of a device whose first frame was recorded at a time of the common clock."""

    def __init__(self, rate, began_at):
        super().__init__(None)
        self.rate, self.began_at = rate, began_at

    def say(self, late_s=0.0):
        """Give half a second that is loud and half a second that is not.

        `late_s` is by how much the device's clock is late after that.
        """
        self.began_at += late_s
        sound = np.zeros(self.rate, np.float32)
        sound[: self.rate // 2] = 0.5
        self.put(sound, len(sound))


def find_begins(channel, rate):
    """Return the seconds at which the channel becomes loud."""
    loud = np.concatenate([[False], channel > 0.25])
    return np.flatnonzero(loud[1:] & ~loud[:-1]) / rate


@pytest.mark.parametrize("rate", [16000, 44100])
def test_two_sources_are_recorded_as_stereo_on_one_clock(rate):
    left, right = Clocked(16000, 100.0), Clocked(rate, 100.3)
    sound, got = TwoSources([left, right]), []
    sound.begin(lambda block: got.extend(sound.split(block)))
    for second in range(60):
        left.say()
        right.say(late_s=0.0005)
        if second == 29:
            left.mark(Mark("gap", 32000))
            right.mark(Mark("gap", 2 * rate))
    stereo = np.concatenate([*got, sound.finish()])
    seconds = np.array([*range(30), *range(32, 62)])
    assert sound.rate == rate
    assert np.allclose(find_begins(stereo[:, 0], rate), seconds, atol=0.001)
    expected = seconds + 0.3 + 0.0005 * np.arange(1, 61)
    assert np.allclose(find_begins(stereo[:, 1], rate), expected, atol=0.002)


def test_silence_stands_for_a_source_that_is_away_for_long(tmp_path):
    left, right = Clocked(16000, 0.0), Clocked(16000, 0.0)
    sound = TwoSources([left, right])
    blocks, away = [], int(MAX_BEHIND_S) + 20
    sound.begin(blocks.append)
    right.say()
    for _ in range(away):
        left.say()
    got = [frames for block in blocks for frames in sound.split(block)]
    assert sum(map(len, got)) == 20 * 16000
    blocks.clear()
    right.mark(Mark("gap", (away - 1) * 16000))  # which is reported when it is back
    right.say()
    got += [frames for block in blocks for frames in sound.split(block)]
    stereo = np.concatenate([*got, sound.finish()])
    assert len(stereo) == (away + 1) * 16000
    assert find_begins(stereo[:, 1], 16000) == pytest.approx([0, away], abs=0.001)


def test_a_microphone_that_is_muted_is_told_until_sound_returns():
    microphone = Microphone(None, Device(0, "Mic", "ALSA", 1, 16000, True), 60.0, 0.0)

    def give(seconds, value):
        for _ in range(round(10 * seconds)):
            microphone.put(np.full(1600, value, "<i2").tobytes(), 1600)
            while microphone.waiting:
                microphone.read(0)
        return microphone.silence_advice

    assert give(2.9, 0) is None
    assert "Mic gives nothing but digital silence" in give(0.2, 0)
    assert give(1.0, 9) is None
    assert give(9.9, 0) is None  # a monitor is silent now and then
    assert "is it muted?" in give(0.2, 0) or "Privacy & Security" in microphone.silence_advice
    assert give(0.1, 9) is None


def test_sound_that_portaudio_lost_is_reported_once(monkeypatch):
    class Stream:
        def __init__(self, callback, **options):
            self.callback = callback

        def start(self):
            for has_overflowed in (False, True, True):
                flags = SimpleNamespace(input_overflow=has_overflowed)
                self.callback(bytes(3200), 1600, None, flags)

    portaudio = SimpleNamespace(RawInputStream=Stream, PortAudioError=OSError)
    monkeypatch.setattr(device_stream, "import_sounddevice", lambda: portaudio)
    microphone = Microphone(None, Device(0, "Mic", "ALSA", 1, 16000, True), 60.0, 0.0)
    microphone._open()
    assert "Mic lost sound, since this machine was too busy" in microphone.take_warning()
    assert microphone.take_warning() is None
    assert (microphone.heard, microphone.dropped) == (4800, 0)


def test_a_monitor_is_silent_whenever_nothing_plays():
    source = "speakers.monitor"
    device = Device(0, source, "ALSA", 1, 16000, False, server_source=source, server_index=1)
    microphone = Microphone(source, device, 600.0, 0.0)

    def give(seconds, value):
        microphone.put(np.full(16000 * seconds, value, "<i2").tobytes(), 16000 * seconds)
        while microphone.waiting:
            microphone.read(0)
        return microphone.silence_advice

    assert "does anything play there?" in give(4, 0)
    assert give(1, 9) is None
    assert give(60, 0) is None


def test_finding_a_microphone():
    devices = [
        Device(1, "USB Mic", "ALSA", 1, 48000, False),
        Device(4, "USB Mic 2", "ALSA", 2, 44100, True),
    ]
    assert find_device(None, devices).id == 4
    assert find_device("1", devices).id == 1
    assert find_device("USB Mic", devices).id == 1
    assert find_device("mic 2", devices).id == 4
    with pytest.raises(UsageError, match="Several"):
        find_device("usb", devices)
    with pytest.raises(UsageError, match="1 USB Mic, 4 USB Mic 2"):
        find_device("7", devices)
    with pytest.raises(AudioError, match="no microphone"):
        find_device(None, [])

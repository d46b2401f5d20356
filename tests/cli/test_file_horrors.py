"""A folder of files that are no sound, or odd sound: bad ones fail alone, good ones are done."""

import json
import struct

import av
import numpy as np
import pytest
import soundfile

from tests.typed import nemocli


def with_bytes(path, chunk, offset, value):
    """Replace bytes behind a chunk's name."""
    content = bytearray(path.read_bytes())
    at = content.index(chunk) + offset
    content[at : at + len(value)] = value
    path.write_bytes(content)


def write_protected(path):
    """An m4a whose header says that its sound is protected by Apple."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("aac", rate=44100, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), "fltp", "mono")
        frame.sample_rate = 44100
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    with_bytes(path, b"mp4a", 0, b"drms")


@pytest.fixture
def horrors(tmp_path, clips):
    """The folder; by name, the fault of a bad file and the text of a good one."""
    folder = tmp_path / "horrors"
    folder.mkdir()
    clip = clips[0]
    whole = clip.path.parent / "all-languages.flac"
    (folder / "broken.wav").write_bytes(b"RIFF\xff\xff\xff\xffWAVE" + bytes(range(256)))
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("Dear diary, nothing happened today.\n" * 50)
    (folder / "picture.mp3").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8)
    (folder / "truncated.flac").write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    write_protected(folder / "protected.m4p")
    soundfile.write(folder / "no-channels.wav", np.zeros(5000), 16000)
    with_bytes(folder / "no-channels.wav", b"fmt ", 10, struct.pack("<H", 0))
    spoilt = clip.samples.copy()
    spoilt[9000:] = np.nan
    soundfile.write(folder / "nan.wav", spoilt, 16000, subtype="FLOAT")
    soundfile.write(folder / "one-sample.wav", np.zeros(1), 16000)
    wide = np.repeat(np.repeat(clip.samples, 12)[:, None], 8, axis=1)
    soundfile.write(folder / "wide.wav", wide, 192000)
    soundfile.write(folder / "a-wav.mp3", clip.samples, 16000, format="WAV")
    (folder / "good.flac").write_bytes(clip.path.read_bytes())
    wrong = {
        "broken.wav": "is not a sound file",
        "empty.wav": "is empty (0 bytes)",
        "text.wav": "is not a sound file",
        "picture.mp3": "is not a sound file",
        "protected.m4p": "protected",
        "no-channels.wav": "damaged header (0 channels",
    }
    good = {"wide.wav": clip.text, "a-wav.mp3": clip.text, "good.flac": clip.text}
    warned = {
        "one-sample.wav": "digital silence",
        "truncated.flac": "is cut short",
        "nan.wav": "Samples that are not numbers",
    }
    return folder, wrong, good, warned


def test_each_gets_its_own_sentence_and_the_good_ones_are_done(horrors, clips, tmp_path):
    folder, wrong, good, warned = horrors
    command = ["file", str(folder), "--model", "demo", "--lang", clips[0].lang]
    command += ["-o", str(tmp_path / "out"), "--output-format", "all"]
    command += ["--report", str(tmp_path / "report.json")]
    done = nemocli(*command)
    assert done.exit_code == 1
    lines = done.stderr.splitlines()
    for name, words in wrong.items():
        (sentence,) = [line for line in lines[:-2] if str(folder / name) in line]
        assert words in sentence and sentence.endswith(".")
        assert not list((tmp_path / "out").glob(f"{name.partition('.')[0]}.*"))
    for name, words in warned.items():
        (sentence,) = [line for line in lines if str(folder / name) in line and words in line]
        assert sentence.endswith(".")
        assert list((tmp_path / "out").glob(f"{name.partition('.')[0]}.*"))
    count = len(wrong) + len(good) + len(warned)
    assert f"{len(warned)} with warnings" in lines[-2]
    assert lines[-1].startswith(f"nemocli: {len(wrong)} of {count} files failed: ")
    for name, text in good.items():
        written = tmp_path / "out" / f"{name.partition('.')[0]}.txt"
        assert written.read_text() == (text + "\n" if text else "")
    report = json.loads((tmp_path / "report.json").read_text())
    states = {each["file"].rpartition("/")[2]: each["state"] for each in report["files"]}
    assert states == {**dict.fromkeys(wrong, "failed"), **dict.fromkeys([*good, *warned], "done")}

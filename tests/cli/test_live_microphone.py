"""`nemocli live` on a microphone: played into PulseAudio, captured by PortAudio, transcribed."""

import json
import subprocess

import pytest
import soundfile

from tests.pulse import missing, room
from tests.typed import NEMOCLI

pytestmark = pytest.mark.skipif(missing() is not None, reason=str(missing()))


def start(room, *arguments):
    command = [*NEMOCLI, "live", *map(str, arguments)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=room.environment,
    )


@pytest.mark.parametrize(
    ("rate", "channels"),
    [
        (48000, 2),
        pytest.param(44100, 1, marks=pytest.mark.slow),
        pytest.param(48000, 1, marks=pytest.mark.slow),
        pytest.param(44100, 2, marks=pytest.mark.slow),
    ],
)
def test_what_is_played_is_transcribed_until_it_is_unplugged(clips, tmp_path, rate, channels):
    spoken = clips[0], clips[1]
    for clip in spoken:
        soundfile.write(tmp_path / f"{clip.path.stem}.wav", clip.samples, 16000)
    with room(tmp_path, rate, channels) as heard:
        output, saved = tmp_path / "out.txt", tmp_path / "saved.flac"
        with start(
            heard, "--model", "demo", "-f", "jsonl", "-o", output, "--save-audio", saved
        ) as live:
            live.stdout.readline()  # it listens
            for clip in spoken:
                heard.play(tmp_path / f"{clip.path.stem}.wav")
            finals = []
            for line in live.stdout:
                event = json.loads(line)
                finals += [event["text"]] if event["type"] == "final" else []
                if len(finals) == len(spoken):
                    break
            heard.unplug()
            rest = [json.loads(line) for line in live.stdout]
            assert live.wait(10) == 1
            assert "was it unplugged?" in live.stderr.read()
    assert finals == [clip.text for clip in spoken]
    assert output.read_text(encoding="utf-8").splitlines() == finals
    assert rest[-1]["kind"] == "ended"
    assert soundfile.info(saved).duration == pytest.approx(rest[-1]["heard"], abs=0.01)


def test_microphones_are_listed_and_named(tmp_path):
    with room(tmp_path, 48000, 2) as heard:
        listed = start(heard, "--list-devices").communicate(timeout=20)[0]
        assert "* " in listed
        assert "default" in listed
        unknown = start(heard, "--model", "demo", "--device", "Studio")
        assert "There is no microphone 'Studio'" in unknown.communicate(timeout=20)[1]
        assert unknown.returncode == 2

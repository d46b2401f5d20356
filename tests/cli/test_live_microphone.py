"""`nemocli live` on a microphone: played into PulseAudio, captured by PortAudio, transcribed."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import soundfile

from tests.pulse import interrupted, missing, room
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
        arguments = ["--model", "demo", "-f", "jsonl", "--wait-for-device", 1]
        with start(heard, *arguments, "-o", output, "--save-audio", saved) as live:
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
            assert live.wait(60) == 1
            assert "was it unplugged?" in live.stderr.read()
    assert finals == [clip.text for clip in spoken]
    assert output.read_text(encoding="utf-8").splitlines() == finals
    assert rest[-1]["kind"] == "ended"
    assert soundfile.info(saved).duration == pytest.approx(rest[-1]["heard"], abs=0.01)


#: nemocli, which loads no model before the file of its first argument exists.
SLOW_TO_LOAD = """
import sys, time
from pathlib import Path

from nemocli.__main__ import main
from nemocli.models.resolve import ResolvedModel

load, gate = ResolvedModel.load, Path(sys.argv.pop(1))

def wait(*arguments):
    while not gate.exists():
        time.sleep(0.01)
    return load(*arguments)

ResolvedModel.load = wait
main()
"""


@pytest.mark.parametrize("is_saved", [False, True])
def test_what_is_said_while_the_model_loads_is_not_lost(clips, tmp_path, is_saved):
    """But for a recording, which begins with the stream."""
    clip, gate = clips[0], tmp_path / "gate"
    soundfile.write(tmp_path / "a.wav", clip.samples, 16000)
    saving = ["--save-audio", tmp_path / "saved.flac"] if is_saved else []
    arguments = [gate, "live", "--model", "demo", "-f", "jsonl", *saving]
    with (
        room(tmp_path, 48000, 2) as heard,
        subprocess.Popen(
            [sys.executable, "-c", SLOW_TO_LOAD, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=heard.environment,
        ) as live,
    ):
        if not is_saved:
            wait_for_recording(heard)
        heard.play(tmp_path / "a.wav")
        gate.touch()
        live.stdout.readline()  # the stream has begun
        live.send_signal(signal.SIGINT)
        lines, messages = live.communicate(timeout=60)
    assert live.returncode == 0, messages
    finals = [event["text"] for event in map(json.loads, lines.splitlines()) if "text" in event]
    assert finals[-1:] == ([] if is_saved else [clip.text])


def wait_for_recording(heard):
    for _ in range(600):
        if heard.control("list", "short", "source-outputs"):
            return
        time.sleep(0.05)
    raise AssertionError("nothing records")


def test_microphones_are_listed_and_named(tmp_path):
    with room(tmp_path, 48000, 2) as heard:
        listed = start(heard, "--list-devices").communicate(timeout=60)[0]
        assert "* " in listed
        assert "default" in listed
        unknown = start(heard, "--model", "demo", "--device", "Studio")
        assert "There is no microphone 'Studio'" in unknown.communicate(timeout=60)[1]
        assert unknown.returncode == 2


def test_a_source_of_the_sound_server_is_named(clips, tmp_path):
    """Also a monitor that is not the default, and after it was away."""
    clip = clips[0]
    soundfile.write(tmp_path / "a.wav", clip.samples, 16000)
    with room(tmp_path, 48000, 2) as heard:
        heard.control("load-module", "module-null-sink", "sink_name=other", "rate=44100")
        heard.control("set-default-source", "other.monitor")
        heard.control("set-default-sink", "room")
        listed = start(heard, "--list-devices").communicate(timeout=60)[0]
        assert "room.monitor  (Monitor of Null Output, 2 channels, 48000 Hz)" in listed
        assert "other.monitor  (Monitor of Null Output, 2 channels, 44100 Hz)" in listed
        ambiguous = start(heard, "--model", "demo", "--device", "monitor")
        assert "match 'monitor': room.monitor, other.monitor" in ambiguous.communicate()[1]
        with start(heard, "--model", "demo", "--device", "room.mon", "-f", "jsonl") as live:
            events = (json.loads(line) for line in live.stdout)
            next(events)
            for is_last in (False, True):
                heard.play(tmp_path / "a.wav")
                assert next(e for e in events if e["type"] == "final")["text"] == clip.text
                if not is_last:
                    # The server goes on with the default source at once.
                    heard.unload()
                    assert next(e for e in events if e.get("kind") == "waiting")
                    heard.load(is_default=False, rate=32000)
                    heard.control("set-default-sink", "room")
                    assert next(e for e in events if e.get("kind") == "gap")["gaps"] > 0
            live.send_signal(signal.SIGINT)
            assert live.wait(60) == 0


@pytest.mark.parametrize(
    "kind",
    [
        "stopped",
        pytest.param("suspended", marks=pytest.mark.slow),
        pytest.param("unloaded", marks=pytest.mark.slow),
    ],
)
def test_a_microphone_comes_back(clips, tmp_path, kind):
    """In the same transcript; what was not heard is a gap on the clock, to the sample."""
    for clip in clips[:2]:
        soundfile.write(tmp_path / f"{clip.path.stem}.wav", clip.samples, 16000)
    first, second = (tmp_path / f"{clip.path.stem}.wav" for clip in clips[:2])
    saved = tmp_path / "saved.flac"
    with room(tmp_path, 48000, 2) as heard:
        arguments = ["--model", "demo", "-f", "jsonl", "--save-audio", saved]
        with start(heard, *arguments) as live:
            events = (json.loads(line) for line in live.stdout)

            def until(**wanted):
                for event in events:
                    seen.append(event)
                    if all(event.get(name) == value for name, value in wanted.items()):
                        return event
                raise AssertionError(live.stderr.read())

            seen = []
            until(kind="listening")
            heard.play(first)
            until(type="final")
            with interrupted(kind, heard, live):
                began = time.monotonic()
                if kind == "stopped":
                    heard.play(first)  # which nobody hears
                time.sleep(3.0)
                away = time.monotonic() - began
            gap = until(kind="gap")
            heard.play(second)
            until(type="final")
            live.send_signal(signal.SIGINT)
            seen += events
            assert live.wait(60) == 0
            told = live.stderr.read()
    finals = [event for event in seen if event["type"] == "final"]
    assert [event["text"] for event in finals] == [clip.text for clip in clips[:2]]
    assert away - 0.5 < gap["gaps"] < gap["heard"]
    assert finals[0]["t1"] < gap["heard"] - gap["gaps"] + 0.1 < gap["heard"] <= finals[1]["t0"]
    ended = seen[-1]
    assert soundfile.info(saved).duration == pytest.approx(ended["heard"], abs=1e-4)
    missing, frames = map(int, re.search(r"microphone \((\d+) of (\d+) samples", told).groups())
    rate = soundfile.info(saved).samplerate
    assert (round(ended["gaps"] * rate), round(ended["heard"] * rate)) == (missing, frames)
    assert "ALSA" not in told and "Expression" not in told


@pytest.mark.slow
def test_random_interruptions_of_all_kinds():
    script = Path(__file__).resolve().parents[2] / "scripts" / "interrupt_microphone.py"
    command = [sys.executable, str(script), "--times", "8", "--longest", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 clips are missing; ended by itself: False" in done.stdout

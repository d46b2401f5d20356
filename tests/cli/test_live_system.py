"""`nemocli live --system`: what the machine plays, alone and beside the microphone."""

import json
import signal
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest
import soundfile

import nemocli
from tests.pulse import missing, room
from tests.typed import NEMOCLI
from tests.typed import nemocli as typed

needs_pulse = pytest.mark.skipif(missing() is not None, reason=str(missing()))

#: Seconds by which the times of a call may be wrong.
TOLERANCE_S = 0.1


#: Seconds of sound within which everything must be there.
ENOUGH_S = 20.0


@contextmanager
def start(heard, *arguments):
    """Start `nemocli live`; it does not outlive a test that fails."""
    live = subprocess.Popen(
        [*NEMOCLI, "live", "--model", "demo", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=heard.environment,
    )
    try:
        yield live
    finally:
        live.kill()
        live.wait()


def read_events(live):
    """Give its events, at most those of so much sound."""
    for line in live.stdout:
        event = json.loads(line)
        yield event
        if event.get("heard", 0) > ENOUGH_S:
            return


def add_speaker(heard):
    """Add a loudspeaker, the default one; its only channel, and the microphone's, have a side."""
    heard.unload()
    heard.load(channel_map="front-left")
    heard.control(
        *("load-module", "module-null-sink", "sink_name=speaker", "rate=44100", "channels=1"),
        "channel_map=front-right",
    )
    heard.control("set-default-sink", "speaker")


def play_both(heard, folder, left, right):
    """Play a sound into the microphone and another into the loudspeaker, to the sample at once."""
    sound = np.zeros((max(len(left), len(right)), 2), np.float32)
    sound[: len(left), 0], sound[: len(right), 1] = left, right
    soundfile.write(folder / "both.wav", sound, 16000)
    heard.control(
        *("load-module", "module-combine-sink", "sink_name=both", "slaves=room,speaker"),
        *("channels=2", "channel_map=front-left,front-right", "remix=no"),
    )
    command = ["paplay", "--device=both", str(folder / "both.wav")]
    subprocess.run(command, env=heard.environment, check=True, timeout=60)


@needs_pulse
def test_both_sides_of_a_call_are_labelled_and_on_one_clock(clips, tmp_path):
    silence = np.zeros(16000, np.float32)
    mine = np.concatenate([silence, clips[0].samples, silence])
    theirs = np.concatenate([silence[:8000], silence, clips[1].samples, silence])
    transcriber = nemocli.load("demo")
    expected = {
        "Anna": transcriber.transcribe(mine, align="auto"),
        "Ben": transcriber.transcribe(theirs, align="auto"),
    }
    output, saved = tmp_path / "call.srt", tmp_path / "call.flac"
    with room(tmp_path, 48000, 1) as heard:
        add_speaker(heard)
        arguments = ["--mic", "--system", "--labels", "Anna, Ben", "--align", "auto"]
        arguments += ["-f", "jsonl", "-o", output]
        with start(heard, *arguments, "--save-audio", saved) as live:
            events = read_events(live)
            next(event for event in events if event.get("heard", 0) > 0.5)
            play_both(heard, tmp_path, mine, theirs)
            finals = []
            for event in events:
                finals += [event] if event["type"] == "final" else []
                if {final["channel"] for final in finals} == {"Anna", "Ben"}:
                    break
            live.send_signal(signal.SIGINT)
            rest = list(events)
            assert live.wait(60) == 0
            summary = live.stderr.read()
    assert {final["channel"]: final["text"] for final in finals} == {
        name: transcript.text for name, transcript in expected.items()
    }
    assert not [event for event in rest if event["type"] == "final"]
    assert rest[-1]["kind"] == "ended"
    assert [final["t0"] for final in finals] == sorted(final["t0"] for final in finals)
    begins = {final["channel"]: final["t0"] for final in finals}
    wanted = expected["Ben"].words[0].start - expected["Anna"].words[0].start
    assert begins["Ben"] - begins["Anna"] == pytest.approx(wanted, abs=TOLERANCE_S)
    assert "nemocli: Anna: " in summary
    assert "nemocli: Ben: " in summary
    written = output.read_text(encoding="utf-8")
    assert f"Anna: {clips[0].text.split()[0]}" in written
    assert f"Ben: {clips[1].text.split()[0]}" in written
    sound, rate = soundfile.read(saved, dtype="float32")
    assert sound.shape[1] == 2
    for side, name in enumerate(expected):
        soundfile.write(tmp_path / "side.wav", sound[:, side], rate)
        recorded = transcriber.transcribe(tmp_path / "side.wav", align="auto")
        assert recorded.text == expected[name].text
        assert recorded.words[0].start == pytest.approx(begins[name], abs=TOLERANCE_S)


@needs_pulse
def test_what_the_machine_plays_is_transcribed_alone(clips, tmp_path):
    soundfile.write(tmp_path / "a.wav", clips[0].samples, 16000)
    with room(tmp_path, 48000, 1) as heard:
        add_speaker(heard)
        with start(heard, "--system", "-f", "jsonl") as live:
            events = read_events(live)
            next(events)
            heard.play(tmp_path / "a.wav")  # to the default loudspeaker
            final = next(event for event in events if event["type"] == "final")
            live.send_signal(signal.SIGINT)
            assert live.wait(60) == 0
    assert final["text"] == clips[0].text
    assert "channel" not in final


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--system", "--input", "a.wav"], "from --input or from --system"),
        (["--mic", "--input", "a.wav"], "from --input or from --mic"),
        (["--system", "--device", "1"], "needs --mic"),
        (["--output", "a.rttm"], "add --speakers, or --mic and --system"),
        (["--mic", "--system", "--labels", "You"], "two different names"),
        (["--mic", "--system", "--labels", "A,A"], "two different names"),
        (["--mic", "--system", "--labels", "A,<b>"], "two different names"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, said):
    result = typed("live", "--model", "demo", *arguments)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())

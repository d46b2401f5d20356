"""`nemocli live` as it is typed: pipes, formats, files, signals, and a machine that is too slow."""

import json
import os
import re
import signal
import subprocess
import time
from contextlib import suppress

import numpy as np
import pytest
import soundfile
import srt

import nemocli
from tests import media, typed
from tests.faults import program
from tests.repeats import repeats
from tests.schemas import checked
from tests.sounds import pcm


def command(*arguments):
    return [*typed.NEMOCLI, "live", "--model", "demo", *map(str, arguments)]


@pytest.fixture(scope="module")
def spoken(clips):
    """Some sentences with pauses between them, as raw bytes, and their texts."""
    nemocli.load("demo")  # its conversion, once, is not told to any test
    pause = np.zeros(24000, np.float32)
    parts = [part for clip in clips[:4] for part in (clip.samples, pause)]
    return pcm(np.concatenate(parts)), [clip.text for clip in clips[:4]]


def run(data, *arguments):
    """Run it in a process of its own."""
    return subprocess.run(
        command("--input", "-", *arguments), input=data, capture_output=True, timeout=60
    )


def live(data, *arguments):
    return typed.nemocli_piped(data, "live", "--model", "demo", "--input", "-", *arguments)


def test_each_final_is_a_line(spoken):
    data, texts = spoken
    done = run(data)
    assert done.stdout.decode().splitlines() == texts
    assert done.returncode == 0
    assert re.search(rb"nemocli: [\d.]+ s heard; lag [\d.]+ s \(p95 .*RTF", done.stderr)


def test_quiet_says_nothing_else(spoken):
    assert run(spoken[0], "--quiet").stderr == b""


def test_quiet_says_where_the_file_is_if_somebody_took_its_place(clips, tmp_path):
    output = tmp_path / "out.txt"
    pause = bytes(64000)
    with start("--input", "-", "-o", output, "--quiet", stdin=subprocess.PIPE) as running:
        running.stdin.buffer.write(pcm(clips[0].samples) + pause)
        running.stdin.flush()
        assert running.stdout.readline() == f"{clips[0].text}\n"
        output.write_text("theirs\n")
        running.stdin.buffer.write(pcm(clips[1].samples) + pause)
        running.stdin.close()
        told = running.stderr.read()
        assert running.wait(60) == 0
    assert told.count("\n") == 1
    assert "out.txt was changed by another program" in told
    assert (tmp_path / "out.2.txt").read_text() == f"{clips[0].text}\n{clips[1].text}\n"


def test_timestamps(spoken):
    first = live(spoken[0], "--timestamps").stdout.splitlines()[0]
    assert re.fullmatch(r"\[00:00:00\.\d{3}\] .*", first)


def test_events_keep_their_promises(spoken):
    data, texts = spoken
    events = [json.loads(line) for line in live(data, "-f", "jsonl").stdout.splitlines()]
    assert {event["version"] for event in events} == {1}
    closed, spans = -1, []
    for event in events:
        if event["type"] == "status":
            continue
        assert event["id"] == closed + 1  # an id never reopens
        assert event["t0"] <= event["t1"]
        if event["type"] == "final":
            closed = event["id"]
            spans += [event["t0"], event["t1"]]
            assert event["words"][0]["start"] == event["t0"]
            assert event["words"][-1]["end"] == event["t1"]
    finals = [event for event in events if event["type"] == "final"]
    assert [event["text"] for event in finals] == texts
    assert spans == sorted(spans)
    assert any(event["type"] == "partial" for event in events)
    assert events[-1]["kind"] == "ended"
    assert events[-1]["heard"] == len(data) / 32000


@pytest.mark.parametrize("extension", repeats(["txt", "json", "jsonl", "tsv", "srt", "vtt"], 2))
def test_the_file_is_what_file_writes(spoken, tmp_path, extension):
    data, texts = spoken
    path = tmp_path / f"out.{extension}"
    assert live(data, "--output", path).exit_code == 0
    written = path.read_text(encoding="utf-8")
    for text in texts:
        assert text in written
    assert os.listdir(tmp_path) == [path.name]
    if extension == "json":
        document = json.loads(written)
        checked(document, "document")
        assert [segment["text"] for segment in document["segments"]] == texts
        assert document["duration"] == len(data) / 32000
    if extension == "jsonl":
        for line in written.splitlines():
            checked(json.loads(line), "segment")


def test_cues_stand_as_long_as_is_asked_for(spoken, tmp_path):
    path = tmp_path / "out.srt"
    assert live(spoken[0], "--output", path, "--min-cue", "4.5").exit_code == 0
    last = list(srt.parse(path.read_text(encoding="utf-8")))[-1]
    assert (last.end - last.start).total_seconds() == 4.5
    refused = live(b"", "--min-cue", "9")
    assert refused.exit_code == 2 and "0 to 5 seconds, not 9" in refused.stderr


def test_an_existing_file_is_kept(spoken, tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("precious\n")
    done = live(spoken[0], "--output", path)
    assert (done.exit_code, done.stdout, path.read_text()) == (2, "", "precious\n")
    assert "--force" in done.stderr


def test_the_sound_is_saved(spoken, tmp_path):
    live(spoken[0], "--save-audio", tmp_path / "a.flac")
    assert pcm(soundfile.read(tmp_path / "a.flac", dtype="float32")[0]) == spoken[0]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    repeats(
        [
            (["--input", "-", "--format", "srt"], 2, "for --output"),
            (["--input", "-", "--output", "a.doc"], 2, "files that end in .txt"),
            (["--input", "-", "--lang", "xx"], 2, "xx"),
            (["--input", "-", "--lookahead", "5s"], 2, "80ms, 160ms, 320ms"),
            (["--input", "-", "--device", "1"], 2, "not from both"),
            (["--input", "missing.wav"], 1, "does not exist"),
            (["--input", "-", "--save-audio", "a.ogg"], 2, ".flac and .wav"),
            (["--input", "-", "--output", "no/such/folder.txt"], 1, "cannot be written"),
        ],
        4,
    ),
)
def test_what_cannot_be_is_one_sentence(spoken, arguments, code, words):
    done = typed.nemocli_piped(bytes(3200), "live", "--model", "demo", *arguments)
    assert done.exit_code == code
    assert words in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


@pytest.mark.parametrize("latency", repeats(["80ms", "1120", "0", "13"], 2))
def test_lookahead_by_frames_or_latency(spoken, latency):
    assert live(spoken[0], "--lookahead", latency).stdout.splitlines() == spoken[1]


def start(*arguments, **options):
    """Start the program; `code` is run before it, for example to make the engine slow."""
    return program.start("live", "--model", "demo", *arguments, text=True, **options)


def read_until_final(running):
    for line in running.stdout:
        if json.loads(line)["type"] == "final":
            return


@pytest.mark.parametrize("number", repeats([signal.SIGHUP, signal.SIGTERM, signal.SIGINT], 1))
def test_a_signal_ends_normally(clips, tmp_path, number):
    second, pause = clips[0].samples, np.zeros(16000, np.float32)
    # The silence behind it lets no machine be too slow to send the signal before the end.
    sound = np.concatenate([clips[0].samples, pause, second, *60 * [pause]])
    soundfile.write(tmp_path / "a.wav", sound, 16000)
    output = tmp_path / "out.txt"
    with start("--input", tmp_path / "a.wav", "-f", "jsonl", "-o", output) as running:
        read_until_final(running)
        time.sleep(1.2)  # into the second sentence
        running.send_signal(number)
        events = [json.loads(line) for line in running.stdout]
        assert running.wait(60) == 0
    tail = [event["text"] for event in events if event["type"] == "final"]
    assert [event["kind"] for event in events if event["type"] == "status"][-1] == "ended"
    assert output.read_text().splitlines() == [clips[0].text, *tail]


def test_signals_pause_and_close_segments(clips):
    """What was said before either is a segment at once, and not glued to what follows."""
    arguments = ["--input", "-", "-f", "jsonl", "--endpoint-ms", 60000]
    with start(*arguments, stdin=subprocess.PIPE) as running:
        events = (json.loads(line) for line in running.stdout)

        written = []

        def speak(clip, number, kind):
            # A status comes once a second of sound, and so before this pause has ended.
            pause = np.zeros(24000, np.float32)
            running.stdin.buffer.write(pcm(np.concatenate([clip.samples, pause])))
            running.stdin.flush()
            spoken = (sum(written) + len(clip.samples)) / 16000
            written.append(len(clip.samples) + len(pause))
            event, said = {}, []
            while event.get("kind") != kind:
                if event.get("heard", 0) >= spoken and number:
                    running.send_signal(number)
                    number = 0
                event = next(events)
                said += [event["text"]] if event["type"] == "final" else []
            assert said == [clip.text]

        speak(clips[0], signal.SIGUSR2, "closed")
        speak(clips[1], signal.SIGUSR1, "paused")
        running.send_signal(signal.SIGUSR1)
        while next(events).get("kind") != "resumed":
            pass
        speak(clips[2], signal.SIGUSR2, "closed")
        running.stdin.close()
        assert [event["type"] for event in events][-1] == "status"
        assert running.wait(60) == 0


def test_such_a_signal_ends_no_other_command(tmp_path):
    """`pkill -USR1 -x nemocli` reaches all of them, also one that is starting."""
    os.mkfifo(tmp_path / "a.wav")
    arguments = ["file", tmp_path / "a.wav", "--model", "demo"]
    with subprocess.Popen(
        [*typed.NEMOCLI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        with (tmp_path / "a.wav").open("wb"):  # from now on it reads
            for number in (signal.SIGUSR1, signal.SIGUSR2):
                running.send_signal(number)
            time.sleep(0.2)
        _, told = running.communicate(timeout=60)
    assert running.returncode == 1  # there was nothing in it
    assert "a.wav" in told


#: Every call of the encoder takes three times as long as its sound lasts.
SLOW = """
import time
import nemocli.engine.session as session
advance = session.advance
def slow(sessions, chunks):
    time.sleep(3 * 0.32 * chunks)
    advance(sessions, chunks)
session.advance = slow
"""


#: The samples that the model was given are counted, and told at the end.
COUNTED = """
import atexit, sys
feed, given = session.Session.feed, []
def count(self, samples):
    given.append(len(samples))
    return feed(self, samples)
session.Session.feed = count
atexit.register(lambda: print("given:", sum(given), file=sys.stderr))
"""


def test_a_machine_that_is_too_slow_drops_and_counts_to_the_sample(clips, tmp_path):
    sound = np.concatenate([clip.samples for clip in clips[:2]])
    soundfile.write(tmp_path / "a.wav", sound, 16000)
    arguments = ["--input", tmp_path / "a.wav", "-f", "jsonl", "--max-lag", 1, "--rescue-after", 0]
    with start(*arguments, code=SLOW + COUNTED) as running:
        events = [json.loads(line) for line in running.stdout]
        told = running.stderr.read()
        assert running.wait(60) == 0
    statuses = [event for event in events if event["type"] == "status"]
    assert statuses[-1]["heard"] == round(len(sound) / 16000, 6)
    assert 0 < statuses[-1]["dropped"] < statuses[-1]["heard"]
    assert max(status["lag"] for status in statuses) < 1.5  # what waits, and the packet at work
    assert "dropped" in {status["kind"] for status in statuses}
    counts = re.search(r"([\d.]+) s dropped \((\d+) of (\d+) samples\)", told)
    dropped, heard = int(counts[2]), int(counts[3])
    assert dropped + int(re.search(r"given: (\d+)", told)[1]) == heard == len(sound)
    assert (statuses[-1]["dropped"], float(counts[1])) == (
        round(dropped / 16000, 6),
        round(dropped / 16000, 1),
    )


#: A call of the encoder that takes a minute, and then ends the program with a code of its own.
HELD = """
import os, sys, time
import nemocli.engine.session as session
def hold(sessions, chunks):
    print("computing", file=sys.stderr, flush=True)
    time.sleep(60)
    os._exit(7)
session.advance = hold
"""


def test_ctrl_c_is_answered_while_the_model_computes(clips):
    """A machine may be slow: neither the first Ctrl-C nor the second waits for the engine."""
    with start("--input", clips[0].path, "-f", "jsonl", code=HELD) as running:
        for words in ("computing", "once more aborts"):
            assert any(words in line for line in running.stderr)
            running.send_signal(signal.SIGINT)
        assert running.wait() == 130


def test_what_is_typed_goes_before_the_environment(tmp_path):
    arguments = ["live", "--model", "demo", "--input", tmp_path / "missing.wav"]
    done = typed.nemocli(*arguments, env={"NEMOCLI_DEVICE": "1"})
    assert (done.exit_code, "does not exist" in done.stderr) == (1, True)


def test_without_a_microphone_there_is_nothing_to_list(monkeypatch):
    monkeypatch.setattr("nemocli.cli.live_source.list_devices", lambda: [])
    done = typed.nemocli("live", "--list-devices")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "There is no microphone: connect one" in done.stderr


@pytest.mark.parametrize("extension", repeats(["srt", "json"], 1))
def test_kill_9_loses_no_final_that_was_printed(spoken, tmp_path, extension):
    path = tmp_path / f"out.{extension}"
    with start("--input", "-", "-f", "jsonl", "-o", path, stdin=subprocess.PIPE) as running:
        running.stdin.buffer.write(spoken[0])
        running.stdin.flush()
        finals = []
        for line in running.stdout:
            event = json.loads(line)
            finals += [event["text"]] if event["type"] == "final" else []
            if len(finals) == 2:
                break
        running.kill()
        running.stdin.close()
    written = path.read_text(encoding="utf-8")
    assert finals == spoken[1][:2]
    for text in finals:
        assert text in written
    if extension == "json":
        json.loads(written)


def test_a_reader_that_goes_away_ends_it(spoken, tmp_path):
    path = tmp_path / "out.txt"
    with start("--input", "-", "-o", path, stdin=subprocess.PIPE) as running:
        running.stdout.close()
        with suppress(BrokenPipeError):  # it may end before it has read everything
            running.stdin.buffer.write(spoken[0])
            running.stdin.close()
        assert running.wait(60) == 141
    assert path.read_text(encoding="utf-8").splitlines()[0] == spoken[1][0]


@pytest.mark.slow
def test_killed_at_twenty_random_moments(spoken, tmp_path):
    rng = np.random.default_rng()
    for number in range(20):
        path = tmp_path / f"out{number}.{('srt', 'vtt', 'json', 'txt')[number % 4]}"
        with start("--input", "-", "-f", "jsonl", "-o", path, stdin=subprocess.PIPE) as running:
            running.stdin.buffer.write(spoken[0])
            running.stdin.flush()
            running.stdout.readline()
            time.sleep(rng.uniform(0, 0.4))
            running.kill()
            events = [json.loads(line) for line in running.stdout if line.endswith("\n")]
            running.stdin.close()
        finals = [event["text"] for event in events if event["type"] == "final"]
        written = path.read_text(encoding="utf-8")
        assert [text for text in finals if text not in written] == []
        if path.suffix == ".json":
            texts = [segment["text"] for segment in json.loads(written)["segments"]]
            assert texts == spoken[1][: len(texts)]


def test_packed_sound_is_refused_with_the_command_that_unpacks_it(clips, tmp_path):
    for name, codec in (("a.aac", "aac"), ("a.ts", "aac"), ("a.mp4", "aac"), ("a.mp2", "mp2")):
        samples = np.pad(clips[0].samples, 16000)
        path = media.encode(tmp_path / name, codec, samples, 16000)
        done = live(path.read_bytes())
        assert done.exit_code == 1 and done.stdout == ""
        assert "ffmpeg -i " in done.stderr and "-f s16le" in done.stderr


def test_antiphase_down_a_pipe_is_heard_and_told(clips):
    samples = np.concatenate([clips[0].samples, clips[1].samples])
    stereo = np.stack([samples, -samples], axis=1)
    done = live(pcm(stereo), "--channels", "2", "-f", "jsonl")
    events = [checked(json.loads(line), "event") for line in done.stdout.splitlines()]
    said = " ".join(event["text"] for event in events if event["type"] == "final")
    assert clips[1].text in said
    (told,) = [event for event in events if event.get("kind") == "sound"]
    assert "left channel alone" in told["message"]


def test_a_gain_for_quiet_sound_down_a_pipe(clips):
    samples = np.pad(clips[0].samples / 100, (0, 16000))
    assert live(pcm(samples)).stdout != clips[0].text + "\n"
    assert live(pcm(samples), "--gain", "40").stdout == clips[0].text + "\n"
    assert live(pcm(samples), "--gain", "x").exit_code == 2


def test_what_a_stream_without_words_lacked(clips):
    """Nothing recognised is never silent: the level says why, and the option that helps."""
    quiet = live(pcm(clips[0].samples / 300))
    assert quiet.stdout == "" and "very quiet" in quiet.stderr and "--gain auto" in quiet.stderr
    silent = live(bytes(96_000), "--format", "jsonl")
    event = json.loads(silent.stdout.splitlines()[-2])
    assert (event["kind"], "digital silence" in event["message"]) == ("sound", True)

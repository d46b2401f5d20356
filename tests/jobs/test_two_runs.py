"""Two runs over the same files at the same time."""

import json
import subprocess
import sys

from nemocli.jobs import run
from tests.jobs.runs import say, states, transcribe, written
from tests.typed import environment


def test_two_runs_share_the_work(here):
    """The other run is a process, since locks do not exclude threads of the same process."""
    texts = {f"{n:03}.wav": f"text {n}" for n in range(60)}
    for name, text in texts.items():
        say(name, text)
    script = (
        "import json, time\nfrom tests.jobs.fake import *\nfrom tests.jobs.runs import *\n"
        "transcribed, results = transcribe(transcriber=FakeTranscriber(seconds=0.01))\n"
        "print(json.dumps([transcribed, states(results)]))"
    )
    command = [sys.executable, "-c", script]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environment(), text=True)
        for _ in range(2)
    ]
    (heard_1, states_1), (heard_2, states_2) = (json.loads(p.communicate()[0]) for p in both)
    assert sorted(heard_1 + heard_2) == sorted(texts)
    assert set(states_1) == set(states_2) == set(texts)
    assert {*states_1.values(), *states_2.values()} <= {"done", "skipped"}
    assert written() == {f"{n:03}.txt": f"text {n}\n" for n in range(60)}


def test_what_another_run_has_claimed_is_waited_for_and_done_if_it_dies(here, monkeypatch):
    monkeypatch.setattr(run, "CLAIM_RETRY_S", 0.01)
    say("a.wav", "one")
    say("b.wav", "two")
    script = (
        "import json, time\nfrom tests.jobs.fake import *\nfrom tests.jobs.runs import *\n"
        "jobs = jobs_of('in/a.wav'); jobs[0].output_folder.prepare()\n"
        "print(jobs[0].output_folder.claim('../in/a.wav', 'a'), flush=True)\ntime.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        env=environment(),
        text=True,
    )
    assert other.stdout.readline() == "True\n"
    notes = []

    def note(sentence):
        notes.append(sentence)
        other.kill()

    try:
        _, results = transcribe(note=note)
    finally:
        other.kill()
        other.communicate()
    assert states(results) == {"a.wav": "done", "b.wav": "done"}
    assert len(notes) == 1 and "another run" in notes[0]

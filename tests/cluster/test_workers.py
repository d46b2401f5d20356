"""Files given to workers of a cluster: lost workers, lost files, wrong models, wrong files."""

import sys
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from nemocli.boosting.phrases import Phrases
from nemocli.cluster.connection import LOCAL, connect
from nemocli.cluster.file_queue import MAX_BATCH_FILES
from nemocli.cluster.worker import Worker
from nemocli.cluster.workers import Workers
from nemocli.errors import ModelError, NemocliError
from nemocli.version import __version__
from tests.cluster.fake_worker import begun_times, load, load_and_die, load_nothing
from tests.jobs.fake import SETTINGS, transcript_of
from tests.jobs.runs import jobs_of, say, states, transcribe, written

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(find_spec("ray") is None, reason="pip install 'nemocli[cluster]'"),
]


@pytest.fixture(scope="module")
def ray_here():
    with connect(LOCAL, 2):
        yield


@pytest.fixture
def workers(ray_here):
    """Return a function that makes workers; all are stopped at the end."""
    made = []

    def make(load=load, count=2, **options):
        made.append(Workers(load, SETTINGS, count=count, cpus=1, **options))
        made[-1].wait()
        return made[-1]

    yield make
    for each in made:
        each.close()


def outcomes(workers, paths):
    return {outcome.path.name: outcome for outcome in workers.transcribe_many(paths, "auto")}


def test_transcripts_and_errors_are_those_of_a_transcriber(here, workers):
    paths = [Path(f"in/{n:02}.wav") for n in range(30)]
    for n, path in enumerate(paths):
        path.write_text("broken" if n == 7 else f"text {n}")
    paths.append(Path("in/missing.wav"))
    ended = outcomes(workers(), paths)
    assert sorted(ended) == [path.name for path in paths]
    for n, path in enumerate(paths[:30]):
        if n != 7:
            assert ended[path.name].path == path
            assert ended[path.name].transcript == transcript_of(f"text {n}")
    assert str(ended["07.wav"].error) == "in/07.wav is damaged: copy it again."
    assert str(ended["missing.wav"].error) == "in/missing.wav does not exist: check the path."


def test_the_request_for_aligned_times_goes_to_the_worker(here, workers):
    Path("in/a.wav").write_text("one two")
    (outcome,) = workers().transcribe_many(["in/a.wav"], "auto", align=0.25)
    assert outcome.transcript == transcript_of("one two", align=0.25)


def test_phrases_go_to_the_worker(here, workers):
    Path("in/a.wav").write_text("one two")
    phrases = Phrases.of(["Anna", "Okafor"], boost=2)
    (outcome,) = workers().transcribe_many(["in/a.wav"], "auto", phrases=phrases)
    assert outcome.transcript == transcript_of("Anna Okafor")


def test_paths_are_taken_only_when_a_worker_is_free(here, workers):
    taken = []

    def paths():
        for n in range(100):
            path = Path(f"in/{n:02}.wav")
            path.write_text("text")
            taken.append(path)
            yield path

    ending = workers().transcribe_many(paths(), "auto")
    next(ending)
    assert len(taken) <= 2 * MAX_BATCH_FILES
    assert len(list(ending)) == 99


def test_progress_is_called_while_files_are_transcribed(here, workers):
    say("a.wav", "slowly: one two three")
    calls = []
    made = workers(count=1)
    (outcome,) = made.transcribe_many(Path("in").iterdir(), progress=calls.append)
    assert {progress.path for progress in calls} == {Path("in/a.wav")}
    assert calls[0].transcript.duration == 0  # when it is given to a worker
    assert (calls[-1].promised, calls[-1].transcript.duration) == (3.0, 1.5)
    assert outcome.transcript is not None


def test_a_run_on_a_cluster_is_recorded_like_any_other(here, workers):
    for n in range(20):
        say(f"{n:02}.wav", f"text {n}")
    say("05.wav", "broken")
    say("06.wav", "kills once")
    made = workers()
    made.transcribed = []
    _, ends = transcribe(transcriber=made)
    assert states(ends) == {f"{n:02}.wav": "failed" if n == 5 else "done" for n in range(20)}
    texts = {6: "kills once"}
    assert written() == {
        f"{n:02}.txt": texts.get(n, f"text {n}") + "\n" for n in range(20) if n != 5
    }
    again = [job.source.path.name for job in jobs_of() if job.history.last.state != "done"]
    assert again == ["05.wav"]


def test_a_file_that_kills_its_workers_is_given_up_and_the_others_go_on(here, workers):
    for n in range(20):
        say(f"{n:02}.wav", f"text {n}")
    say("03.wav", "kills")
    say("12.wav", "raises")
    paths = sorted(Path("in").glob("*.wav"))
    ended = outcomes(workers(), paths)
    assert len(ended) == 20
    for name, times in (("03.wav", 3), ("12.wav", 3)):
        assert begun_times(f"in/{name}") == times
        assert f"in/{name} was given up on the cluster: 3 times" in str(ended.pop(name).error)
    assert all(outcome.transcript is not None for outcome in ended.values())


def test_a_worker_with_another_model_is_not_used(here, workers):
    with pytest.raises(ModelError, match="its model fake is another one"):
        workers(partial(load, "beef"))


def test_a_worker_of_another_version_or_precision_refuses():
    worker = Worker(load)
    assert worker.begin(__version__, SETTINGS.provenance).refusal is None
    assert "it has nemocli" in str(worker.begin("0.0.1", SETTINGS.provenance).refusal)
    other = replace(SETTINGS.provenance, precision="int8")
    refusal = worker.begin(__version__, other).refusal
    assert str(refusal) == "its model fake has the precision fp32, not int8."


def test_a_worker_without_the_model_says_so(here, workers):
    notes = []
    with pytest.raises(ModelError, match="There is no model here"):
        workers(load_nothing, note=notes.append)
    refusals = [note for note in notes if not note.startswith("Waiting for a worker")]
    assert len(refusals) == 1  # the first worker's; the second one's is raised


@pytest.mark.slow  # they are started again, several times
def test_workers_that_die_while_loading_are_given_up(here, workers):
    with pytest.raises(NemocliError, match="A worker does not start"):
        workers(load_and_die)


@pytest.mark.skipif(sys.platform != "linux", reason="paths that mean another file elsewhere")
@pytest.mark.slow
def test_a_file_that_is_another_one_for_the_worker_fails(here, workers, monkeypatch):
    monkeypatch.chdir("in")
    Path("a.wav").write_text("text")
    # These depend on the process that reads them: its working folder, and its program's name.
    ended = outcomes(workers(count=1), [Path("/proc/self/cwd/a.wav"), Path("/proc/self/comm")])
    assert "cannot be read on" in str(ended["a.wav"].error)
    assert "has other content on" in str(ended["comm"].error)

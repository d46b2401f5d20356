"""The JSON file of a measurement: it is read as it was written, and other files are refused."""

import json
import os
import threading

import pytest

from nemocli.bench.accuracy import Accuracy, score_utterance
from nemocli.bench.figures import compute_figures, compute_load_figures
from nemocli.bench.report import check_writable, format_json, read_report, write_text
from nemocli.bench.speaker_accuracy import ScoredSpeakers, TurnErrors
from nemocli.errors import NemocliError
from nemocli.transcript.provenance import SpeakerProvenance
from tests.bench.reports import report


def test_a_report_is_read_as_it_was_written(tmp_path):
    before = report([4, 5])
    before.accuracy = Accuracy(
        [score_utterance("a.wav", "en-US", "one two", "one")],
        {"b.wav": "gone"},
        speakers=[ScoredSpeakers("a.wav", 1, 2, (TurnErrors(0.25, 9.0, 0.5, 0.25, 1.0),), 0.5)],
        speaker_model=SpeakerProvenance("demo", names=("Ann",)),
    )
    write_text(tmp_path / "a.json", format_json(before.to_json()))
    assert read_report(tmp_path / "a.json") == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: data.update(version=2),
        lambda data: data.update(schema="other"),
        lambda data: data.pop("results"),
        lambda data: data["machine"].pop("processor"),
        lambda data: data.update(results=[1]),
        lambda data: data["results"][0].update(ways={"stream": [{}]}),
    ],
)
def test_other_files_are_refused(tmp_path, damage):
    data = report([4]).to_json()
    data = json.loads(json.dumps(data))
    damage(data)
    (tmp_path / "a.json").write_text(json.dumps(data))
    with pytest.raises(NemocliError, match="is not a report"):
        read_report(tmp_path / "a.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"schema": null}'])
def test_text_that_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(NemocliError, match="is not a report"):
        read_report(tmp_path / "a.json")
    with pytest.raises(NemocliError, match="cannot be read: No such file"):
        read_report(tmp_path / "none.json")


def test_places_that_cannot_be_written(tmp_path):
    for path, words in ((tmp_path, "a folder"), (tmp_path / "none" / "a", "No such file")):
        with pytest.raises(NemocliError, match=words):
            check_writable(path)
    check_writable(tmp_path / "a.json")
    assert not list(tmp_path.iterdir())


def test_a_device_is_written_to_and_stays(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    check_writable(tmp_path / "pipe")
    writing = threading.Thread(target=write_text, args=(tmp_path / "pipe", "text"))
    writing.start()
    assert (tmp_path / "pipe").read_text() == "text"
    writing.join()
    assert (tmp_path / "pipe").is_fifo() and os.listdir(tmp_path) == ["pipe"]


def test_percentiles_need_enough_samples():
    many = report([4, 4, 5])
    figures = {figure.name: figure for figure in compute_figures(many.results[0], "stream")}
    assert figures["chunk, p50"].value == pytest.approx(4.12, abs=0.03)
    assert figures["chunk, max"].value == pytest.approx(5.2)
    assert len(figures["chunk, p50"].by_repeat) == 3
    for run in many.results[0].ways["stream"]:
        run.heard[0].chunks = run.heard[0].chunks[:5]
    figures = {figure.name: figure.value for figure in compute_figures(many.results[0], "stream")}
    assert figures["chunk, p50"] and figures["chunk, p95"] is None and figures["chunk, p99"] is None


def test_the_first_load_is_the_cold_one():
    result = report([4, 4]).results[0]
    cold, warm = compute_load_figures(result)
    assert cold.value == 2.0 and warm.by_repeat == [1.0]

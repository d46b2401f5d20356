"""The log of a folder: complete lines are read again, whatever else was cut off."""

import errno
import hashlib
import json
import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.audio.options import SoundOptions
from nemocli.errors import NemocliError, OutputError
from nemocli.jobs.claims import Claims
from nemocli.jobs.run_log import Record, RunLog
from nemocli.models.word_delays import choose_alignment
from nemocli.transcript.alignment import Alignment
from nemocli.transcript.cue_layout import CueLayout
from tests.jobs.fake import SETTINGS


def open_log(folder):
    return RunLog(folder, Claims(folder / "claims"))


def record(name, state="done"):
    return Record(name, state, name, ("txt",), SETTINGS.id, size=1, mtime_ns=2, sha256="x")


def ends(log):
    """Return state and outputs by input, without the time."""
    return {
        name: (history.last.state, history.last.outputs) if history.last else None
        for name, history in log.inputs.items()
    }


def test_what_was_appended_is_read_again(tmp_path):
    log = open_log(tmp_path)
    log.append(record("a", "begun"), SETTINGS, sync=False)
    log.append(record("a"), SETTINGS)
    log.append(record("b", "begun"), SETTINGS)
    again = open_log(tmp_path)
    assert ends(again) == ends(log) == {"a": ("done", {"txt": "a.txt"}), "b": None}
    assert again.names == {"a": "a", "b": "b"}
    assert again.is_output("a.txt") and not again.is_output("a.srt")
    lines = [json.loads(line) for line in log.path.read_text().splitlines()]
    assert lines[0] == {"manifest": 1}
    assert [line["settings"]["id"] for line in lines if "settings" in line] == [SETTINGS.id]


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(1, 400), min_size=1, max_size=5))
def test_a_line_that_was_cut_off_costs_that_line_only(tmp_path_factory, cuts):
    folder = tmp_path_factory.mktemp("log")
    expected = {}
    for number, cut in enumerate(cuts):
        log = open_log(folder)
        log.append(record(f"kept-{number}"), SETTINGS)
        expected[f"kept-{number}"] = ("done", {"txt": f"kept-{number}.txt"})
        kept = log.path.stat().st_size
        log.append(record("torn"), SETTINGS)
        whole = log.path.stat().st_size
        os.truncate(log.path, max(kept, whole - cut))
    log = open_log(folder)
    log.append(record("last"), SETTINGS)
    expected["last"] = ("done", {"txt": "last.txt"})
    found = ends(open_log(folder))
    assert {name: found[name] for name in expected} == expected
    assert set(found) <= {*expected, "torn"}


def test_two_runs_read_each_other_s_lines(tmp_path):
    mine, others = open_log(tmp_path), open_log(tmp_path)
    mine.append(record("a"), SETTINGS)
    others.append(replace(record("b"), state="failed", error="why"), SETTINGS)
    mine.refresh()
    assert set(mine.inputs) == set(others.inputs) == {"a", "b"}
    assert (mine.inputs["a"].is_from_other_run, mine.inputs["b"].is_from_other_run) == (False, True)
    assert mine.inputs["b"].last.error == "why"


@pytest.mark.parametrize("written", [0, 7])
def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch, written):
    log = open_log(tmp_path)
    log.append(record("a"), SETTINGS)
    before = log.path.read_bytes()
    write = os.write
    calls = iter([written])

    def full(file, data):
        count = next(calls, None)
        if not count:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:count])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OutputError, match="No space left"):
            log.append(record("b"), SETTINGS)
    assert log.path.read_bytes() == before
    log.append(record("c"), SETTINGS)
    assert set(open_log(tmp_path).inputs) == {"a", "c"}


def test_a_manifest_of_another_version_is_refused(tmp_path):
    (tmp_path / "manifest.jsonl").write_text('{"manifest": 2}\n')
    with pytest.raises(NemocliError, match="another version of nemocli"):
        open_log(tmp_path)


FIELDS = {"input": "a", "state": "done", "name": "a", "formats": ["txt"], "settings": SETTINGS.id}


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "../a"},
        {"name": "/tmp/a"},
        {"name": "b/../../a"},
        {"name": ""},
        {"name": "a\x00"},
        {"name": {}},
        {"name": 3},
        {"input": 3},
        {"formats": ["/../../b"]},
        {"formats": [None]},
        {"formats": None},
        {"settings": []},
        {"state": "perhaps"},
        {"more": 1},
    ],
)
def test_lines_that_nemocli_has_not_written_are_passed_over(tmp_path, changes):
    lines = [{"manifest": 1}, {"file": FIELDS | changes}, {"file": FIELDS | {"input": "b"}}]
    content = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "manifest.jsonl").write_text(content)
    log = open_log(tmp_path)
    assert set(log.inputs) == {"b"} and log.names == {"a": "b"}


def test_names_of_any_bytes_come_back(tmp_path):
    name = os.fsdecode(b"caf\xe9\n\x1b[31m.wav")
    open_log(tmp_path).append(record(name), SETTINGS)
    assert set(open_log(tmp_path).inputs) == {name}


def test_the_id_of_settings_does_not_depend_on_the_model_s_name():
    def other(**changes):
        return replace(SETTINGS, provenance=replace(SETTINGS.provenance, **changes)).id

    assert other(model="/elsewhere/demo") == SETTINGS.id
    for change in (
        {"model_revision": "other"},
        {"precision": "int8"},
        {"runtime": "numpy"},
        {"lookahead": 6},
        {"requested_language": "de-DE"},
    ):
        assert other(**change) != SETTINGS.id
    assert replace(SETTINGS, layout=CueLayout(max_line_width=30)).id != SETTINGS.id


def with_alignment(delay):
    about = replace(SETTINGS.provenance, alignment=Alignment(delay))
    return replace(SETTINGS, provenance=about)


def test_settings_request_the_alignment_that_they_say():
    assert SETTINGS.align is None
    for delay in (None, 0.0, 0.2):
        settings = with_alignment(delay)
        assert choose_alignment(settings.align, None, 3) == settings.provenance.alignment


def test_defaults_of_newer_settings_do_not_change_the_id():
    """Files that were done before these settings existed stay done."""
    fields = SETTINGS.to_json()
    del fields["id"], fields["nemocli"], fields["model"], fields["layout"]["min_cue"]
    del fields["sound"]
    digest = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    assert SETTINGS.id == digest[:16]
    others = [
        replace(SETTINGS, layout=CueLayout(min_cue=0)),
        *(
            replace(SETTINGS, sound=sound)
            for sound in (SoundOptions(track=2), SoundOptions(channels=1), SoundOptions(gain=0.0))
        ),
        *(with_alignment(delay) for delay in (None, 0.0, 0.2)),
    ]
    assert len({SETTINGS.id, *(other.id for other in others)}) == 1 + len(others)

"""docs/json.md: its examples are what the demo gives, and what the schemas describe."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import soundfile
from jsonschema import ValidationError

from nemocli.transcript.event_lines import format_event
from nemocli.transcript.events import Final, Partial, Status
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word
from scripts.make_docs import ROOT
from tests.schemas import SCHEMAS, checked
from tests.typed import NEMOCLI, nemocli


@pytest.fixture
def clip(clips, tmp_path, monkeypatch):
    shutil.copy(clips[0].path, tmp_path / "en-US-1.flac")
    monkeypatch.chdir(tmp_path)
    return clips[0]


def example(name):
    """The block of JSON behind the remark that names it."""
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    return re.search(f"<!-- {name} -->\n```json\n(.*?)```", page, re.DOTALL)[1]


def without_confidence(value):
    """Its last digits are the processor's."""
    if isinstance(value, list):
        return [without_confidence(item) for item in value]
    if isinstance(value, dict):
        return {k: without_confidence(v) for k, v in value.items() if k != "confidence"}
    return value


def test_the_document_is_the_demo_s(clip):
    arguments = "file en-US-1.flac --model demo --lang en-US --format json"
    document = json.loads(nemocli(*arguments.split()).stdout)
    shown = json.loads(example("the document"))
    assert without_confidence(document) == without_confidence(shown)
    checked(document, "document")
    checked(shown, "document")
    for segment in shown["segments"]:
        checked(segment, "segment")


def test_the_events_are_the_demo_s(clip):
    pcm = soundfile.read(clip.path, dtype="int16")[0].astype("<i2").tobytes()
    arguments = ["live", "--input", "-", "--model", "demo", "--format", "jsonl"]
    command = [*NEMOCLI, *arguments]
    done = subprocess.run(command, input=pcm, capture_output=True, check=True)
    events = [json.loads(line) for line in done.stdout.splitlines()]
    for event in events:
        checked(event, "event")
    shown = [json.loads(line) for line in example("the events").splitlines()]
    assert without_confidence(events[-2:]) == without_confidence(shown)


def test_every_kind_of_event_is_described():
    segment = Segment(0, (Word("Yes.", 0.0, 0.08, 0.5),), None)
    kinds = SCHEMAS["event"]["$defs"]["status"]["properties"]["kind"]["enum"]
    for event in (
        Partial(segment, None),
        Final(segment, "ja-JP"),
        *(Status(kind, 1.0, 0.5, 0.0, 0.1, -120.0, None, "…") for kind in kinds),
    ):
        checked(json.loads(format_event(event)), "event")
    folders = (ROOT / "nemocli" / "live", ROOT / "nemocli" / "audio")
    code = "".join(path.read_text() for folder in folders for path in folder.glob("*.py"))
    told = set(re.findall(r'(?:_report|Happening|Mark|StreamEvent)\("(\w+)"', code))
    assert told and told <= set(kinds)


def test_the_check_of_events_works():
    """As plain jsonschema does it, without a word of ours."""
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    code = re.search("<!-- the check -->\n```python\n(.*?)```", page, re.DOTALL)[1]
    good = format_event(Final(Segment(0, (Word("Yes.", 0.0, 0.9, 0.5),)), "en-US"))
    for text, is_valid in ((good, True), (good.replace('"confidence"', '"trust"'), False)):
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, input=text, text=True, capture_output=True, check=False)
        assert (done.returncode == 0) == is_valid, done.stderr
        assert is_valid or "jsonschema.exceptions.ValidationError: " in done.stderr


def test_every_schema_is_called_as_its_file():
    for name, schema in SCHEMAS.items():
        assert schema["$id"] == f"https://nemocli.invalid/schemas/{name}.schema.json"


def test_every_schema_has_its_tables_and_every_member_a_meaning():
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- made: (\w+)\.schema\.json -->", page)) == set(SCHEMAS)
    assert not re.findall(r"^\| `\w+` \|.*\|  \|$", page, re.MULTILINE)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("report", "file en-US-1.flac none.wav -o . --report report.json --model demo"),
        ("models", "models list --json"),
        ("doctor", "doctor --json"),
    ],
)
def test_a_new_member_must_be_described(clip, name, command):
    printed = nemocli(*command.split()).stdout
    value = json.loads(Path("report.json").read_text() if name == "report" else printed)
    checked(value, name)
    places = list(objects(value))
    assert len(places) > 1 or name == "models"
    for place in places:
        place["new"] = 1
        with pytest.raises(ValidationError):
            checked(value, name)
        del place["new"]


def objects(value):
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from objects(item)


def test_every_member_has_a_row():
    page = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `(\w+)` \|", page, re.MULTILINE))
    shown = [example("the document"), *example("the events").splitlines()]

    def members(value):
        if isinstance(value, list):
            return {name for item in value for name in members(item)}
        if isinstance(value, dict):
            return set(value) | members(list(value.values()))
        return set()

    assert members([json.loads(text) for text in shown]) <= rows

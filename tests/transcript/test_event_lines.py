"""Events as lines of JSON, as other programs read them."""

import json

import pytest

from nemocli.transcript.event_lines import format_event
from nemocli.transcript.events import Final, Partial, Status
from nemocli.transcript.segments import Segment
from nemocli.transcript.types import Word

SEGMENT = Segment(
    3, (Word("今日は", 1.2, 1.52, 0.912345), Word("ok.", 1.6, 2.0, 0.8)), language="en-US"
)


@pytest.mark.parametrize(("event", "kind"), [(Partial, "partial"), (Final, "final")])
def test_the_line_of_a_segment(event, kind):
    line = format_event(event(SEGMENT, "ja-JP"))
    assert json.loads(line) == {
        "version": 1,
        "type": kind,
        "id": 3,
        "t0": 1.2,
        "t1": 2.0,
        "text": "今日は ok.",
        "words": [
            {"text": "今日は", "start": 1.2, "end": 1.52, "confidence": 0.9123},
            {"text": "ok.", "start": 1.6, "end": 2.0, "confidence": 0.8},
        ],
        "language": "ja-JP",
    }
    assert "\n" not in line
    assert "今日は" in line  # characters as they are


def test_the_line_of_a_status():
    seconds = {"heard": 1.00006251, "dropped": 0.00006251, "rescued": 0.12345, "lag": 0.98765}
    line = format_event(Status("dropped", **seconds, level=-23.456, language=None, message="今日"))
    assert json.loads(line) == {
        "version": 1,
        "type": "status",
        "kind": "dropped",
        "heard": 1.000063,
        "dropped": 0.000063,
        "gaps": 0.0,
        "rescued": 0.123,
        "lag": 0.988,
        "level": -23.5,
        "language": None,
        "message": "今日",
    }

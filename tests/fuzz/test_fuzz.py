"""Some damaged input for every reader and writer; scripts/fuzz.py gives them more of it."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from tests.fuzz.broken import BROKEN
from tests.fuzz.runner import run_target, smaller
from tests.fuzz.target import run_case
from tests.fuzz.targets import TARGETS
from tests.repeats import repeats

SCRIPT = Path(__file__).parents[2] / "scripts" / "fuzz.py"

#: Cases of a target, and of those that take longer.
CASES = 30
SLOW = {
    "onnx": 5,
    "mlx": 15,
    "sound-file": 30,
    "session": 15,
    "mel": 15,
    "nemo": 20,
    "nemo-yaml": 20,
}


@pytest.mark.parametrize("name", TARGETS)
def test_damaged_input_is_read_or_refused(name, tmp_path):
    target = TARGETS[name](tmp_path)
    assert any(run_case(target, data).accepted for data in target.seeds)

    @settings(
        max_examples=SLOW.get(name, CASES),
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.sampled_from(target.seeds), st.randoms(use_true_random=False))
    def check(seed, random):
        data = target.mutate(seed, random)
        note(f"input: {data!r}")
        run_case(target, data)

    check()


@pytest.mark.parametrize("kind", repeats(BROKEN, 2))
def test_a_defect_is_found(kind):
    result = run_target(BROKEN[kind], seed=0, cases=2, seconds=None)
    assert result.cases == 2
    (finding,) = result.findings.values()
    assert kind in finding.kind + finding.detail
    assert finding.data == b"bad"


def test_an_input_is_made_smaller(tmp_path):
    target = BROKEN["IndexError"](tmp_path)
    assert smaller(target, b"bad" * 100) == b""


def test_the_script_reports_and_ends_with_0(tmp_path):
    command = [sys.executable, SCRIPT, "sentencepiece", "--cases", "100", "--save", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sentencepiece") and "100 cases" in done.stdout
    assert not any(tmp_path.iterdir())

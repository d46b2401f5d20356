"""A folder of tests whose packages are missing is skipped with a reason, also if it is named."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.repeats import repeats

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("room", "package", "reason"),
    repeats(
        [
            ("oracle", "torch", "needs pip install -e '.[test]'"),
            ("oracle", "transformers", "needs pip install -e '.[test]'"),
            ("server", "starlette", "needs pip install 'nemocli[serve]'"),
            ("runtimes/coreml", "coremltools", "needs coremltools"),
        ],
        1,
    ),
)
def test_every_file_of_the_room_is_skipped(room, package, reason):
    code = f"import sys; sys.modules[{package!r}] = None; import pytest; sys.exit(pytest.main())"
    options = ["-n", "0", "-p", "no:cacheprovider", "-rs", "-m", ""]
    command = [sys.executable, "-c", code, *options, f"tests/{room}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    files = len(list((ROOT / "tests" / room).glob("test_*.py")))
    assert re.search(rf"SKIPPED \[{files}\] .*: {re.escape(reason)}", done.stdout), done.stdout
    assert "Traceback" not in done.stdout + done.stderr

"""The comparison at the released sizes, minutes and 6 GB of memory for each. It is run by

    pytest -m full_size tests/oracle/test_full_size.py

NEMOCLI_FULL_SIZE_DIR names a folder that keeps checkpoints and models for the next time.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_full_size.py"


@pytest.mark.full_size
@pytest.mark.parametrize("options", [(), ("--english",)])
def test_released_size(options, tmp_path):
    work = Path(os.environ.get("NEMOCLI_FULL_SIZE_DIR", tmp_path), *options)
    assert subprocess.run([sys.executable, SCRIPT, "--work", work, *options]).returncode == 0

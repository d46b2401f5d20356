"""The comparison at the released size. It takes minutes and 6 GB of memory, and is run by

    pytest -m full_size tests/oracle/test_full_size.py

NEMOCLI_FULL_SIZE_DIR names a folder that keeps checkpoint and models for the next time.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "check_full_size.py"


@pytest.mark.full_size
def test_released_size(tmp_path):
    work = os.environ.get("NEMOCLI_FULL_SIZE_DIR", str(tmp_path))
    assert subprocess.run([sys.executable, SCRIPT, "--work", work]).returncode == 0

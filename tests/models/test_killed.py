"""A conversion killed at any moment: the next one completes, and nothing stray remains."""

import random
import shutil
import subprocess
import time

import pytest

from nemocli.models.folder import read_manifest
from nemocli.runtimes.kinds import KINDS
from tests.typed import NEMOCLI

MOMENTS = 10


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "coreml", "mlx", "coreai"])
def test_killed_at_random_moments(demo, tmp_path, to):
    pytest.importorskip(KINDS[to].library.module, reason=f"{to} is not installed")
    out = tmp_path / "model"
    command = [*NEMOCLI, "convert", demo, "--to", to, "-o", out]
    command += ["--lookahead", "0,3", "--quiet", "--no-verify"]
    started = time.monotonic()
    subprocess.run(command, check=True)
    whole = time.monotonic() - started
    shutil.rmtree(out)
    moments = random.Random(7)
    for _ in range(MOMENTS):
        killed = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        time.sleep(whole * moments.uniform(0.2, 1.0))
        killed.kill()
        killed.wait()
        if out.exists():  # it was quicker than the first time, and is complete
            read_manifest(out)
            shutil.rmtree(out)
    subprocess.run(command, check=True)
    read_manifest(out)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]

"""A conversion killed at any moment: the next one completes, and nothing stray remains."""

import random
import shutil
import subprocess
import time

import pytest

from nemocli.models.bundle_manifest import read_bundle
from nemocli.models.folder import read_manifest
from nemocli.runtimes.coreai.layout import LAYOUT
from nemocli.runtimes.kinds import KINDS
from tests.typed import NEMOCLI

MOMENTS = 10


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "coreml", "mlx", "coreai", "coreaikit"])
def test_killed_at_random_moments(demo, tmp_path, to):
    is_bundle = to == LAYOUT
    kind, read = ("coreai", read_bundle) if is_bundle else (to, read_manifest)
    pytest.importorskip(KINDS[kind].library.module, reason=f"{kind} is not installed")
    out = tmp_path / "model"
    command = [*NEMOCLI, "convert", demo, "--to", kind, "-o", out, "--quiet", "--no-verify"]
    command += ["--layout", LAYOUT] if is_bundle else ["--lookahead", "0,3"]
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
            read(out)
            shutil.rmtree(out)
    subprocess.run(command, check=True)
    read(out)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]

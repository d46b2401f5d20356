"""Fixtures for faults: a short sentence, a small disk, a hub."""

import subprocess

import numpy as np
import pytest

import nemocli
from tests.models.fake_hub import FakeHub, running
from tests.sounds import pcm


@pytest.fixture(scope="session", autouse=True)
def _converted(cache):
    """Convert the demo once, before the tests that check messages."""
    nemocli.load("demo")


@pytest.fixture(scope="session")
def clip(clips):
    """The shortest of the bundled clips."""
    return min(clips, key=lambda clip: len(clip.samples))


@pytest.fixture(scope="session")
def spoken(clip):
    """The clip's samples and a pause, as raw bytes for a pipe."""
    sound = np.concatenate([clip.samples, np.zeros(24000, np.float32)])
    return pcm(sound)


@pytest.fixture
def disk(tmp_path):
    """A folder that is a disk of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk, and not everywhere")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.fixture
def hub(demo, tmp_path):
    """A server that answers like the hub, and the environment in which it is found."""
    with running(FakeHub(demo)) as hub:
        yield hub, {"HF_HOME": tmp_path / "hf", "HF_ENDPOINT": hub.url}

"""Nothing leaves the machine, and nothing is left in the home folder but nemocli's own cache."""

import os
import subprocess
import sys


def test_no_library_keeps_notes_of_what_is_run(clips, tmp_path):
    home, cache = tmp_path / "home", tmp_path / "cache"
    home.mkdir()
    ours = {name for name in os.environ if name.startswith(("XDG_", "ORT_", "NEMOCLI_"))}
    environment = {name: value for name, value in os.environ.items() if name not in ours}
    environment |= {"HOME": str(home), "NEMOCLI_CACHE_DIR": str(cache)}
    arguments = ["file", str(clips[0].path), "--model", "demo"]
    done = subprocess.run(
        [sys.executable, "-m", "nemocli", *arguments],
        env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == clips[0].text
    assert list(home.rglob("*")) == []

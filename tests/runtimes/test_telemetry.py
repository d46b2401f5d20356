"""Nothing leaves the machine: onnxruntime does not record its use."""

import os
import subprocess
import sys


def test_onnxruntime_records_nothing(tmp_path):
    places = {"HOME": "home", "XDG_CACHE_HOME": "cache", "TMPDIR": "tmp"}
    own = {name: str(tmp_path / folder) for name, folder in places.items()}
    for folder in own.values():
        os.mkdir(folder)
    # If one of these is set, onnxruntime records nothing anyway.
    silencing = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")
    environment = {k: v for k, v in os.environ.items() if k not in silencing}
    code = "import nemocli; nemocli.load('demo')"
    subprocess.run([sys.executable, "-c", code], env=environment | own, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

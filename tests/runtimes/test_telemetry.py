"""Nothing leaves the machine: onnxruntime keeps no record of its use to be sent."""

import os
import subprocess
import sys


def test_onnxruntime_records_nothing(tmp_path):
    places = {"HOME": "home", "XDG_CACHE_HOME": "cache", "TMPDIR": "tmp"}
    own = {name: str(tmp_path / folder) for name, folder in places.items()}
    for folder in own.values():
        os.mkdir(folder)
    # Where these are set, it records nothing by itself.
    silencing = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")
    environment = {k: v for k, v in os.environ.items() if k not in silencing}
    code = "import nemocli; nemocli.load('demo')"
    subprocess.run([sys.executable, "-c", code], env=environment | own, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

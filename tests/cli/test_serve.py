"""`nemocli serve` and `--server` where their packages are missing; tests/server has the rest."""

import subprocess
import sys

import pytest

from tests.typed import environment


@pytest.mark.parametrize(
    ("package", "arguments"),
    [
        ("starlette", ["serve", "--model", "demo"]),
        ("websockets", ["live", "--server", "http://127.0.0.1:1", "--input", "x.wav"]),
    ],
)
def test_a_missing_package_is_named_with_its_command(package, arguments, clips):
    arguments = [str(clips[0].path) if name == "x.wav" else name for name in arguments]
    code = (
        f"import sys; sys.modules[{package!r}] = None; sys.argv = ['nemocli', *{arguments!r}];"
        "from nemocli.__main__ import main; main()"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=environment())
    assert done.returncode == 4
    assert "pip install 'nemocli[serve]'" in done.stderr
    assert "Traceback" not in done.stderr

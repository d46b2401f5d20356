"""How tests are run: all of them in several processes, named ones in one process."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.conftest import pytest_cmdline_main

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("arguments", "is_spread"),
    [([], True), (["tests/transcript"], False)],
    ids=["all", "named"],
)
def test_only_the_whole_suite_is_spread_over_processes(arguments, is_spread):
    # Stops before anything is collected or started.
    code = """
import sys, pytest
class Asked:
    def pytest_sessionstart(self, session):
        print("processes:", len(session.config.option.tx))
        raise pytest.exit.Exception("enough", returncode=0)
sys.exit(pytest.main(sys.argv[1:], [Asked()]))
"""
    command = [sys.executable, "-c", code, "-p", "no:cacheprovider", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("processes:"))
    assert (int(line.split()[1]) > 1) == is_spread, done.stdout


def test_a_process_of_the_suite_starts_no_others():
    options = SimpleNamespace(numprocesses=None, capture="fd", usepdb=False)
    config = SimpleNamespace(
        option=options,
        args_source=pytest.Config.ArgsSource.TESTPATHS,
        ArgsSource=pytest.Config.ArgsSource,
        workerinput={},
    )
    pytest_cmdline_main(config)
    assert options.numprocesses is None
    del config.workerinput
    pytest_cmdline_main(config)
    assert options.numprocesses > 1

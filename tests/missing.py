"""Rooms of tests that need packages which are not there everywhere."""

from importlib.util import find_spec

import pytest


def skips_without(*packages, reason):
    """A hook for a room's conftest.py: where a package is missing, each file of it is skipped.

    A conftest.py that skips by itself ends pytest in a traceback when its room is named.
    """

    class Skipped(pytest.Module):
        def collect(self):
            pytest.skip(reason, allow_module_level=True)

    def pytest_pycollect_makemodule(module_path, parent):
        if not all(map(find_spec, packages)):
            return Skipped.from_parent(parent, path=module_path)

    return pytest_pycollect_makemodule

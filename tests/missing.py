"""Skipping files and folders of tests whose packages are not installed."""

from importlib.util import find_spec

import pytest


def skip_file_without(*packages, reason):
    """Skip the file that is being imported if a package is missing; import none of them.

    Every process of the suite imports every file: what is slow to import, tests import themselves.
    """
    if not all(map(find_spec, packages)):
        pytest.skip(reason, allow_module_level=True)


def skips_without(*packages, reason):
    """Return a hook for a folder's conftest.py that skips each file if a package is missing.

    A conftest.py that skips by itself ends pytest in a traceback when its room is named.
    """

    class Skipped(pytest.Module):
        def collect(self):
            pytest.skip(reason, allow_module_level=True)

    def pytest_pycollect_makemodule(module_path, parent):
        if not all(map(find_spec, packages)):
            return Skipped.from_parent(parent, path=module_path)

    return pytest_pycollect_makemodule

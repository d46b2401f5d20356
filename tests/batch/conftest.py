"""A folder of inputs to run over."""

import pytest


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with an empty folder `in`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    return tmp_path

"""Cases of one kind: some run by default, the others when slow tests are asked for."""

import pytest


def repeats(cases, default):
    """Return the cases for `parametrize`; those behind the first `default` ones are slow tests."""
    cases = list(cases)
    return [*cases[:default], *(_mark_slow(case) for case in cases[default:])]


def _mark_slow(case):
    if hasattr(case, "marks"):
        return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.slow])
    values = case if isinstance(case, tuple | list) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)

"""A snapshot of a growing list behaves like a tuple of that moment."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemocli.transcript.snapshot import Snapshot

ITEMS = st.lists(st.integers(0, 9), max_size=6)
BOUNDS = st.none() | st.integers(-8, 8)


@given(ITEMS, ITEMS, ITEMS)
def test_it_equals_the_tuple_of_that_moment(items, rest, later):
    expected = (*items, *rest)
    snapshot = Snapshot(items, rest)
    items += later
    rest.clear()
    assert len(snapshot) == len(expected)
    assert tuple(snapshot) == expected
    assert snapshot == expected and snapshot == list(expected)
    assert hash(snapshot) == hash(expected)
    assert repr(snapshot) == repr(expected)


@given(ITEMS, ITEMS, st.builds(slice, BOUNDS, BOUNDS, BOUNDS.filter(lambda step: step != 0)))
def test_items_and_slices_are_those_of_the_tuple(items, rest, part):
    expected, snapshot = (*items, *rest), Snapshot([*items], rest)
    count = len(expected)
    assert [snapshot[n] for n in range(-count, count)] == [*expected, *expected]
    assert snapshot[part] == expected[part]
    for outside in (count, -count - 1):
        with pytest.raises(IndexError, match=rf"^index {outside} is out of range$"):
            snapshot[outside]


def test_it_equals_nothing_else():
    assert Snapshot([1], [2]) != (1, 3)
    assert Snapshot([1]) != 1
    assert Snapshot([1]) != {1}

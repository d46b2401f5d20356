"""Snapshots of lists that grow at the end."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import TypeVar, overload

Item = TypeVar("Item")


class Snapshot(Sequence[Item]):
    """The items that a list has now, followed by a few others, without a copy.

    The list may only be appended to later. This makes a transcript so far cheap, at any length of
    the stream.
    """

    __slots__ = ("_count", "_items", "_rest")

    def __init__(self, items: list[Item], rest: Iterable[Item] = ()) -> None:
        self._items, self._count, self._rest = items, len(items), tuple(rest)

    def __len__(self) -> int:
        return self._count + len(self._rest)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, index: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(index, slice):
            return tuple(self[n] for n in range(*index.indices(len(self))))
        at = index + len(self) if index < 0 else index
        if not 0 <= at < len(self):
            raise IndexError(f"index {index} is out of range")
        return self._items[at] if at < self._count else self._rest[at - self._count]

    def __iter__(self) -> Iterator[Item]:
        return chain(islice(self._items, self._count), self._rest)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

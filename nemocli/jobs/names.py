"""What the outputs of each input are called, so that no two share a name, in this run or any."""

import os
from collections import Counter
from collections.abc import Iterator

from nemocli.jobs.run_log import RunLog


def choose_names(inputs: dict[str, str], manifest: RunLog) -> dict[str, str]:
    """By key in the manifest: the outputs' path without their extension.

    `inputs` has each input's own path below the folder, by its key. An input keeps the name that
    it has on record. `talk.mp3` becomes `talk`, unless another input of that name is here or on
    record: then it is `talk.mp3`, and if that is taken too, `talk.mp3-2`.
    """
    stems = Counter(_stem(place).casefold() for place in inputs.values())
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in inputs:
        if key in manifest.inputs:
            names[key] = manifest.inputs[key].name
            taken.add(names[key].casefold())
    for key, place in inputs.items():
        if key not in names:
            shared = stems[_stem(place).casefold()] > 1
            names[key] = free_name(key, place, manifest, taken, shared)
            taken.add(names[key].casefold())
    return names


def free_name(key: str, place: str, manifest: RunLog, taken: set[str], is_stem_shared: bool) -> str:
    """The first name for an input that is neither taken nor another's on record."""
    for name in _candidates(place, is_stem_shared):
        folded = name.casefold()
        if folded not in taken and manifest.names.get(folded, key) == key:
            return name
    raise AssertionError("there is always another number")


def _candidates(place: str, is_stem_shared: bool) -> Iterator[str]:
    if not is_stem_shared:
        yield _stem(place)
    yield place
    number = 2
    while True:
        yield f"{place}-{number}"
        number += 1


def _stem(place: str) -> str:
    return os.path.splitext(place)[0]

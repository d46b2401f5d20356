"""Names of the outputs of each input, unique in this run and among all earlier ones."""

import os
from collections import Counter
from collections.abc import Iterator

from nemocli.jobs.run_log import RunLog


def choose_names(inputs: dict[str, str], run_log: RunLog) -> dict[str, str]:
    """Choose the path of each input's outputs, without their extension; return it by key.

    `inputs` has each input's own path below the folder, by its key in the log. An input keeps the
    name that the log has for it. `talk.mp3` becomes `talk`, unless another input, here or in the
    log, has that name too: then it is `talk.mp3`, and if that is taken as well, `talk.mp3-2`.
    """
    stems = Counter(_remove_extension(path).casefold() for path in inputs.values())
    names: dict[str, str] = {}
    taken: set[str] = set()
    for key in inputs:
        if key in run_log.inputs:
            names[key] = run_log.inputs[key].name
            taken.add(names[key].casefold())
    for key, path in inputs.items():
        if key not in names:
            shared = stems[_remove_extension(path).casefold()] > 1
            names[key] = find_free_name(key, path, run_log, taken, shared)
            taken.add(names[key].casefold())
    return names


def find_free_name(
    key: str, path: str, run_log: RunLog, taken: set[str], is_stem_shared: bool
) -> str:
    """Return the first name that is neither taken nor, in the log, that of another input."""
    for name in _list_candidates(path, is_stem_shared):
        folded = name.casefold()
        if folded not in taken and run_log.names.get(folded, key) == key:
            return name
    raise AssertionError("there is always another number")


def _list_candidates(path: str, is_stem_shared: bool) -> Iterator[str]:
    if not is_stem_shared:
        yield _remove_extension(path)
    yield path
    number = 2
    while True:
        yield f"{path}-{number}"
        number += 1


def _remove_extension(path: str) -> str:
    return os.path.splitext(path)[0]

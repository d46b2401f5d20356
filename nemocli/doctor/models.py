"""Findings about models: the folders they are in, the released models, and the demos."""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from nemocli.disk import count_free_bytes, find_nearest_existing
from nemocli.doctor.finding import Finding
from nemocli.errors import ModelError, NemocliError
from nemocli.models.hub import (
    DEFAULT_DIARIZER,
    DEFAULT_MODEL,
    ENGLISH_MODEL,
    HubModel,
    find_hub_cache,
    find_pulled,
)
from nemocli.models.listing import measure_folder
from nemocli.models.paths import (
    find_cache_folder,
    find_demo_folder,
    find_diarization_demo_folder,
    find_models_folder,
)


def examine_folders() -> Iterator[Finding]:
    """Look at the folders: whether they can be written, and how much disk is free."""
    advice = "set NEMOCLI_CACHE_DIR to a folder you can write"
    yield _examine_folder("cache folder", find_cache_folder, advice, essential=True)
    models_advice = "set NEMOCLI_MODELS_DIR to one you can write"
    yield _examine_folder("models folder", find_models_folder, models_advice)
    yield _examine_folder("hub's cache", find_hub_cache, "set HF_HOME to a folder you can write")
    with suppress(NemocliError):
        yield Finding(
            "free disk", f"{count_free_bytes(_find_reachable(find_cache_folder())) / 1e9:.1f} GB"
        )


def _examine_folder(
    name: str, find: Callable[[], Path], advice: str, *, essential: bool = False
) -> Finding:
    try:
        folder = find()
    except NemocliError as error:
        return Finding(name, str(error), False, advice, essential)
    try:
        if _is_writable(folder):
            value = f"{folder} ({measure_folder(folder) / 1e9:.2f} GB)"
            return Finding(name, value, essential=essential)
        value = f"{folder} cannot be written"
    except OSError as error:
        value = f"{folder} cannot be used: {error.strerror}"
    return Finding(name, value, False, advice, essential)


def _find_reachable(folder: Path) -> Path:
    """Return the folder, or the deepest one above it that this user may look into."""
    try:
        return find_nearest_existing(folder)
    except OSError:
        return _find_reachable(folder.absolute().parent)


def _is_writable(folder: Path) -> bool:
    existing = find_nearest_existing(folder)
    return existing.is_dir() and os.access(existing, os.W_OK | os.X_OK)


def examine_models() -> Iterator[Finding]:
    """Look for the released models and the demos."""
    models = {
        "model": DEFAULT_MODEL,
        "English model": ENGLISH_MODEL,
        "diarizer": DEFAULT_DIARIZER,
    }
    for finding, name in models.items():
        model = HubModel(name)
        try:
            found = find_pulled(model)
        except (OSError, NemocliError):  # the finding about the hub's cache says why
            found = None
        value = str(found or f"{name} is not downloaded")
        yield Finding(finding, value, found is not None, "" if found else model.pull_command)
    demos = {"demo model": find_demo_folder, "demo of speakers": find_diarization_demo_folder}
    for finding, find in demos.items():
        try:
            yield Finding(finding, str(find()))
        except ModelError as error:
            yield Finding(finding, str(error), ok=False)

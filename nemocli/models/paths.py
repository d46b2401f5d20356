"""Folders of models on this machine, and the config file."""

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

from nemocli.errors import ModelError, UnsupportedError

#: The names of the checkpoints that come with nemocli: one transcribes, one finds who speaks.
DEMO, DIARIZATION_DEMO = "demo", "diarization-demo"


def find_demo_folder() -> Path:
    """Return the demo checkpoint that comes with nemocli; ModelError if it is missing."""
    return _find_asset(DEMO, "The demo checkpoint")


def find_diarization_demo_folder() -> Path:
    """Return the diarization model that comes with nemocli; ModelError if it is missing."""
    return _find_asset(DIARIZATION_DEMO, "The demo of a diarization model")


def _find_asset(name: str, what: str) -> Path:
    package = Path(__file__).parents[1]
    for assets in (package / "assets", package.parent / "assets"):
        if (assets / name / "config.json").is_file():
            return assets / name
    raise ModelError(f"{what} is not part of this installation; reinstall nemocli.")


def find_cache_folder() -> Path:
    """Return the folder for files that can be made again: NEMOCLI_CACHE_DIR, or the platform's.

    Raises UnsupportedError for a user without a home folder.
    """
    return _find_folder("NEMOCLI_CACHE_DIR", platformdirs.user_cache_path)


def find_models_folder() -> Path:
    """Return the folder that `nemocli convert` writes to: NEMOCLI_MODELS_DIR, or the platform's.

    Raises UnsupportedError for a user without a home folder.
    """
    return _find_folder(
        "NEMOCLI_MODELS_DIR", lambda name: platformdirs.user_data_path(name) / "models"
    )


def find_data_folder() -> Path:
    """Return the folder for what was measured here: NEMOCLI_DATA_DIR, or the platform's.

    Raises UnsupportedError for a user without a home folder.
    """
    return _find_folder("NEMOCLI_DATA_DIR", platformdirs.user_data_path)


def find_config_file() -> tuple[Path, bool] | None:
    """Return the config file, which need not exist, and whether NEMOCLI_CONFIG names it.

    None for a user without a home folder.
    """
    if chosen := os.environ.get("NEMOCLI_CONFIG"):
        return Path(os.path.expanduser(chosen)), True
    try:
        return _find_folder("NEMOCLI_CONFIG", platformdirs.user_config_path) / "config.toml", False
    except UnsupportedError:
        return None


def _find_folder(variable: str, by_platform: Callable[[str], Path]) -> Path:
    if chosen := os.environ.get(variable):
        return Path(os.path.expanduser(chosen))
    try:
        folder = by_platform("nemocli")
    except RuntimeError:  # no home, in newer versions of platformdirs; older ones keep the ~
        folder = None
    if folder is None or not folder.is_absolute():
        raise explain_no_home(variable)
    return folder


def explain_no_home(variable: str) -> UnsupportedError:
    """Return the error for a user without a home folder, as in some containers."""
    return UnsupportedError(
        f"This user has no home folder; set HOME, or {variable}, to a folder that can be written."
    )

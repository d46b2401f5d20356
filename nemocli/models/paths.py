"""Where models lie on this machine."""

import os
from collections.abc import Callable
from pathlib import Path

import platformdirs

from nemocli.errors import ModelError, UnsupportedError

#: The name of the checkpoint that comes with nemocli.
DEMO = "demo"


def demo_folder() -> Path:
    """The demo checkpoint that comes with nemocli, installed or in a clone."""
    package = Path(__file__).parents[1]
    for assets in (package / "assets", package.parent / "assets"):
        if (assets / DEMO / "config.json").is_file():
            return assets / DEMO
    raise ModelError("The demo checkpoint is not part of this installation; reinstall nemocli.")


def cache_folder() -> Path:
    """Where nemocli keeps what it can make again: NEMOCLI_CACHE_DIR, or the platform's folder.

    UnsupportedError for a user without a home folder; `models_folder` too.
    """
    return _folder("NEMOCLI_CACHE_DIR", platformdirs.user_cache_path)


def models_folder() -> Path:
    """Where `nemocli convert` writes by default: NEMOCLI_MODELS_DIR, or the platform's folder."""
    return _folder("NEMOCLI_MODELS_DIR", lambda name: platformdirs.user_data_path(name) / "models")


def _folder(variable: str, by_platform: Callable[[str], Path]) -> Path:
    if chosen := os.environ.get(variable):
        return Path(os.path.expanduser(chosen))
    try:
        folder = by_platform("nemocli")
    except RuntimeError:  # so newer versions of platformdirs say it; older ones keep the ~
        folder = None
    if folder is None or not folder.is_absolute():
        raise no_home(variable)
    return folder


def no_home(variable: str) -> UnsupportedError:
    """For a user without a home folder, as in some containers."""
    return UnsupportedError(
        f"This user has no home folder; set HOME, or {variable}, to a folder that can be written."
    )

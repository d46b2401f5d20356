"""Where models lie on this machine."""

import os
from pathlib import Path

import platformdirs

from nemocli.errors import ModelError

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
    """Where nemocli keeps what it can make again: NEMOCLI_CACHE_DIR, or the platform's folder."""
    chosen = os.environ.get("NEMOCLI_CACHE_DIR")
    return Path(chosen) if chosen else platformdirs.user_cache_path("nemocli")


def models_folder() -> Path:
    """Where `nemocli convert` writes by default: NEMOCLI_MODELS_DIR, or the platform's folder."""
    chosen = os.environ.get("NEMOCLI_MODELS_DIR")
    return Path(chosen) if chosen else platformdirs.user_data_path("nemocli") / "models"

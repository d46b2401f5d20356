"""Read the checkpoint of a diarization model, without torch.

A folder in the hub's layout holds config.json, processor_config.json and the weights, as
`checkpoint.py` describes them; a `.nemo` archive is read by `diarizer_nemo.py`.
"""

import json
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from nemocli.errors import ModelError
from nemocli.network.architectures import DIARIZATION, refuse_recognizer
from nemocli.network.checkpoint import (
    Checkpoint,
    SafetensorsFiles,
    hash_files,
    open_checkpoint,
    read_json,
)
from nemocli.network.diarizer_config import DiarizerConfig, read_diarizer_config
from nemocli.network.diarizer_parameters import DiarizerParameters
from nemocli.network.small_file import read_text
from nemocli.network.tensors import WeightSource

if TYPE_CHECKING:
    from nemocli.network.nemo import NemoCheckpoint

DIARIZER_CONFIGS = ("config.json", "processor_config.json")


class DiarizerCheckpoint(ABC):
    """A checkpoint of a diarization model."""

    path: Path
    config: DiarizerConfig
    weights: WeightSource
    parameters: DiarizerParameters

    @property
    @abstractmethod
    def sha256(self) -> str:
        """SHA-256 over every file that decides the model's results, in hexadecimal."""


class DiarizerFolder(DiarizerCheckpoint):
    """A checkpoint folder of a diarization model.

    Raises ModelError, naming the file or the tensor, if anything is missing, damaged or of another
    architecture.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        if not folder.is_dir():
            raise ModelError(f"There is no checkpoint folder {folder}.")
        config = read_json(folder / DIARIZER_CONFIGS[0])
        refuse_recognizer(config)
        processor = read_json(folder / DIARIZER_CONFIGS[1])
        self.config = read_diarizer_config(config, processor)
        files = SafetensorsFiles(folder)
        self.weights, self._paths = files, files.paths
        self.parameters = DiarizerParameters(self.config, self.weights)

    @cached_property
    def sha256(self) -> str:
        configs = (self.path / name for name in DIARIZER_CONFIGS)
        return hash_files([*configs, *self._paths])


#: A checkpoint of either kind of model.
SomeCheckpoint: TypeAlias = "Checkpoint | NemoCheckpoint | DiarizerCheckpoint"


def open_some_checkpoint(path: Path) -> SomeCheckpoint:
    """Open a checkpoint of either kind. Raises ModelError for others."""
    is_diarizer = is_diarizer_checkpoint(path)
    return open_diarizer_checkpoint(path) if is_diarizer else open_checkpoint(path)


def open_diarizer_checkpoint(path: Path) -> DiarizerCheckpoint:
    """Open a folder in the hub's layout, or a `.nemo` archive. Raises ModelError for others."""
    if path.is_file() or path.suffix == ".nemo":
        from nemocli.network.diarizer_nemo import NemoDiarizer

        return NemoDiarizer(path)
    return DiarizerFolder(path)


def is_diarizer_checkpoint(path: Path) -> bool:
    """Tell whether a folder's config.json, or an archive's settings, are of a diarization model."""
    if path.is_file():
        from nemocli.network.diarizer_nemo import is_diarizer_archive

        return is_diarizer_archive(path)
    with suppress(OSError, ValueError, RecursionError, ModelError):
        config = json.loads(read_text(path / "config.json"))
        return isinstance(config, dict) and config.get("model_type") == DIARIZATION.name
    return False

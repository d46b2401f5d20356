"""Read the checkpoint folder of a diarization model in the hub's layout, without torch.

It holds config.json, processor_config.json and the weights, as `checkpoint.py` describes them.
"""

import json
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

if TYPE_CHECKING:
    from nemocli.network.nemo import NemoCheckpoint

DIARIZER_CONFIGS = ("config.json", "processor_config.json")


class DiarizerCheckpoint:
    """A checkpoint folder of a diarization model: `config`, `parameters`.

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
        self.config: DiarizerConfig = read_diarizer_config(config, processor)
        self.weights = SafetensorsFiles(folder)
        self.parameters = DiarizerParameters(self.config, self.weights)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over every file that decides the model's results, in hexadecimal."""
        configs = (self.path / name for name in DIARIZER_CONFIGS)
        return hash_files([*configs, *self.weights.paths])


#: A checkpoint of either kind of model.
SomeCheckpoint: TypeAlias = "Checkpoint | NemoCheckpoint | DiarizerCheckpoint"


def open_some_checkpoint(path: Path) -> SomeCheckpoint:
    """Open a checkpoint of either kind, by its config.json. Raises ModelError for others."""
    return DiarizerCheckpoint(path) if is_diarizer_checkpoint(path) else open_checkpoint(path)


def is_diarizer_checkpoint(path: Path) -> bool:
    """Tell whether a folder has the config.json of a diarization model."""
    with suppress(OSError, ValueError, RecursionError, ModelError):
        config = json.loads(read_text(path / "config.json"))
        return isinstance(config, dict) and config.get("model_type") == DIARIZATION.name
    return False

"""Read a checkpoint folder in the hub's layout, without torch.

It holds config.json, generation_config.json, processor_config.json, tokenizer.json and the weights:
either model.safetensors, or the files that model.safetensors.index.json lists. The weights stay
memory-mapped; a tensor is copied when it is read.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import ml_dtypes  # noqa: F401  registers bfloat16 with numpy, which safetensors relies on
import numpy as np
from safetensors import SafetensorError, safe_open

from nemocli.errors import ModelError, explain_model_errors, quote
from nemocli.network.architectures import refuse_other_architecture
from nemocli.network.config import ModelConfig, read_config
from nemocli.network.parameters import Parameters
from nemocli.network.small_file import check_small, read_text
from nemocli.network.tensors import Array

if TYPE_CHECKING:
    from nemocli.network.nemo import NemoCheckpoint

WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
TOKENIZER = "tokenizer.json"
CONFIGS = ("config.json", "generation_config.json", "processor_config.json")

#: Data types that weights may have, in safetensors' names.
WEIGHT_DTYPES = ("F32", "F16", "BF16", "F64")


class Checkpoint:
    """A checkpoint folder: `config`, `tokenizer`, `parameters`.

    Raises ModelError, naming the file or the tensor, if anything is missing, damaged or of another
    architecture.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        if not folder.is_dir():
            raise ModelError(f"There is no checkpoint folder {folder}.")
        config = read_json(folder / CONFIGS[0])
        refuse_other_architecture(config)  # another model may lack the other files
        generation, processor = (read_json(folder / name) for name in CONFIGS[1:])
        self.config: ModelConfig = read_config(config, generation, processor)
        self.tokenizer_path = folder / TOKENIZER
        if not self.tokenizer_path.is_file():
            raise ModelError(f"The checkpoint lacks the file {self.tokenizer_path}.")
        check_small(self.tokenizer_path)
        self.weights = SafetensorsFiles(folder)
        self.parameters = Parameters(self.config, self.weights)

    @cached_property
    def tokenizer(self) -> str:
        """The text of tokenizer.json for a model folder. Raises ModelError if it cannot be made."""
        from nemocli.network.tokenizer import from_hub

        return from_hub(self.tokenizer_path, self.config)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 over every file that decides the model's results, in hexadecimal."""
        configs = (self.path / name for name in CONFIGS)
        return hash_files([*configs, self.tokenizer_path, *self.weights.paths])


AnyCheckpoint: TypeAlias = "Checkpoint | NemoCheckpoint"


def open_checkpoint(path: Path) -> AnyCheckpoint:
    """Open a folder in the hub's layout, or a `.nemo` archive. Raises ModelError for others."""
    if path.is_file() or path.suffix == ".nemo":
        from nemocli.network.nemo import NemoCheckpoint

        return NemoCheckpoint(path)
    return Checkpoint(path)


class SafetensorsFiles:
    """All tensors of a checkpoint, whether in one file or in several.

    Raises ModelError for a damaged file, for a tensor that is in two files, and for one of another
    data type than WEIGHT_DTYPES.
    """

    def __init__(self, folder: Path) -> None:
        self.paths = list_weight_files(folder)
        self._where: dict[str, Path] = {}
        self._shapes: dict[str, tuple[int, ...]] = {}
        self._states: dict[Path, tuple[int, ...]] = {}
        for path in self.paths:
            file, self._states[path] = _open(path)
            for name in file.keys():  # noqa: SIM118
                self._add(name, file.get_slice(name), path)

    def _add(self, name: str, tensor: Any, path: Path) -> None:
        if (kind := tensor.get_dtype()) not in WEIGHT_DTYPES:
            raise ModelError(
                f"The tensor {quote(name)} cannot be read: its numbers are of the kind {kind}, not"
                f" {', '.join(WEIGHT_DTYPES)}."
            )
        if name in self._where:
            raise ModelError(f"The tensor {quote(name)} is in {path} and in another file too.")
        self._where[name] = path
        self._shapes[name] = tuple(tensor.get_shape())

    def shapes(self) -> dict[str, tuple[int, ...]]:
        return dict(self._shapes)

    def read(self, name: str) -> Array:
        """Return the tensor as float32; float16 and bfloat16 are widened, which is exact.

        Raises ModelError for a tensor that numpy cannot hold, and for a file that was changed since
        it was found.
        """
        path = self._where[name]
        with explain_model_errors(f"The tensor {name} cannot be read"):
            # Opened for each tensor: what was read of an open file stays in this process's memory.
            file, state = _open(path)
            if state != self._states[path]:
                raise ModelError(f"The weights file {path} was changed while it was read.")
            tensor: np.ndarray[Any, Any] = file.get_tensor(name)
            with np.errstate(over="ignore", invalid="ignore"):
                return tensor.astype(np.float32, copy=False)


def hash_files(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of names and contents, in hexadecimal; ModelError if one is unreadable."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\n".encode())
        for block in _read_blocks(path):
            digest.update(block)
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object. Raises ModelError, naming the file, if it is missing or not JSON."""
    try:
        data = json.loads(read_text(path))
    except FileNotFoundError:
        raise ModelError(f"The checkpoint lacks the file {path}.") from None
    except OSError as error:
        raise ModelError(f"The file {path} cannot be read: {error.strerror}.") from None
    except (ValueError, RecursionError):
        raise ModelError(f"The file {path} is not valid JSON; download it again.") from None
    if not isinstance(data, dict):
        raise ModelError(f"The file {path} does not hold a JSON object; download it again.")
    return data


def list_weight_files(folder: Path) -> list[Path]:
    """Return the files of a checkpoint's weights, there or not: one, or those that its index names.

    Raises ModelError for an index that does not say which.
    """
    index = folder / WEIGHTS_INDEX
    if (folder / WEIGHTS).is_file() or not index.is_file():
        return [folder / WEIGHTS]
    names = read_json(index).get("weight_map")
    if not isinstance(names, dict) or not all(
        isinstance(name, str) and Path(name).name == name for name in names.values()
    ):
        raise ModelError(f"The file {index} does not list weight files; download it again.")
    return [folder / name for name in sorted(set(names.values()))]


def _open(path: Path) -> tuple[Any, tuple[int, ...]]:
    """Open a file of weights; return it, and what tells it from one that took its place."""
    try:
        if not path.is_file():  # a device, for one, may have no end
            raise FileNotFoundError
        path.open("rb").close()  # safetensors does not say why it cannot read a file
        found = path.stat()
        state = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
        return safe_open(path, framework="numpy"), state
    except FileNotFoundError:
        raise ModelError(f"The checkpoint lacks the file {path}.") from None
    except PermissionError as error:
        raise ModelError(f"The file {path} cannot be read: {error.strerror}.") from None
    except (SafetensorError, OSError) as error:
        raise ModelError(
            f"The weights file {path} is truncated or damaged ({error}); download it again."
        ) from None


def _read_blocks(path: Path, size: int = 1 << 20) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            while block := file.read(size):
                yield block
    except OSError as error:
        raise ModelError(f"The file {path} cannot be read: {error.strerror}.") from None

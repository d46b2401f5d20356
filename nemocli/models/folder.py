"""A converted model folder: graphs, weights, tokenizer, and the manifest that describes them.

The folder of a diarization model has neither tokenizer nor lookaheads.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from nemocli.errors import ModelError, quote
from nemocli.models.conversion_advice import advise_conversion
from nemocli.network.architectures import explain_diarizer
from nemocli.network.checkpoint import TOKENIZER
from nemocli.network.config import ModelConfig
from nemocli.network.diarizer_config import DiarizerConfig
from nemocli.network.diarizer_graphs import is_diarizer_graph
from nemocli.network.graphs import BLOCK_GRAPHS, DECODER_GRAPHS, ENCODER_GRAPHS
from nemocli.network.small_file import read_text
from nemocli.runtimes.kinds import list_folder_kinds

MODEL_MANIFEST = "manifest.json"

#: Rises when a folder written before can no longer be read, or lacks what a new one has: then it is
#: converted again.
FORMAT = 9


#: The configuration of a recognizer or of a diarization model.
AnyConfig: TypeAlias = ModelConfig | DiarizerConfig


@dataclass(frozen=True)
class FileRecord:
    """A file of the folder as it was written."""

    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What a model folder holds, and what it was made from."""

    format: int
    #: The kind of graphs, and the precision of their weights: see nemocli.runtimes.kinds.
    kind: str
    precision: str
    lookaheads: tuple[int, ...]
    #: Name of the checkpoint, and the SHA-256 of its files.
    source: str
    source_sha256: str
    #: Version of nemocli that wrote it.
    nemocli: str
    config: AnyConfig
    files: dict[str, FileRecord]

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"config": self.config.to_json()}

    def describes_same(self, other: "Manifest") -> bool:
        """Return whether both describe the same graphs: everything but the files agrees."""
        mine, others = self.to_json(), other.to_json()
        return {**mine, "files": None} == {**others, "files": None}


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a model folder, after checking that its files are complete.

    Raises ModelError, which says what to do, if the folder is not a model folder, is damaged, or
    has another format.
    """
    manifest = parse_manifest(folder)
    for name, record in manifest.files.items():
        path = folder / name
        if not path.is_file() or path.stat().st_size != record.bytes:
            advice = advise_conversion(folder, manifest.to_json())
            raise ModelError(f"{path} is missing or incomplete; {advice}")
    return manifest


def require_recognizer(config: AnyConfig, where: str | Path) -> ModelConfig:
    """Return the configuration of a recognizer; ModelError for a diarization model."""
    if isinstance(config, DiarizerConfig):
        raise explain_diarizer(where)
    return config


def parse_manifest(folder: Path) -> Manifest:
    """Return the manifest of a model folder, without looking at other files; ModelError too."""
    try:
        data = json.loads(read_text(folder / MODEL_MANIFEST))
        if data["format"] != FORMAT:
            raise ModelError(
                f"The model folder {folder} was written by nemocli {quote(data['nemocli'])} in"
                f" another format; {advise_conversion(folder, data)}"
            )
        if data.pop("checksum") != _hash_values(data):
            raise ValueError("not what was written")
        files = {name: FileRecord(**record) for name, record in data.pop("files").items()}
        config = _read_any_config(data.pop("config"))
        lookaheads = tuple(data.pop("lookaheads"))
        manifest = Manifest(**data, config=config, files=files, lookaheads=lookaheads)
        if manifest.kind not in list_folder_kinds() or not all(map(_is_inside, files)):
            raise ValueError("not what nemocli writes")
        _check_types(manifest)
    except OSError as error:
        raise ModelError(f"{folder / MODEL_MANIFEST} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ModelError(
            f"{folder / MODEL_MANIFEST} is damaged; {advise_conversion(folder)}"
        ) from None
    return manifest


def _read_any_config(data: dict[str, Any]) -> AnyConfig:
    """Read what `to_json` of either configuration returned; only a diarizer's says which it is."""
    is_diarizer = "architecture" in data
    return DiarizerConfig.from_json(data) if is_diarizer else ModelConfig.from_json(data)


def _check_types(manifest: Manifest) -> None:
    """Raise ValueError if values are not text or numbers, or not those of the kind of model."""
    if isinstance(config := manifest.config, ModelConfig):
        is_sound = manifest.lookaheads and set(manifest.lookaheads) <= set(config.lookaheads)
        if not is_sound or TOKENIZER not in manifest.files:
            raise ValueError("lookaheads that the model does not have, or no tokenizer")
    elif manifest.lookaheads:
        raise ValueError("lookaheads of a diarization model")
    records = manifest.files.values()
    texts = [manifest.precision, manifest.source, manifest.source_sha256, manifest.nemocli]
    texts += [record.sha256 for record in records]
    numbers = [*manifest.lookaheads, *(record.bytes for record in records)]
    if not all(type(text) is str for text in texts):
        raise ValueError("not texts")
    if not all(type(number) is int for number in numbers):
        raise ValueError("not numbers")


def _is_inside(name: str) -> bool:
    """Return whether a file's name stays inside the folder."""
    parts = name.split("/")
    return not any(
        part in ("", ".", "..") or any(sign in part for sign in "\\:\0") for part in parts
    )


def is_written_by_conversion(name: str) -> bool:
    """Return whether a conversion writes a file or a package with this name."""
    return name in (MODEL_MANIFEST, TOKENIZER, ".DS_Store") or holds_graph(name)


def holds_graph(name: str) -> bool:
    """Return whether a file or a package with this name holds a graph or the weights."""
    graphs = (*BLOCK_GRAPHS, *ENCODER_GRAPHS, *DECODER_GRAPHS, "weights")
    stem = name.partition(".")[0]
    return stem in graphs or is_diarizer_graph(stem)


def lacks_manifest(folder: Path) -> bool:
    """Return whether a folder holds a conversion whose manifest is missing. Raises OSError."""
    names = os.listdir(folder) if folder.is_dir() else []
    is_own = all(map(is_written_by_conversion, names)) and any(map(holds_graph, names))
    return is_own and MODEL_MANIFEST not in names


def explain_no_manifest(folder: Path) -> ModelError:
    """Return the error for a conversion whose manifest is missing."""
    return ModelError(f"{folder / MODEL_MANIFEST} is missing; {advise_conversion(folder)}")


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest of a folder whose other files are complete."""
    data = json.loads(json.dumps(manifest.to_json()))
    text = json.dumps({**data, "checksum": _hash_values(data)}, indent=1, ensure_ascii=False)
    (folder / MODEL_MANIFEST).write_text(text + "\n", encoding="utf-8")


def _hash_values(data: dict[str, Any]) -> str:
    """Return the SHA-256 of a manifest's values, so that none of them needs its own check."""
    return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()


def record_files(folder: Path, names: Iterable[str]) -> dict[str, FileRecord]:
    """Return the size and hash of each file, by name."""
    return {name: _record_file(folder / name) for name in names}


def _record_file(path: Path) -> FileRecord:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return FileRecord(path.stat().st_size, digest.hexdigest())

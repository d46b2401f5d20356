"""Writing a .mlpackage of several functions that share weights, with the same bytes each time."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nemocli.runtimes.coreml.tools import coremltools as ct

MODEL = "Data/com.apple.CoreML/model.mlmodel"
MANIFEST = "Manifest.json"

_CONVERSION_DATE = "com.github.apple.coremltools.conversion_date"


def merge(functions: Mapping[str, Path], package: Path, description: str) -> None:
    """Write `package` with the `main` of each package in `functions`, under the key as its name."""
    descriptor = ct.utils.MultiFunctionDescriptor()
    for name, path in functions.items():
        descriptor.add_function(str(path), "main", name)
    descriptor.default_function_name = next(iter(functions))
    ct.utils.save_multifunction(descriptor, str(package))
    _describe(package / MODEL, description)
    _name_items(package / MANIFEST)
    for path in [package, *package.rglob("*")]:
        # coremltools writes files that only their owner may read.
        path.chmod(0o755 if path.is_dir() else 0o644)


def files(package: Path) -> list[str]:
    """List every file of a package, relative to the folder that holds the package."""
    paths = (path for path in package.rglob("*") if path.is_file())
    return sorted(path.relative_to(package.parent).as_posix() for path in paths)


def _describe(path: Path, description: str) -> None:
    """Set the description, drop the date, and write the protobuf's maps in order."""
    model: Any = ct.proto.Model_pb2.Model()
    model.ParseFromString(path.read_bytes())
    metadata = model.description.metadata
    metadata.shortDescription = description
    metadata.userDefined.pop(_CONVERSION_DATE, None)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _name_items(path: Path) -> None:
    """Give the manifest's items identifiers made from their paths instead of random ones."""
    manifest = json.loads(path.read_text(encoding="utf-8"))
    items = manifest["itemInfoEntries"]
    names = {old: str(uuid.uuid5(uuid.NAMESPACE_URL, item["path"])) for old, item in items.items()}
    manifest["itemInfoEntries"] = {names[old]: item for old, item in items.items()}
    manifest["rootModelIdentifier"] = names[manifest["rootModelIdentifier"]]
    text = json.dumps(manifest, indent=4, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")

"""Writing a .mlpackage of several functions that share weights, with the same bytes each time."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nemocli.runtimes.coreml.functions import TARGET
from nemocli.runtimes.coreml.package_files import MODEL, PACKAGE_MANIFEST
from nemocli.runtimes.coreml.tools import Program
from nemocli.runtimes.coreml.tools import coremltools as ct

#: Passes of coremltools over the graph. The usual ninety find nothing more here, and take long.
PASSES = (
    "common::fuse_transpose_matmul",
    "common::merge_consecutive_reshapes",
    "common::noop_elimination",
    "common::dead_code_elimination",
)

_CONVERSION_DATE = "com.github.apple.coremltools.conversion_date"


def write_package(
    functions: Mapping[str, Any],
    package: Path,
    temporary: Path,
    description: str,
    notes: Mapping[str, str],
) -> None:
    """Write `package` with functions (coremltools' Function) by name, of which the first is main.

    `temporary` is a folder for what is not finished. `notes` are descriptions of inputs and outputs
    by their names.
    """
    program = Program()
    for name, function in functions.items():
        program.add_function(name, function)
    program.default_function_name = next(iter(functions))
    program.export_as_multifunction = True
    unfinished = temporary / package.name
    ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=TARGET,
        compute_precision=ct.precision.FLOAT32,  # as written: no casts are added
        pass_pipeline=ct.PassPipeline(list(PASSES), "nemocli"),
        skip_model_load=True,
        package_dir=str(unfinished),
    )
    _describe(unfinished / MODEL, description, notes)
    _name_items(unfinished / PACKAGE_MANIFEST)
    for path in [unfinished, *unfinished.rglob("*")]:
        # coremltools writes files that only their owner may read.
        path.chmod(0o755 if path.is_dir() else 0o644)
    unfinished.rename(package)


def _describe(path: Path, description: str, notes: Mapping[str, str]) -> None:
    """Set the descriptions, drop the date, and write the protobuf's maps in order."""
    model: Any = ct.proto.Model_pb2.Model()
    model.ParseFromString(path.read_bytes())
    metadata = model.description.metadata
    metadata.shortDescription = description
    metadata.userDefined.pop(_CONVERSION_DATE, None)
    for function in model.description.functions:
        for feature in (*function.input, *function.output, *function.state):
            feature.shortDescription = notes[feature.name]
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

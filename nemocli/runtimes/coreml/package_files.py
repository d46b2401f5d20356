"""Where the files of a .mlpackage are; nothing here needs coremltools."""

from pathlib import Path

MODEL = "Data/com.apple.CoreML/model.mlmodel"
PACKAGE_MANIFEST = "Manifest.json"


def list_package_files(package: Path) -> list[str]:
    """List every file of a package, relative to the folder that holds the package."""
    paths = (path for path in package.rglob("*") if path.is_file())
    return sorted(path.relative_to(package.parent).as_posix() for path in paths)

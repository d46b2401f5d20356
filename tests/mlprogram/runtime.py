"""The whole engine over evaluated packages: what a Mac would run, on any machine."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from nemocli.network.config import ModelConfig
from nemocli.network.diarizer_config import DiarizerConfig
from nemocli.runtimes.coreml.backend import Backend, LoadedFunction
from nemocli.runtimes.coreml.diarizer import CoreMLDiarizer
from nemocli.runtimes.coreml.package_files import list_package_files
from nemocli.runtimes.coreml.runtime import CoreMLRuntime
from tests.mlprogram.evaluate import Evaluator
from tests.mlprogram.reader import Package


class EvaluatingBackend:
    """In Core ML's place: evaluates packages; to compile is to copy."""

    system = "0.0"

    def __init__(self, exact: bool) -> None:
        self._exact = exact

    def compile(self, package: Path, destination: Path) -> None:
        shutil.copytree(package, destination)

    def load(self, compiled: Path, compute_units: str, function: str) -> LoadedFunction:
        return Evaluator(Package(compiled).functions[function], self._exact)


def hash_packages(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of the packages in a folder, by name."""
    return {
        name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
        for path in folder.glob("*.mlpackage")
        for name in list_package_files(path)
    }


class EvaluatedRuntime(CoreMLRuntime):
    """The Core ML runtime over the packages in a folder, evaluated; `exact` as in `Evaluator`.

    Like CoreMLRuntime's, its arrays are those of the packages: float16, unless `exact`.
    """

    def __init__(
        self,
        folder: Path,
        config: ModelConfig,
        lookahead: int,
        exact: bool,
        transfer: str | None = None,
        backend: Backend | None = None,
    ) -> None:
        self._temporary = tempfile.TemporaryDirectory()  # as long as the runtime
        super().__init__(
            folder,
            config,
            lookahead,
            hash_packages(folder),
            Path(self._temporary.name),
            backend=backend or EvaluatingBackend(exact),
            encoder_dtype="float32" if exact else "float16",
            transfer=transfer,
        )


class EvaluatedDiarizer(CoreMLDiarizer):
    """The same for the packages of a diarization model."""

    def __init__(self, folder: Path, config: DiarizerConfig, exact: bool) -> None:
        self._temporary = tempfile.TemporaryDirectory()
        super().__init__(
            folder,
            config,
            hash_packages(folder),
            Path(self._temporary.name),
            EvaluatingBackend(exact),
            dtype="float32" if exact else "float16",
        )

"""Running model folders with Core AI.

On Linux, and on a macOS older than 27, this is the runtime inside Apple's package coreai-core: it
computes on the processor, slowly, and is the reference for the packages. On macOS 27 it is the
system's own, with a choice of compute units. That part was never tried on a Mac. To try it:

    nemocli convert CHECKPOINT --to coreai -o model && nemocli file sound.wav --model model
"""

import asyncio
import atexit
import threading
import time
import weakref
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from contextlib import AsyncExitStack
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nemocli.errors import ModelError, UnsupportedError
from nemocli.network.config import ModelConfig
from nemocli.network.graphs import DECODER_GRAPHS
from nemocli.runtimes.base import Arrays
from nemocli.runtimes.coreai.kind import KIND, describe_missing_units
from nemocli.runtimes.coreai.native_silence import silence_stderr
from nemocli.runtimes.fixed_shapes import FixedShapeRuntime
from nemocli.runtimes.packages import COREAI, name_function, name_package

#: coreai's names for the compute units; `all` leaves the choice to the system.
COMPUTE_UNITS = {"cpu": "cpu", "gpu": "gpu", "ane": "neural_engine", "all": None}

#: Seconds that native threads get to leave Python before it ends.
LEAVING_S = 0.1


class CoreAIRuntime(FixedShapeRuntime[Any]):
    """Runs the packages of a model folder with Core AI.

    `precision` is the model folder's, `fp16` or `fp32`. Raises UnsupportedError without coreai-core
    or for compute units that cannot be chosen here, ModelError for packages it cannot load.
    """

    name = "coreai"

    #: What to do about a package that cannot be loaded.
    _advice = "convert the model again"

    def __init__(
        self,
        folder: Path,
        config: ModelConfig,
        lookahead: int,
        precision: str,
        compute_units: str = "all",
    ) -> None:
        super().__init__(config, lookahead)
        self._folder = folder
        self._encoder_dtype = np.dtype(np.float16 if precision == "fp16" else np.float32)
        self._assets = Assets(compute_units, self._advice)
        self._load_graphs()

    def close(self) -> None:
        super().close()
        self._assets.close()

    def _call(self, graph: str, function: Any, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
        return call_function(
            function, {name: self._store(graph, value) for name, value in inputs.items()}
        )

    def _store(self, graph: str, value: NDArray[Any]) -> NDArray[Any]:
        if value.dtype == np.int32 or graph in DECODER_GRAPHS:
            return np.ascontiguousarray(value)
        return np.ascontiguousarray(value, self._encoder_dtype)

    def _load(self, graph: str) -> Any:
        return self._assets.load(*self._locate(graph))

    def _locate(self, graph: str) -> tuple[Path, str]:
        """Return the package of a graph, and the name of its function for the lookahead."""
        return self._folder / name_package(graph, COREAI), name_function(graph, self.lookahead)


class Assets:
    """Loads functions of packages on some compute units; `advice` says what to do if it cannot."""

    def __init__(self, compute_units: str, advice: str) -> None:
        self._advice = advice
        self._options = _make_specialization(compute_units)
        self._models = AsyncExitStack()
        self._release = weakref.finalize(self, _release, self._models)
        self._release.atexit = False

    def close(self) -> None:
        """Release what was loaded."""
        released = self._release()
        if released is not None:
            released.result()

    def load(self, package: Path, name: str) -> Any:
        """Load a function by its name. Raises ModelError for a package that cannot be loaded."""
        from coreai.authoring import AIModelAsset

        if not AIModelAsset.is_valid(package):  # the native loader would crash
            raise ModelError(f"The model folder lacks {package}; {self._advice}.")

        async def load() -> Any:
            executable = AIModelAsset.load(package).executable(self._options)
            model = await self._models.enter_async_context(executable)
            return model.load_function(name)

        try:
            with silence_stderr():
                return _wait(load())
        except Exception as error:  # coreai's exceptions share no base class
            raise ModelError(f"Core AI cannot load {package}: {error}; {self._advice}.") from None


def call_function(function: Any, inputs: Mapping[str, NDArray[Any]]) -> Arrays:
    """Call what `Assets.load` returned, with contiguous arrays; return float32."""
    from coreai.runtime import NDArray as AIArray

    results = _wait(function({name: AIArray(value) for name, value in inputs.items()}))
    return {name: np.array(value.numpy(), np.float32) for name, value in results.items()}


def _make_specialization(compute_units: str) -> Any:
    try:
        import coreai.authoring  # noqa: F401  the runtime does not load without it
        from coreai.runtime import SpecializationOptions
    except ImportError:
        raise UnsupportedError(KIND.missing_library) from None
    kind = COMPUTE_UNITS[compute_units]
    if kind is None:
        return None
    if not SpecializationOptions.is_supported():
        if kind == "cpu":  # which is all that the package's runtime has
            return None
        raise UnsupportedError(describe_missing_units(compute_units))
    from coreai.runtime import ComputeUnitKind

    if kind == "cpu":
        return SpecializationOptions.cpu_only()
    return SpecializationOptions.from_preferred_compute_unit_kind(getattr(ComputeUnitKind, kind)())


class _Loop(asyncio.SelectorEventLoop):
    """A loop whose `call_soon_threadsafe` returns nothing.

    coreai-core (1.0.0b3) hands its results over by that method, and never lets go of what it
    returns: the handle, and by it the result. That would be all arrays, and all models.
    """

    def call_soon_threadsafe(self, *args: Any, **options: Any) -> None:  # type: ignore[override]
        super().call_soon_threadsafe(*args, **options)


@cache
def _start_loop() -> asyncio.AbstractEventLoop:
    """Start the event loop that runs coreai's asynchronous calls, in a thread of its own.

    The caller's thread may have a running loop already, as in a notebook.
    """
    loop = _Loop()
    threading.Thread(target=loop.run_forever, name="coreai", daemon=True).start()
    atexit.register(_finish_calls, loop)
    return loop


def _finish_calls(loop: asyncio.AbstractEventLoop) -> None:
    """Wait for what still computes when Python ends, as after a signal.

    Native code that comes back to a Python that is gone aborts the process. Its threads are still
    on their way out of Python when the loop has their results, so they are given a moment more.
    """

    async def wait() -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run_coroutine_threadsafe(wait(), loop).result()
    time.sleep(LEAVING_S)


def _wait(call: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run_coroutine_threadsafe(call, _start_loop()).result()


def _release(models: AsyncExitStack) -> Future[None]:
    """Release the models, and the temporary folders they run from."""
    return asyncio.run_coroutine_threadsafe(models.aclose(), _start_loop())

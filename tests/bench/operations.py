"""Cost of a chunk of sound in operations, counted by onnxruntime's profile; time plays no part.

The demo is small, but its layers are those of the released model, so an additional operation in a
layer shows here. test_operations.py has the limits, and scripts/count_operations.py renews them.
"""

import json
import platform
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import soundfile

import nemocli
from nemocli.models.convert import convert
from nemocli.models.paths import find_demo_folder
from tests.english import write_english_demo


@dataclass(frozen=True)
class Model:
    """A model whose operations are counted, at a lookahead, and the file of the stored counts."""

    name: str
    lookahead: int
    stored: Path


#: The demo, and what `write_english_demo` makes of it.
DEMO = Model("demo", 3, Path(__file__).with_name("operations.json"))
ENGLISH = Model("english", 1, Path(__file__).with_name("operations-english.json"))
MODELS = {model.name: model for model in (DEMO, ENGLISH)}

#: Chunks of silence that are counted after a first one.
CHUNKS = 4

#: Kernels that compute nothing.
MOVING = {
    "Cast",
    "Concat",
    "Expand",
    "Gather",
    "Identity",
    "Pad",
    "ReorderInput",
    "ReorderOutput",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
}

#: Those of them that give another shape to the same memory.
RENAMING = {"Reshape", "Squeeze", "Unsqueeze"}


@dataclass
class Counted:
    """One onnxruntime session under its graph's name."""

    session: onnxruntime.InferenceSession | None = None
    calls: int = 0
    #: Bytes of all arrays that went in and out.
    bytes: int = 0
    #: Calls over its whole life, which the profile covers.
    all_calls: int = 0

    def reset(self):
        self.calls = self.bytes = 0


@dataclass
class Sessions:
    """All sessions that are made while counting."""

    by_graph: dict[str, Counted] = field(default_factory=dict)

    def reset(self):
        for counted in self.by_graph.values():
            counted.reset()

    def calls(self):
        return {graph: counted.calls for graph, counted in self.by_graph.items()}


@contextmanager
def counted_sessions(folder):
    """Put a profile into `folder` for each session that is made, and count its calls."""
    sessions = Sessions()
    original = onnxruntime.InferenceSession

    class Session(original):
        def __init__(self, path_or_bytes, sess_options=None, **others):
            options = sess_options or onnxruntime.SessionOptions()
            is_path = not isinstance(path_or_bytes, bytes)
            name = Path(path_or_bytes).name if is_path else f"graph{len(sessions.by_graph)}"
            name = name.split(".")[0]
            options.enable_profiling = True
            options.profile_file_prefix = str(folder / name)
            super().__init__(path_or_bytes, options, **others)
            self._counted = sessions.by_graph[name] = Counted(self)

        def run(self, names, inputs, run_options=None):
            results = super().run(names, inputs, run_options)
            self._count(sum(a.nbytes for a in (*inputs.values(), *results)))
            return results

        def run_with_iobinding(self, binding, run_options=None):
            super().run_with_iobinding(binding, run_options)
            self._count(0)  # the arrays stay where they are

        def _count(self, size):
            self._counted.calls += 1
            self._counted.all_calls += 1
            self._counted.bytes += size

    onnxruntime.InferenceSession = Session
    try:
        yield sessions
    finally:
        onnxruntime.InferenceSession = original


def count_operations(counted_model, precision, folder):
    """Count what chunks and tokens of a stream cost; `folder` is for profiles.

    Returns plain data.
    """
    lookahead = counted_model.lookahead
    checkpoint = find_demo_folder()
    if counted_model is ENGLISH:
        checkpoint = write_english_demo(folder / "checkpoint")
    model = folder / "model"  # not the one in the cache, which may be older than the code
    convert(checkpoint, model, "onnx", precision, [lookahead])
    with counted_sessions(folder) as sessions:
        transcriber = nemocli.load(model, lookahead=lookahead)
    silence = np.zeros(1280 * (lookahead + 1), np.float32)
    session = transcriber.session()
    session.feed(silence)
    sessions.reset()
    for _ in range(CHUNKS):
        session.feed(silence)
    assert session.last_token_frame is None, "the demo emitted a token in silence"
    calls = sessions.calls()
    arrays = sum(counted.bytes for counted in sessions.by_graph.values())
    spoken = _count_speech(transcriber, sessions)
    graphs = {graph: _count_kernels(c) for graph, c in sessions.by_graph.items()}
    for graph, path in _files(model, lookahead):
        graphs[graph]["nodes written"] = len(onnx.load(path, load_external_data=False).graph.node)
    return {
        "chunk of silence": {
            "calls": {graph: count / CHUNKS for graph, count in calls.items() if count},
            "array bytes": arrays / CHUNKS,
            **{
                what: sum(calls[graph] * of[what] for graph, of in graphs.items()) / CHUNKS
                for what in ("kernels", "kernels that only move", "bytes moved", "allocations")
            },
        },
        "clip": spoken,
        "graphs": graphs,
    }


def _count_speech(transcriber, sessions):
    """Count the calls for a clip that is fed a chunk at a time."""
    samples, _ = soundfile.read(
        find_demo_folder().parent / "clips" / "en-US-1.flac", dtype="float32"
    )
    sessions.reset()
    session, packet = transcriber.session("en-US"), 1280 * (transcriber.lookahead + 1)
    for start in range(0, len(samples), packet):
        session.feed(samples[start : start + packet])
    tokens = len(session.finish().tokens)
    return {"tokens": tokens, "calls": sessions.calls()}


def _count_kernels(counted):
    """Read from the profile the kernels of a call by type, and what they move and allocate."""
    events = json.loads(Path(counted.session.end_profiling()).read_text())
    kernels = [e["args"] for e in events if e["name"].endswith("_kernel_time")]
    calls = counted.all_calls
    by_type = Counter(kernel["op_name"] for kernel in kernels)
    moving = [kernel for kernel in kernels if kernel["op_name"] in MOVING]
    allocating = [k for k in kernels if int(k.get("mem_requested_in_use_delta", 0)) > 0]
    # The clip's last chunk is as large as the others; only the joint sees fewer frames in some.
    return {
        "kernels": round(len(kernels) / calls, 2),
        "kernels that only move": round(len(moving) / calls, 2),
        "bytes moved": round(
            sum(int(k["output_size"]) for k in moving if k["op_name"] not in RENAMING) / calls
        ),
        "allocations": round(len(allocating) / calls, 2),
        "by type": {name: round(count / calls, 2) for name, count in sorted(by_type.items())},
    }


def _files(model, lookahead):
    """Yield the graphs of the model folder that this lookahead loads, as session name and path."""
    for path in sorted(model.glob("*.onnx")):
        name, *parts = path.name.split(".")
        if len(parts) == 1 or parts[0] == f"lookahead{lookahead}":
            yield name, path


def surroundings():
    """What the optimized graphs depend on besides our own graphs."""
    return {"onnxruntime": onnxruntime.__version__, "architecture": platform.machine()}

"""Core ML packages: their tokens are numpy's, and their contents are said to suit devices."""

import os
import shutil
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from nemocli.network.graphs import DECODER_GRAPHS, ENCODER_GRAPHS
from nemocli.runtimes.coreml.package_files import list_package_files
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from tests.mlprogram.reader import Package
from tests.mlprogram.runtime import EvaluatedRuntime
from tests.repeats import repeats
from tests.runtimes.coreml.conftest import RoundedNumpyRuntime
from tests.sounds import speech_like

#: To write a package takes seconds for each lookahead: those of slow tests are written for these.
LOOKAHEADS, SLOW_LOOKAHEADS = (3,), (0, 6, 13)

EVERY_LOOKAHEAD = repeats((*LOOKAHEADS, *SLOW_LOOKAHEADS), len(LOOKAHEADS))


def written_with(lookahead):
    """Return the lookaheads that are written together with this one."""
    return LOOKAHEADS if lookahead in LOOKAHEADS else SLOW_LOOKAHEADS


def relative(result, expected):
    """Return the largest difference of the encoder's frames, relative to the largest value."""
    return np.abs(result.enc_proj - expected.enc_proj).max() / np.abs(expected.enc_proj).max()


@pytest.mark.parametrize("lookahead", EVERY_LOOKAHEAD)
def test_without_rounding_the_graphs_give_numpy_s_tokens(case, lookahead):
    even = case("even")
    folder = even.write("fp32", written_with(lookahead))
    for seed, seconds in enumerate((0.05, 1.13, 2.9)):
        sound = speech_like(seconds, seed)
        runtime = EvaluatedRuntime(folder, even.parameters.config, lookahead, exact=True)
        result = even.transcribe(runtime, sound)
        expected = even.transcribe(NumpyRuntime(even.parameters, lookahead), sound)
        assert result.tokens == expected.tokens
        assert relative(result, expected) < 1e-5
    assert result.tokens


@pytest.mark.slow
def test_other_sizes_too(case):
    odd = case("odd")
    runtime = EvaluatedRuntime(odd.write("fp32", (3,)), odd.parameters.config, 3, exact=True)
    sound = speech_like(5.0, seed=4)
    result = odd.transcribe(runtime, sound, "ja")
    expected = odd.transcribe(NumpyRuntime(odd.parameters, 3), sound, "ja")
    assert result.tokens == expected.tokens != []
    assert relative(result, expected) < 1e-5


@pytest.mark.parametrize("lookahead", repeats((*LOOKAHEADS, *SLOW_LOOKAHEADS), 0))
def test_the_demo_with_weights_in_float16(case, clips, lookahead):
    demo, clip = case("demo"), min(clips, key=lambda clip: len(clip.samples))
    folder, config = demo.write("fp16", written_with(lookahead)), demo.parameters.config

    def transcribe(runtime):
        return demo.transcribe(runtime, clip.samples, clip.lang)

    exact = transcribe(EvaluatedRuntime(folder, config, lookahead, exact=True))
    device = transcribe(EvaluatedRuntime(folder, config, lookahead, exact=False))
    numpy = transcribe(NumpyRuntime(demo.parameters, lookahead))
    rounded = transcribe(RoundedNumpyRuntime(demo.parameters, lookahead))
    assert exact.tokens == rounded.tokens  # the same weights: the same stream
    assert relative(exact, rounded) < 1e-5
    assert numpy.text == exact.text == device.text
    assert 1e-5 < relative(exact, numpy) < 1e-3
    assert relative(exact, numpy) < relative(device, numpy) < 1e-2


def test_samples_far_too_loud_do_not_overflow_float16(case):
    demo = case("demo")
    folder = demo.write("fp16", LOOKAHEADS)
    runtime = EvaluatedRuntime(folder, demo.parameters.config, 3, exact=False)
    assert np.isfinite(demo.transcribe(runtime, 1e6 * speech_like(1.0)).enc_proj).all()


def test_one_wrong_weight_is_noticed(case, clips, tmp_path):
    demo, clip = case("demo"), clips[0]
    folder = tmp_path / "packages"
    shutil.copytree(demo.write("fp16", LOOKAHEADS), folder)
    path = folder / "conformer_a.mlpackage/Data/com.apple.CoreML/weights/weight.bin"
    blob = bytearray(path.read_bytes())
    weight = demo.parameters["encoder.layers.0.feed_forward1.linear1.weight"].load()
    stored = weight.astype(np.float16).tobytes()
    start = blob.index(stored)
    assert blob.find(stored, start + 1) == -1  # one copy for all lookaheads
    blob[start : start + 2] = np.float16(weight.max() + 1).tobytes()
    path.write_bytes(blob)
    for lookahead in LOOKAHEADS:
        runtime = EvaluatedRuntime(folder, demo.parameters.config, lookahead, exact=True)
        result = demo.transcribe(runtime, clip.samples[:24000], clip.lang)
        rounded = RoundedNumpyRuntime(demo.parameters, lookahead)
        assert relative(result, demo.transcribe(rounded, clip.samples[:24000], clip.lang)) > 1e-4


@pytest.mark.parametrize(
    ("precision", "lookaheads", "bits", "tolerance"),
    [("int8", (0, 3), 8, 0.03), ("int4", (3,), 4, 0.3), ("palettized-6", (3,), 6, 0.1)],
)
def test_quantized(case, tmp_path, precision, lookaheads, bits, tolerance):
    even, half = case("even"), "conformer_a.mlpackage"
    plain = even.write("fp32", LOOKAHEADS)
    quantized = even.write(precision, lookaheads, ("conformer_a",))
    folder = tmp_path / "packages"
    shutil.copytree(plain, folder, ignore=shutil.ignore_patterns(half))
    shutil.copytree(quantized / half, folder / half)
    sound = speech_like(3.0, seed=3)
    result = even.transcribe(EvaluatedRuntime(folder, even.parameters.config, 3, exact=True), sound)
    expected = even.transcribe(NumpyRuntime(even.parameters, 3), sound)
    assert 1e-3 < relative(result, expected) < tolerance
    # Every matrix of a linear layer is quantized and stored once; the keys of positions are not.
    for function in Package(folder / half).functions.values():
        kinds = [operation.kind for operation in function.operations]
        assert sum(kind.startswith("constexpr_") for kind in kinds) == kinds.count("linear")
    weights = "Data/com.apple.CoreML/weights/weight.bin"
    sizes = [(of / half / weights).stat().st_size for of in (folder, plain)]
    assert sizes[0] < (bits + 3) / 32 * sizes[1]


@pytest.mark.slow
def test_packages_are_the_same_bytes_every_time(case, tmp_path):
    odd = case("odd")
    folder = odd.write("int8", (3, 0), ("conformer_b",))
    script = (
        "import pytest, sys; from pathlib import Path\n"
        "from nemocli.models.paths import find_demo_folder\n"
        "from nemocli.runtimes.coreml import files\n"
        "from tests.runtimes.coreml.conftest import make_quicker, random_parameters\n"
        "make_quicker(pytest.MonkeyPatch())\n"
        "files.DECODER_GRAPHS, files.ENCODER_GRAPHS = (), ('conformer_b',)\n"
        "parameters = random_parameters('odd', find_demo_folder())\n"
        "out = Path(sys.argv[1])\n"
        "print(files.write_graphs(parameters, out, (3, 0), 'int8', lambda *_: None))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        check=True,
        text=True,
    )
    names = list_package_files(folder / "conformer_b.mlpackage")
    assert done.stdout == f"{names}\n" and done.stderr == ""
    for name in names:
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name


@pytest.mark.parametrize("precision", repeats(["int8", "fp16"], 1))
def test_one_graph_at_a_time_is_in_memory(case, tmp_path, monkeypatch, precision):
    from nemocli.runtimes.coreml import files as writing
    from nemocli.runtimes.coreml.constants import Constants

    load, loaded, alive = Constants._load, [], {}

    def record(constants, parameter):
        array = load(constants, parameter)
        loaded.append((parameter.name, weakref.ref(array)))
        return array

    def note(name, number, total):
        alive[name] = sum(array() is not None for _, array in loaded)

    monkeypatch.setattr(Constants, "_load", record)
    monkeypatch.setattr(writing, "DECODER_GRAPHS", ())
    monkeypatch.setattr(writing, "ENCODER_GRAPHS", ("conformer_a", "conformer_b"))
    writing.write_graphs(case("odd").parameters, tmp_path, (3, 0), precision, note)
    names = [name for name, _ in loaded]
    assert len(names) > 30 and len(set(names)) == len(names)  # once for all functions
    assert alive["conformer_b.mlpackage lookahead3"] == 0
    states = alive["conformer_a.mlpackage lookahead3_states"]
    assert states > (15 if precision == "fp16" else 5)  # of int8, the matrices are gone already


def test_without_coremltools_it_is_said_what_to_install():
    script = (
        "import sys; sys.modules['coremltools'] = None\n"
        "from nemocli.errors import UnsupportedError\n"
        "try:\n    import nemocli.runtimes.coreml.files\n"
        "except UnsupportedError as error:\n    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stderr == "" and "pip install coremltools" in done.stdout


def test_names_and_shapes(case):
    folder, d = case("even").write("fp32", LOOKAHEADS), case("even").parameters.config
    assert sorted(path.stem for path in folder.glob("*")) == sorted(
        (*ENCODER_GRAPHS, *DECODER_GRAPHS)
    )

    def inputs(graph, function="lookahead3"):
        package = Package(folder / f"{graph}.mlpackage")
        return {tensor.name: list(tensor.shape) for tensor in package.functions[function].inputs}

    caches = {
        "cache0": [1, 1, 1, 160],  # 131 and zeros
        "cache1": [1, 8, 1, 96],  # 68 and zeros
        "cache2": [1, 8, 1, 64],  # 36 and zeros
    }
    masks = {"row_mask0": [1, 1, 16, 1], "row_mask1": [1, 1, 8, 1], "row_mask2": [1, 1, 4, 1]}
    first = {"row_mask0": [1, 1, 13, 1], "row_mask1": [1, 1, 7, 1], "row_mask2": [1, 1, 4, 1]}
    assert inputs("pre_first") == {"mel": [1, 25, 128]}
    assert inputs("pre") == {"mel": [1, 32, 128]} | caches
    assert inputs("pre_tail") == {"mel": [1, 32, 128]} | caches | masks
    assert inputs("pre_first_tail") == {"mel": [1, 25, 128]} | first
    half = [d.first_half, d.num_heads, d.left_context, d.head_size]
    conformer = {
        "embeds": [1, 4, d.hidden_size],
        "neg_mask": [1, 1, 4, 60],
        "k_cache": half,
        "v_cache": half,
        "conv_cache": [d.first_half, 8, d.hidden_size],
    }
    assert inputs("conformer_a") == conformer
    assert inputs("conformer_b") == conformer | {"one_hot": [1, d.num_prompts]}
    state = [d.decoder_layers, 1, d.decoder_size]
    assert inputs("predict", "main") == {"token": [1, 1], "h": state, "c": state}
    frame = [1, d.decoder_size]
    assert inputs("joint", "main") == {"dec_out": frame, "enc_frame": frame}


@pytest.mark.slow
def test_a_chunk_grows_with_the_lookahead(case):
    package = Package(case("even").write("fp32", SLOW_LOOKAHEADS) / "pre.mlpackage")
    (mel,) = [t for t in package.functions["lookahead13"].inputs if t.name == "mel"]
    assert list(mel.shape) == [1, 112, 128]


def test_what_differs_from_the_contract_is_said_in_the_package(case):
    package = Package(case("demo").write("fp16", LOOKAHEADS) / "pre.mlpackage")
    description = package.model.description
    assert "pre" in description.metadata.shortDescription
    assert description.defaultFunctionName == "lookahead3"
    assert [function.name for function in description.functions] == [
        f"lookahead{n}" for n in LOOKAHEADS
    ]
    notes = {o.name: o.shortDescription for o in description.functions[0].output}
    assert notes["cache0_out"] == "29 zeros behind the 131 values of the last axis"
    half = Package(case("demo").write("fp16", LOOKAHEADS) / "conformer_a.mlpackage")
    notes = {i.name: i.shortDescription for i in half.model.description.functions[0].input}
    assert "[2, 144, 8] with its axes in the order [0, 2, 1]" in notes["conv_cache"]


@pytest.mark.parametrize("graph", ENCODER_GRAPHS)
def test_encoder_graphs_hold_what_the_neural_engine_is_said_to_take(case, graph):
    package = Package(case("demo").write("fp16", LOOKAHEADS) / f"{graph}.mlpackage")
    for function in package.functions.values():
        kinds = {operation.kind for operation in function.operations}
        kinds -= {"read_state", "write_state"}
        assert not kinds & {"gather", "cast", "identity"} and len(kinds) <= 17
        tensors = [tensor for o in function.operations if o.kind != "const" for tensor in o.outputs]
        for tensor in [*function.inputs, *tensors]:
            assert tensor.dtype == np.float16 and len(tensor.shape) <= 4
        for tensor in tensors:
            if tensor.name in function.outputs:
                assert tensor.shape[-1] % 32 == 0

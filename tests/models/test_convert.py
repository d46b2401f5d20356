"""Conversion: what is written, that it is complete or absent, and what is refused."""

import json
import shutil
import subprocess
import sys

import pytest

import nemocli
from nemocli.errors import ModelError, NemocliError, UsageError
from nemocli.models.convert import convert
from nemocli.models.folder import MODEL_MANIFEST, read_manifest
from tests.sounds import speech_like


@pytest.fixture(scope="module")
def folder(demo, tmp_path_factory):
    """The demo converted to ONNX in fp32, with every lookahead."""
    out = tmp_path_factory.mktemp("converted") / "demo"
    convert(demo, out)
    return out


def names(path):
    return sorted(entry.name for entry in path.iterdir())


def test_the_manifest_says_what_the_folder_is(folder, demo):
    data = json.loads((folder / MODEL_MANIFEST).read_text())
    assert data["kind"] == "onnx"
    assert data["precision"] == "fp32"
    assert data["lookaheads"] == [0, 3, 6, 13]
    assert data["source"] == "demo"
    assert data["nemocli"] == nemocli.__version__
    assert data["config"]["prompts"]["ja-JP"] == 10
    assert set(data["files"]) == set(names(folder)) - {MODEL_MANIFEST}
    for name, record in data["files"].items():
        assert (folder / name).stat().st_size == record["bytes"]
        assert len(record["sha256"]) == 64


def test_graphs_have_the_contract_s_names_and_shapes(folder):
    onnx = pytest.importorskip("onnx")

    def shapes(graph):
        model = onnx.load(folder / f"{graph}.onnx", load_external_data=False)
        onnx.checker.check_model(str(folder / f"{graph}.onnx"))
        return {
            value.name: [d.dim_value or d.dim_param for d in value.type.tensor_type.shape.dim]
            for value in model.graph.input
        }

    d = read_manifest(folder).config
    assert shapes("pre_block") == {
        "mel": ["batch", "rows", 128],
        "cache0": ["batch", 1, 1, 131],
        "cache1": ["batch", d.subsampling_channels, 1, 68],
        "cache2": ["batch", d.subsampling_channels, 1, 36],
        "row_mask0": ["batch", 1, "rows0", 1],
        "row_mask1": ["batch", 1, "rows1", 1],
        "row_mask2": ["batch", 1, "rows2", 1],
    }
    caches = {}
    for layer in range(d.num_layers):
        attention = ["slots", d.num_heads, d.head_size]
        caches |= {f"k_cache{layer}": attention, f"v_cache{layer}": attention}
        caches[f"conv_cache{layer}"] = ["slots", d.hidden_size]
    for lookahead, keys in ((3, 60), (13, 70)):
        assert shapes(f"conformer_block.lookahead{lookahead}") == {
            "embeds": ["batch", "frames", d.hidden_size],
            "neg_mask": ["batch", 1, "chunks", 1, keys],
            "new_slots": ["new"],
            "key_rows": ["batch", d.num_heads, "chunks", keys],
            "conv_slots": ["batch", "conv_frames"],
            "one_hot": ["batch", 1, d.num_prompts],
            **caches,
        }
    state = [d.decoder_layers, "batch", d.decoder_size]
    assert shapes("predict") == {"token": [1, "batch"], "h": state, "c": state}
    assert shapes("joint") == {
        "dec_out": ["rows", d.decoder_size],
        "enc_frame": ["frames", d.decoder_size],
    }


def test_weights_are_stored_once_for_all_lookaheads(folder, demo, tmp_path):
    one = tmp_path / "one"
    convert(demo, one, lookaheads=[3])
    weights = [(path / "weights.bin").stat().st_size for path in (folder, one)]
    assert weights[0] < 1.15 * weights[1]  # only the relative keys depend on the lookahead


def test_the_same_conversion_again_does_nothing(folder, demo):
    before = (folder / "weights.bin").stat().st_mtime_ns
    heard = []
    convert(demo, folder, progress=lambda *step: heard.append(step))
    assert heard == []
    assert (folder / "weights.bin").stat().st_mtime_ns == before


def test_another_model_is_replaced_only_by_force(demo, tmp_path):
    out = tmp_path / "model"
    convert(demo, out, lookaheads=[0])
    with pytest.raises(UsageError, match="--force"):
        convert(demo, out, lookaheads=[3])
    convert(demo, out, lookaheads=[3], force=True)
    assert read_manifest(out).lookaheads == (3,)
    assert names(tmp_path) == ["model"]


def test_a_folder_that_is_no_model_is_never_touched(demo, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not a model folder"):
        convert(demo, tmp_path, force=True)
    assert names(tmp_path) == ["thesis.txt"]


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"to": "tflite"}, "tflite"),
        ({"precision": "int3"}, "int3"),
        ({"precision": "fp16"}, "fp32, int8"),
        ({"to": "coreml", "precision": "int3"}, "palettized-6"),
        ({"lookaheads": [3, 5]}, "lookahead 5"),
    ],
)
def test_options_that_do_not_exist(demo, tmp_path, options, word):
    with pytest.raises(UsageError, match=word):
        convert(demo, tmp_path / "out", **options)
    assert names(tmp_path) == []


def test_too_little_space_is_said_before_any_work(demo, tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1000}))
    with pytest.raises(NemocliError, match="GB are free"):
        convert(demo, tmp_path / "out")
    assert names(tmp_path) == []


def test_an_interrupted_conversion_leaves_nothing(demo, tmp_path):
    def interrupt(name, number, total):
        if name.startswith("conformer_b"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(demo, tmp_path / "out", progress=interrupt)
    assert names(tmp_path) == []


def test_what_a_killed_conversion_left_is_removed_by_the_next(demo, tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from nemocli.models.convert import convert\n"
        "def die(name, number, total):\n"
        "    if name.startswith('conformer_b'): os.kill(os.getpid(), 9)\n"
        "convert(Path(sys.argv[1]), Path(sys.argv[2]), progress=die)\n"
    )
    out = tmp_path / "out"
    killed = subprocess.run([sys.executable, "-c", script, str(demo), str(out)], check=False)
    assert killed.returncode == -9
    assert len(names(tmp_path)) == 1 and names(tmp_path)[0].endswith(".part")
    convert(demo, out)
    assert names(tmp_path) == ["out"]


@pytest.mark.parametrize(
    "damage", ["weights.bin", "conformer_block.lookahead3.onnx", "tokenizer.json"]
)
def test_an_incomplete_folder_is_refused(demo, tmp_path, damage):
    out = tmp_path / "model"
    convert(demo, out)
    path = out / damage
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ModelError, match=damage):
        nemocli.load(out)
    path.unlink()
    with pytest.raises(ModelError, match=damage):
        nemocli.load(out)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": 0, "nemocli": "0"}'])
def test_a_damaged_manifest_is_refused(demo, tmp_path, text):
    out = tmp_path / "model"
    convert(demo, out, lookaheads=[3])
    (out / MODEL_MANIFEST).write_text(text)
    with pytest.raises(ModelError, match="convert the checkpoint again"):
        nemocli.load(out)


def test_a_manifest_is_refused_if_any_value_is_not_what_was_written(folder, tmp_path):
    out = tmp_path / "model"
    shutil.copytree(folder, out)
    data = json.loads((out / MODEL_MANIFEST).read_text())
    data["config"]["num_heads"] += 1
    (out / MODEL_MANIFEST).write_text(json.dumps(data))
    with pytest.raises(ModelError, match="damaged"):
        nemocli.load(out)


@pytest.mark.parametrize(
    "name", ["tokenizer.json", "joint.onnx", "conformer_block.lookahead3.onnx"]
)
def test_a_small_file_of_other_content_is_refused(folder, tmp_path, name):
    out = tmp_path / "model"
    shutil.copytree(folder, out)
    content = bytearray((out / name).read_bytes())
    content[len(content) // 2] ^= 0xFF
    (out / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} is damaged"):
        nemocli.load(out)


def test_int8_is_smaller_and_says_nearly_the_same(demo, folder, tmp_path):
    out = tmp_path / "int8"
    manifest = convert(demo, out, precision="int8")
    assert manifest.precision == "int8"
    assert (out / "weights.bin").stat().st_size < 0.75 * (folder / "weights.bin").stat().st_size
    sound = speech_like(3.0, seed=3)
    outputs = []
    for model in (folder, out):
        session = nemocli.load(model).session(keep_encoder=True)
        session.feed(sound)
        outputs.append(session.enc_proj)
    for exact, quantized in zip(*outputs, strict=True):
        assert 0 < abs(exact - quantized).max() < 0.2 * abs(exact).max()

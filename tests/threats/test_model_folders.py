"""A model from a stranger is opened, or refused in a sentence, and does nothing else."""

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from nemocli.models.convert import convert
from nemocli.models.folder import MODEL_MANIFEST, _hash_values
from tests.repeats import repeats
from tests.typed import nemocli

OPEN = """
import sys, resource
from nemocli.__main__ import main
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
sys.argv = ["nemocli", *sys.argv[1:]]
main()
"""


def refused(model, clip, *words):
    """Check that the command refuses this model, in a process of its own; return its sentence."""
    command = [sys.executable, "-c", OPEN, "file", str(clip.path), "--model", str(model), "-q"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return is_sentence(done.returncode, done.stdout, done.stderr, words)


def is_sentence(code, out, err, words):
    assert code == 3, err
    assert out == "" and err.count("\n") == 1 and len(err) < 2000
    assert err.isprintable() or err[:-1].isprintable()
    for word in words:
        assert word in err
    return err


@pytest.fixture
def refused_here(capfd):
    """`refused` in this process, for what Python reads: it can hurt by its size alone."""

    def refused_here(model, clip, *words):
        limits, usage = resource.getrlimit(resource.RLIMIT_AS), resource.getrusage
        before = usage(resource.RUSAGE_SELF).ru_maxrss
        if sys.platform == "linux":  # elsewhere it limits nothing
            pages = int(Path("/proc/self/statm").read_text().split()[0])
            most = pages * resource.getpagesize() + (6 << 30)
            resource.setrlimit(resource.RLIMIT_AS, (most, limits[1]))
        try:
            done = nemocli("file", clip.path, "--model", model, "-q")
        finally:
            resource.setrlimit(resource.RLIMIT_AS, limits)
        took = usage(resource.RUSAGE_SELF).ru_maxrss - before
        assert took * (1 if sys.platform == "darwin" else 1024) < 500e6
        assert capfd.readouterr() == ("", "")  # nor does native code write anything
        return is_sentence(done.exit_code, done.stdout, done.stderr, words)

    return refused_here


@pytest.fixture
def clip(clips):
    return clips[0]


@pytest.fixture(scope="module")
def converted(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted") / "model"
    convert(demo, folder, lookaheads=[3])
    return folder


@pytest.fixture
def model(converted, tmp_path):
    """A copy of the converted demo that a test may damage."""
    return Path(shutil.copytree(converted, tmp_path / "model"))


def rewrite(folder, change):
    """Change a manifest as a stranger would, who knows how its checksum is made."""
    data = json.loads((folder / MODEL_MANIFEST).read_text())
    del data["checksum"]
    change(data)
    (folder / MODEL_MANIFEST).write_text(json.dumps({**data, "checksum": _hash_values(data)}))


def renew(folder, name):
    """Write the file's present hash and size into the manifest."""
    from nemocli.models.folder import record_files

    record = record_files(folder, [name])[name]
    rewrite(folder, lambda data: data["files"].update({name: vars(record)}))


# ------------------------------------------------------------------------------- checkpoint folders

JSON_FILES = ("config.json", "generation_config.json", "processor_config.json", "tokenizer.json")


@pytest.mark.parametrize("name", repeats([*JSON_FILES, "model.safetensors"], 1))
def test_links_to_devices_and_pipes_are_not_read(checkpoint, tmp_path, clip, name):
    os.mkfifo(tmp_path / "pipe")
    for target in ("/dev/zero", tmp_path / "pipe", "/proc/self/mem", "/"):
        (checkpoint / name).unlink()
        (checkpoint / name).symlink_to(target)
        refused(checkpoint, clip)


@pytest.mark.parametrize("name", repeats(JSON_FILES, 1))
@pytest.mark.parametrize(
    "content",
    [
        b"[" * 200_000,
        b'{"a":' * 200_000,
        b'{"model_type": ' + b"9" * 100_000 + b"}",
        b'{"decoder_start_token_id": "' + b"x" * 5_000_000 + b'"}',
        b'{"decoder_start_token_id": ["\\u001b]0;owned\\u0007", "\\u202e"]}',
        b"\xff\xfe{}",
    ],
    ids=["brackets", "braces", "digits", "long", "escapes", "no utf-8"],
)
def test_json_made_to_hurt(checkpoint, clip, refused_here, name, content):
    (checkpoint / name).write_bytes(content)
    refused_here(checkpoint, clip)


@pytest.mark.parametrize("name", repeats(JSON_FILES, 2))
def test_json_too_large_to_be_read(checkpoint, clip, refused_here, name):
    os.truncate(checkpoint / name, 200 << 30)
    refused_here(checkpoint, clip, "at most 64 MB")


@pytest.mark.parametrize(
    "climbing", repeats(["../other.safetensors", "/etc/passwd", "a/../../b", ".."], 2)
)
def test_weight_files_elsewhere(checkpoint, clip, refused_here, climbing):
    (checkpoint / "model.safetensors").unlink()
    index = {"weight_map": {"encoder.subsampling.linear.bias": climbing}}
    (checkpoint / "model.safetensors.index.json").write_text(json.dumps(index))
    refused_here(checkpoint, clip)


@pytest.mark.parametrize(
    "header",
    repeats(
        [
            (1 << 62).to_bytes(8, "little"),
            (1 << 26).to_bytes(8, "little") + b"{",
            (2).to_bytes(8, "little") + b"[]",
            (90).to_bytes(8, "little")
            + b'{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,4]}}'.ljust(
                90
            )
            + bytes(4),
            (90).to_bytes(8, "little")
            + b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[1000000000,1000000004]}}'.ljust(90),
        ],
        2,
    ),
)
def test_weights_whose_header_lies(checkpoint, clip, refused_here, header):
    (checkpoint / "model.safetensors").write_bytes(header)
    refused_here(checkpoint, clip)


@pytest.mark.parametrize(
    ("file", "path", "value"),
    repeats(
        [
            ("processor_config.json", ("feature_extractor", "n_fft"), 1_000_000),
            ("processor_config.json", ("feature_extractor", "win_length"), 10**18),
            ("config.json", ("encoder_config", "sliding_window"), 4096),
            ("config.json", ("encoder_config", "num_hidden_layers"), 4096),
            (
                "config.json",
                ("encoder_config", "supported_num_lookahead_tokens"),
                list(range(4000)),
            ),
            ("config.json", ("max_symbols_per_step",), 1_000_000),
            ("config.json", ("num_prompts",), "\x1b[31m" * 100_000),
            ("config.json", ("encoder_config", "hidden_size"), {"a" * 10_000: [[[[[1] * 1000]]]]}),
        ],
        3,
    ),
)
def test_sizes_that_would_fill_the_memory(checkpoint, clip, refused_here, file, path, value):
    data = json.loads((checkpoint / file).read_text())
    inner = data
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    if path[-1] == "sliding_window":  # by itself it is a model's; not with so many layers
        data["encoder_config"]["num_hidden_layers"] = 4000
    (checkpoint / file).write_text(json.dumps(data))
    refused_here(checkpoint, clip)


def test_a_snapshot_of_the_hub_may_consist_of_links(checkpoint, tmp_path, clip):
    snapshot = tmp_path / "models--a--b" / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    for path in checkpoint.iterdir():
        (snapshot / path.name).symlink_to(path)
    command = ["file", str(clip.path), "--model", str(snapshot), "--lang", clip.lang, "-q"]
    done = nemocli(*command)
    assert (done.exit_code, done.stdout) == (0, clip.text + "\n")


# ----------------------------------------------------------------------------------- tokenizer.json


def with_decoder(folder, decoder, piece=None):
    """A tokenizer that joins text in another way, or has another piece."""
    path = folder / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["decoder"] = decoder
    if piece:
        vocabulary = data["model"]["vocab"]
        if isinstance(vocabulary, dict):
            old = next(text for text in vocabulary if text.isalpha())
            vocabulary[piece] = vocabulary.pop(old)
        else:
            next(entry for entry in vocabulary if entry[0].isalpha())[0] = piece
    path.write_text(json.dumps(data), encoding="utf-8")


METASPACE = {
    "type": "Metaspace",
    "replacement": "\u2581",
    "prepend_scheme": "always",
    "split": True,
}
DOUBLED = {"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}
SLOW = {"type": "Replace", "pattern": {"Regex": "(a*)*b"}, "content": ""}
SAME = {"type": "Fuse"}


@pytest.mark.parametrize(
    ("decoder", "piece"),
    repeats(
        [
            ({"type": "Sequence", "decoders": [DOUBLED] * 40}, None),
            (SLOW, None),
            ({"type": "Sequence", "decoders": [METASPACE, SLOW]}, None),
            ({"type": "Sequence", "decoders": [SAME] * 1000}, None),
            ({"type": "Sequence", "decoders": [{"type": "Sequence", "decoders": [SAME]}]}, None),
            (METASPACE, "a" * 1_000_000),
        ],
        1,
    ),
)
def test_tokenizers_that_make_much_of_little(checkpoint, clip, model, decoder, piece):
    for folder in (checkpoint, model):
        with_decoder(folder, decoder, piece)
    renew(model, "tokenizer.json")
    for each in (checkpoint, model):
        words = "more than 1000 characters" if piece else "does more than to put pieces together"
        refused(each, clip, words)


def test_steps_that_checkpoints_have_are_taken(checkpoint, clip):
    space = {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    steps = [space, {"type": "ByteFallback"}, {"type": "Fuse"}, strip]
    with_decoder(checkpoint, {"type": "Sequence", "decoders": steps})
    command = ["file", str(clip.path), "--model", str(checkpoint), "--lang", clip.lang, "-q"]
    assert nemocli(*command).exit_code == 0


# -------------------------------------------------------------------------------- converted folders


@pytest.mark.parametrize(
    "name", repeats(["../outside.bin", "/etc/passwd", "a/../../b", "", ".", "a//b"], 3)
)
def test_files_of_a_manifest_that_climb_out(model, clip, refused_here, name):
    (model.parent / "outside.bin").write_bytes(b"x")
    rewrite(model, lambda data: data["files"].update({name: {"bytes": 1, "sha256": "0" * 64}}))
    refused_here(model, clip, f"{MODEL_MANIFEST} is damaged")


@pytest.mark.parametrize(
    ("key", "value"),
    repeats(
        [
            ("kind", "shell"),
            ("kind", ["onnx"]),
            ("lookaheads", [4096]),
            ("lookaheads", ["3"]),
            ("format", [1e308] * 1000),
            ("nemocli", "\x1b]0;owned\x07" * 1000),
            ("files", {}),
            ("files", {"tokenizer.json": {"bytes": 10**30, "sha256": 5}}),
        ],
        3,
    ),
)
def test_manifests_that_lie(model, clip, refused_here, key, value):
    def change(data):
        data[key] = value
        if key == "nemocli":
            data["format"] = -1

    rewrite(model, change)
    refused_here(model, clip)


@pytest.mark.parametrize(
    ("key", "value"),
    repeats([
        ("hidden_size", 10**6),
        ("num_layers", 10**9),
        ("left_context", 10**9),
        ("left_context", "56"),
        ("max_symbols", 10**9),
        ("num_prompts", 10**9),
        ("num_heads", 0),
        ("vocab_size", True),
        ("blank_id", 10**9),
        ("prompts", {"auto": 10**6}),
        ("prompts", []),
        ("languages", [[]]),
        ("default_prompt", -1),
        ("lookaheads", list(range(5000))),
        ("features", {"sampling_rate": 16000, "n_fft": 10**9, "win_length": 400, "hop_length": 160,
                      "num_mels": 10**9, "preemphasis": 0.97}),
        ("features", None),
    ], 3),
)  # fmt: skip
def test_sizes_of_a_manifest_that_would_fill_the_memory(model, clip, refused_here, key, value):
    rewrite(model, lambda data: data["config"].update({key: value}))
    refused_here(model, clip)


@pytest.mark.parametrize(
    "location", repeats(["../secret", "/etc/hostname", "/dev/zero", "sub/../../secret"], 2)
)
def test_graphs_whose_weights_lie_elsewhere(model, clip, watch, location):
    secret = model.parent / "secret"
    secret.write_bytes(bytes(1 << 20))
    seen = watch(secret)
    path = model / "predict.onnx"
    graph = onnx.load(path, load_external_data=False)
    for tensor in graph.graph.initializer:
        for entry in tensor.external_data:
            entry.value = location if entry.key == "location" else entry.value
    path.write_bytes(graph.SerializeToString())
    renew(model, path.name)
    refused(model, clip, "onnxruntime cannot load")
    assert not seen.was_opened()


@pytest.mark.parametrize("change", repeats(["shape", "name", "garbage", "operation", "memory"], 3))
def test_graphs_that_are_no_graphs_of_the_model(model, clip, change):
    path = model / "predict.onnx"
    graph = onnx.load(path, load_external_data=False)
    if change == "shape":
        graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 77
    elif change == "name":
        graph.graph.input[0].name = "other"
    elif change == "operation":
        graph.graph.node[0].op_type, graph.graph.node[0].domain = "Shell", "stranger"
    elif change == "memory":
        huge = onnx.helper.make_tensor("huge", onnx.TensorProto.INT64, [2], [1 << 31, 1 << 31])
        node = onnx.helper.make_node("ConstantOfShape", ["huge"], ["much"])
        graph.graph.initializer.append(huge)
        graph.graph.node.insert(0, node)
    content = b"\x1b[31m" * 100 if change == "garbage" else graph.SerializeToString()
    path.write_bytes(content)
    renew(model, path.name)
    if change == "memory":  # nobody uses it, so that it may never be made
        command = ["file", str(clip.path), "--model", str(model), "-q"]
        assert nemocli(*command).exit_code in (0, 3)
    else:
        refused(model, clip, "onnxruntime cannot")


def test_nothing_of_a_refused_model_is_left(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    (checkpoint / "tokenizer.json").write_text("[" * 100_000)
    done = nemocli("convert", checkpoint, "-o", tmp_path / "out", "-q")
    assert done.exit_code == 3
    assert not (tmp_path / "out").exists()
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]

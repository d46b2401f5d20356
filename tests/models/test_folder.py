"""The manifest of a model folder from a stranger, who can compute its checksum too."""

import json
from copy import deepcopy

import pytest

from nemocli.errors import ModelError
from nemocli.models.folder import (
    FORMAT,
    MODEL_MANIFEST,
    Manifest,
    _hash_values,
    read_manifest,
    record_files,
    write_manifest,
)
from nemocli.network.checkpoint import TOKENIZER, Checkpoint


@pytest.fixture(scope="module")
def model(demo, tmp_path_factory):
    """A folder of two files with its manifest."""
    folder = tmp_path_factory.mktemp("model")
    for name in ("a.onnx", TOKENIZER):
        (folder / name).write_bytes(b"x")
    (folder.parent / "outside").write_bytes(b"x")
    config = Checkpoint(demo).config
    records = record_files(folder, ["a.onnx", TOKENIZER])
    write_manifest(
        folder, Manifest(FORMAT, "onnx", "fp32", (0, 3), "demo", "0" * 64, "1", config, records)
    )
    return folder, json.loads((folder / MODEL_MANIFEST).read_text())


def signed(model, place, value):
    """Put the manifest with another value into the folder."""
    folder, whole = model
    data = holder = deepcopy(whole)
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = value
    del data["checksum"]
    (folder / MODEL_MANIFEST).write_text(json.dumps({**data, "checksum": _hash_values(data)}))
    return folder


def test_what_was_written_is_read(model):
    assert read_manifest(signed(model, ("precision",), "int8")).precision == "int8"


RECORD = {"bytes": 1, "sha256": "0" * 64}


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("kind",), "pickle"),
        (("kind",), ["onnx"]),
        (("precision",), None),
        (("source_sha256",), 1),
        (("lookaheads",), []),
        (("lookaheads",), [5]),
        (("lookaheads",), ["3"]),
        (("files", "../outside"), RECORD),
        (("files", "/etc/hostname"), RECORD),
        (("files", "a\x00b"), RECORD),
        (("files", "a.onnx"), {"bytes": True, "sha256": "0"}),
        (("files", "a.onnx"), {"bytes": 1, "sha256": None}),
        (("files",), []),
        (("config",), None),
        (("config", "features"), None),
        (("config", "features", "n_fft"), 10**6),  # filters of gigabytes
        (("config", "features", "win_length"), 1),  # a window that divides by zero
        (("config", "features", "hop_length"), 0),
        (("config", "features", "num_mels"), True),
        (("config", "features", "preemphasis"), "0.97"),
        (("config", "num_heads"), 0),
        (("config", "num_layers"), 10**9),
        (("config", "max_symbols"), 10**6),  # a decoder that does not stop
        (("config", "default_prompt"), 128),
        (("config", "prompts"), {"auto": 128}),
        (("config", "prompts"), {"auto": None}),
        (("config", "prompts"), []),
        (("config", "languages"), [None]),
        (("config", "lookaheads"), []),
        (("config", "default_lookahead"), 4),
    ],
)
def test_what_a_stranger_made_up_is_refused(model, place, value):
    with pytest.raises(ModelError, match=r"is damaged; convert|contradicts itself"):
        read_manifest(signed(model, place, value))

"""A .nemo archive of a diarization model gives the same model as the hub's folder."""

import io
import json

import numpy as np
import pytest
import yaml

from nemocli.errors import ModelError
from nemocli.models.convert import convert
from nemocli.models.load_diarizer import load_diarizer
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.network.diarizer_checkpoint import DiarizerFolder, open_some_checkpoint
from nemocli.network.diarizer_nemo import (
    DIARIZER_RENAMED,
    RELEASED_MODES,
    RELEASED_OFFLINE,
    RELEASED_STREAMING,
    NemoDiarizer,
)
from nemocli.network.nemo_archive import CONFIG, WEIGHTS
from tests.diarizers import CONFIG_JSON, NEMO_SETTINGS, PROCESSOR_JSON, write_tiny_diarizer
from tests.nemo import tar

torch = pytest.importorskip("torch", reason="writing a .nemo archive needs nemocli[test]")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A checkpoint with the released cache and modes, which an archive does not tell."""
    folder = write_tiny_diarizer(tmp_path_factory.mktemp("folder") / "tiny")
    streaming = {**CONFIG_JSON["streaming_config"], **RELEASED_STREAMING}
    config = {**CONFIG_JSON, **RELEASED_OFFLINE, "streaming_config": streaming}
    config["audio_config"] = {**config["audio_config"], "max_position_embeddings": 5000}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "processor_config.json").write_text(json.dumps(PROCESSOR_JSON | RELEASED_MODES))
    return folder


def make_state(folder):
    """The tensors under NeMo's names, with those of training."""
    source = DiarizerFolder(folder).weights
    state, joined = {}, {}
    for name in source.shapes():
        tensor = torch.from_numpy(np.array(source.read(name)))
        if name.endswith(tuple(f"self_attn.{part}_proj.weight" for part in "qkv")):
            layer, part = name.split(".self_attn.")
            joined.setdefault(layer, {})[part[0]] = tensor
            continue
        for nemo, hub in DIARIZER_RENAMED:
            name = name.replace(hub, nemo)
        state[name] = tensor
    for layer, parts in joined.items():
        name = layer.replace("model.audio_tower.layers", "encoder.layers") + ".attn.w_qkv.weight"
        state[name] = torch.cat([parts[part] for part in "qkv"])
    state["preprocessor.featurizer.fb"] = torch.zeros(1, 16, 257)
    state["sortformer_modules.hidden_to_spks.weight"] = torch.ones(3, 8)
    return state


def write(path, state, settings=NEMO_SETTINGS):
    content = io.BytesIO()
    torch.save(state, content)
    members = {CONFIG: yaml.safe_dump(settings).encode(), WEIGHTS: content.getvalue()}
    path.write_bytes(tar(members.items()))
    return path


def test_sizes_and_tensors_are_the_folder_s(folder, tmp_path):
    path = write(tmp_path / "voices.nemo", make_state(folder))
    archive, expected = open_some_checkpoint(path), DiarizerFolder(folder)
    assert archive.config == expected.config
    assert archive.weights.shapes() == expected.weights.shapes()
    for name in expected.weights.shapes():
        np.testing.assert_array_equal(archive.weights.read(name), expected.weights.read(name))
    rows = np.random.default_rng(1).normal(-9, 3, (90, 16)).astype(np.float32)
    found = []
    convert(path, tmp_path / "made", "onnx", "fp32")
    for model, runtime in ((path, "numpy"), (folder, "numpy"), (tmp_path / "made", None)):
        with load_diarizer(model, runtime) as loaded:
            stream = loaded.begin("offline")
            found.append(np.concatenate([stream.feed(rows), stream.finish()]))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_allclose(found[2], found[1], atol=1e-4)


def refused(path, *words):
    with pytest.raises(ModelError) as caught:
        NemoDiarizer(path)
    for word in words:
        assert word in str(caught.value)


def test_what_does_not_fit_is_refused(folder, tmp_path):
    state, path = make_state(folder), tmp_path / "bad.nemo"
    qkv = "encoder.layers.0.attn.w_qkv.weight"
    for change, words in (
        ({qkv: torch.ones(25, 8)}, ["q_proj.weight"]),
        ({qkv: torch.ones(27, 8)}, ["q_proj.weight", "[9, 8]", "[8, 8]"]),
        ({"encoder.layers.0.attn.w_qkv.bias": torch.ones(24)}, ["has the tensor"]),
        ({"encoder.layers.1.norm1.weight": torch.ones(8)}, ["has the tensor"]),
        ({"sortformer_modules.learnable_sil_emb": torch.ones(9)}, ["silence_embeds", "[9]"]),
        ({"encoder.final_norm.bias": torch.ones(8, dtype=torch.int64)}, ["whole numbers"]),
        ({"model.audio_tower.layer_norm.bias": torch.ones(8)}, ["the same part"]),
    ):
        refused(write(path, state | change), *words)
    for name, words in (
        ("sortformer_modules.subpixel_upsample.weight", ["older diarization model"]),
        ("encoder.embed_norm.weight", ["lacks the tensor"]),
    ):
        refused(write(path, {key: value for key, value in state.items() if key != name}), *words)
    for section, key, value, words in (
        ("encoder", "n_heads", 3, ["must divide into heads"]),
        ("encoder", "n_heads", None, ["encoder.n_heads"]),
        ("encoder", "feat_in", 15, ["16 mels", "15"]),
        ("encoder", "subsampling_factor", 4, ["implements only 8"]),
        ("encoder", "rope_theta", "x", ["rope_theta"]),
        ("preprocessor", "sample_rate", 10**39, ["a whole number belongs"]),
        ("preprocessor", "normalize", "per_feature", ["does not normalize"]),
    ):
        changed = NEMO_SETTINGS | {section: NEMO_SETTINGS[section] | {key: value}}
        refused(write(path, state, changed), *words)


def test_other_archives_are_refused(folder, tmp_path):
    path = write(
        tmp_path / "asr.nemo", make_state(folder), NEMO_SETTINGS | {"target": "EncDecCTCModel"}
    )
    refused(path, "a CTC model", "to find who speaks")
    with pytest.raises(ModelError, match=r"voices\.nemo is a diarization model, which finds who"):
        resolve(ModelSpec(write(tmp_path / "voices.nemo", make_state(folder))))

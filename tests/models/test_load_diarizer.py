"""A diarization model is converted, listed and loaded, and refused where another is meant."""

import numpy as np
import pytest

from nemocli.bench.diarizer_conversion import check_diarizer_conversion
from nemocli.errors import ModelError, NemocliError, UnsupportedError, UsageError
from nemocli.models.convert import convert
from nemocli.models.folder import MODEL_MANIFEST, parse_manifest
from nemocli.models.hub import DEFAULT_DIARIZER, RELEASED_MODELS
from nemocli.models.integrity import describe_damage
from nemocli.models.listing import list_models
from nemocli.models.load_diarizer import load_diarizer, resolve_diarizer
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from tests.diarizers import write_tiny_diarizer
from tests.typed import nemocli


@pytest.fixture(scope="module")
def diarizer(tmp_path_factory):
    return write_tiny_diarizer(tmp_path_factory.mktemp("checkpoints") / "tiny")


def find_speakers(model, mode="low_latency", **options):
    rows = np.random.default_rng(1).normal(-9, 3, (400, 16)).astype(np.float32)
    with load_diarizer(model, **options) as loaded:
        stream = loaded.begin(mode)
        return np.concatenate([stream.feed(rows[:111]), stream.feed(rows[111:]), stream.finish()])


@pytest.mark.parametrize("mode", ["ultra_low_latency", "large_chunk", "offline"])
def test_a_checkpoint_runs_by_any_runtime(diarizer, mode):
    expected = find_speakers(diarizer, mode, runtime="numpy")
    assert expected.shape == (400, 3) and expected.std() > 0.01
    np.testing.assert_allclose(find_speakers(diarizer, mode), expected, atol=1e-4)
    eight_bits = find_speakers(diarizer, mode, precision="int8")
    assert np.abs(eight_bits - expected).mean() < 0.05
    assert not np.array_equal(eight_bits, expected)


def test_a_folder_is_converted_once_and_loaded(diarizer, tmp_path):
    out = tmp_path / "converted"
    assert convert(diarizer, out, "onnx", "int8").precision == "int8"
    notes = []
    convert(diarizer, out, "onnx", "int8", note=notes.append)
    assert not notes and not describe_damage(out) and not describe_damage(diarizer)
    assert parse_manifest(out).lookaheads == ()
    np.testing.assert_array_equal(find_speakers(out), find_speakers(diarizer, precision="int8"))
    (out / "diarize.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelError, match="convert"):
        load_diarizer(out)
    assert describe_damage(out)


def test_a_manifest_that_mixes_the_kinds_is_damaged(diarizer, tmp_path):
    from nemocli.models.folder import write_manifest

    out = tmp_path / "converted"
    manifest = convert(diarizer, out, "onnx", "fp32")
    write_manifest(out, type(manifest)(**vars(manifest) | {"lookaheads": (3,)}))
    with pytest.raises(ModelError, match=f"{MODEL_MANIFEST} is damaged"):
        parse_manifest(out)


def test_bad_requests_are_refused(diarizer, tmp_path, demo):
    with pytest.raises(UsageError, match="has modes and no lookaheads"):
        convert(diarizer, tmp_path / "out", "onnx", lookaheads=[3])
    with pytest.raises(UsageError, match="choose one of ultra_low_latency, low_latency, large"):
        load_diarizer(diarizer).begin("lowest")
    with pytest.raises(UsageError, match="no precision 'int3'"):
        load_diarizer(diarizer, precision="int3")
    with pytest.raises((UsageError, UnsupportedError)):
        load_diarizer(diarizer, runtime="none")
    with pytest.raises(ModelError, match="to find who speaks"):
        load_diarizer(demo)
    with pytest.raises(ModelError, match="nemocli models pull nvidia/Nemotron-3-Diarization"):
        load_diarizer()


def test_a_model_that_transcribes_is_refused_when_converted(demo, tmp_path):
    convert(demo, tmp_path / "out", "onnx", lookaheads=[3])
    with pytest.raises(ModelError, match="is a model that transcribes"):
        load_diarizer(tmp_path / "out")


@pytest.fixture
def folders(diarizer, tmp_path, monkeypatch):
    """A checkpoint of a diarization model, and a folder in the place of models."""
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path / "models"))
    convert(diarizer, tmp_path / "models" / "speakers", "onnx", "int8")
    return diarizer, tmp_path / "models" / "speakers"


def test_to_transcribe_with_it_is_refused(folders):
    for folder in folders:
        with pytest.raises(ModelError, match="finds who speaks and not what is said; give a model"):
            resolve(ModelSpec(folder))


@pytest.mark.parametrize("command", ["file", "live", "bench"])
def test_commands_say_what_it_is(folders, command, demo):
    for model in folders:
        clip = demo.parent / "clips" / "all-languages.flac"
        sound = {"file": [clip], "live": ["--input", clip], "bench": []}[command]
        result = nemocli(command, *sound, "--model", model)
        assert result.exit_code == 3, result.output
        assert "finds who speaks and not what is said" in " ".join(result.stderr.split())


@pytest.mark.parametrize("name", [DEFAULT_DIARIZER, f"{DEFAULT_DIARIZER}@abcd", "diarization-demo"])
@pytest.mark.parametrize("command", ["file", "bench"])
def test_the_name_of_a_diarizer_that_is_not_here_is_known(clips, name, command):
    sound = [clips[0].path] if command == "file" else []
    result = nemocli(command, *sound, "--model", name)
    assert result.exit_code == 3, result.output
    said = " ".join(result.stderr.split())
    assert f"{name} is a diarization model, which finds who speaks and not what is said" in said
    assert "pull" not in said


@pytest.mark.parametrize("name", RELEASED_MODELS)
def test_the_name_of_a_recognizer_that_is_not_here_is_known(name):
    with pytest.raises(ModelError, match=f"^{name} is a model that transcribes, and does not"):
        load_diarizer(name)


@pytest.mark.parametrize("name", ["demo", "diarization-demo"])
def test_the_demo_has_the_name_that_is_listed(name, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path))
    listed = {model.name: model for model in list_models()}
    assert listed["diarization-demo"].delete is None
    steps = []
    resolved = resolve_diarizer(name)
    assert (resolved.name, resolved.path) == ("diarization-demo", listed["diarization-demo"].path)
    resolved.load(steps.append).close()
    assert steps[0].startswith("converting diarization-demo for onnx, once: ")
    assert nemocli("models", "path", "diarization-demo").stdout.strip() == str(resolved.path)
    assert nemocli("models", "verify", "diarization-demo").stdout == "diarization-demo: intact\n"


def test_a_conversion_is_verified(diarizer, tmp_path):
    options = ("--out", tmp_path / "made", "--to", "onnx", "--precision", "fp32")
    made = nemocli("convert", diarizer, *options)
    assert made.exit_code == 0, made.output
    assert "verified: 100.0% of the decisions agree with the checkpoint (onnx)" in made.stderr
    other = write_tiny_diarizer(tmp_path / "other", seed=1)
    with pytest.raises(NemocliError, match="does not find the speakers that its checkpoint finds"):
        check_diarizer_conversion(tmp_path / "made", other)


def test_it_is_listed(folders):
    (listed,) = [model for model in list_models() if model.name == "speakers"]
    assert listed.form == "onnx int8"

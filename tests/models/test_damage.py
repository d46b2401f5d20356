"""Damage of any file of any kind of model folder: refused or mended, never a wrong transcript."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import nemocli
from nemocli.errors import ModelError
from nemocli.models import demo_integrity, integrity
from nemocli.models.convert import convert
from nemocli.models.folder import MODEL_MANIFEST, read_manifest
from nemocli.runtimes.system import System
from tests.network.broken import sound_files, write
from tests.repeats import repeats
from tests.sounds import speech_like
from tests.typed import nemocli as typed

SOUND = speech_like(2.0, seed=1)


def delete(path: Path, other: Path) -> None:
    path.unlink()


def truncate(path: Path, other: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path, other: Path) -> None:
    """In the middle, and without a trace in size and time of modification."""
    before = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x20
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def swap(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


DAMAGES = (delete, truncate, empty, flip, swap)

#: Kinds of folders, each with a precision that this machine writes quickly.
KINDS = [
    ("onnx", "fp32"),
    ("onnx", "int8"),
    ("mlx", "int8"),
    pytest.param("coreai", "fp32", marks=pytest.mark.slow),
    pytest.param("coreml", "fp16", marks=pytest.mark.slow),
]

#: Where folders of Core ML are opened.
MAC = System("darwin", "15.5")

LIBRARIES = {"onnx": "onnx", "mlx": "mlx.core", "coreai": "coreai", "coreml": "coremltools"}


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Two checkpoints of the smallest sizes, of other weights and another tokenizer."""
    root = tmp_path_factory.mktemp("sources")
    files = sound_files()
    one = write(root / "one", files)
    other = write(root / "other", files)
    tensors = load_file(other / "model.safetensors")
    save_file(
        {name: array[::-1] * 1.5 for name, array in tensors.items()}, other / "model.safetensors"
    )
    renamed = files["tokenizer.json"].replace(b'"b"', b'"c"')
    (other / "tokenizer.json").write_bytes(renamed)
    return one, other


@pytest.fixture(scope="module")
def folders(sources, tmp_path_factory):
    """`folders(kind, precision)` are conversions of both, made once."""
    made: dict[tuple[str, str], tuple[Path, Path]] = {}

    def get(kind: str, precision: str) -> tuple[Path, Path]:
        pytest.importorskip(LIBRARIES[kind], reason=f"{kind} is not installed")
        if (kind, precision) not in made:
            root = tmp_path_factory.mktemp(f"{kind}-{precision}")
            for source in sources:
                convert(source, root / source.name, kind, precision, [3])
            made[kind, precision] = root / "one", root / "other"
        return made[kind, precision]

    return get


def names(folder: Path) -> list[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in names(folder)}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize(("kind", "precision"), KINDS)
def test_damage_of_each_file_is_found_and_mended(
    folders, sources, tmp_path, kind, precision, damage: Callable[[Path, Path], None], monkeypatch
):
    """Loading names the file, and the same conversion again mends it, as the sentence says."""
    if kind == "coreml":  # opened by the check alone: the runtime is a Mac's
        monkeypatch.setattr("nemocli.models.resolve.read_system", lambda: MAC)
        monkeypatch.setattr("nemocli.runtimes.coreml.runtime.CoreMLTools", _NoCoreML)
    good, other = folders(kind, precision)
    own = tmp_path / "model"
    for name in names(good):
        if damage is swap and (good / name).read_bytes() == (other / name).read_bytes():
            continue
        shutil.rmtree(own, ignore_errors=True)
        shutil.copytree(good, own)
        damage(own / name, other / name)
        with pytest.raises(ModelError) as caught:
            nemocli.load(own)
        sentence = str(caught.value)
        if name != MODEL_MANIFEST:
            assert str(own / name) in sentence and "convert the checkpoint again" in sentence
        if kind == "onnx" and not (damage is swap and name == MODEL_MANIFEST):
            # Which is then that other model's, as far as anybody knows.
            notes: list[str] = []
            convert(sources[0], own, kind, precision, [3], note=notes.append)
            assert notes == [f"{own} is damaged and is converted again."], name
            assert names(own) == names(good)
            read_manifest(own)


class _NoCoreML:
    """In Core ML's place: nothing is compiled before the files were looked at."""

    system = MAC.macos


@pytest.mark.parametrize("damage", repeats([flip, swap, delete, truncate, empty], 2))
def test_the_cache_mends_itself_and_says_so(sources, tmp_path, monkeypatch, damage):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path))
    expected = tokens(nemocli.load(sources[0]))
    (kept,) = (tmp_path / "converted").iterdir()
    good = contents(kept)
    nemocli.load(sources[1])
    (other,) = set((tmp_path / "converted").iterdir()) - {kept}
    for name in good:
        if damage is swap and (kept / name).read_bytes() == (other / name).read_bytes():
            continue
        damage(kept / name, other / name)
        said: list[str] = []
        assert tokens(nemocli.load(sources[0], progress=said.append)) == expected
        assert f"{kept} is damaged and is converted again." in said, name
        assert contents(kept) == good
        said.clear()
        nemocli.load(sources[0], progress=said.append)
        assert said == []


def tokens(transcriber):
    session = transcriber.session()
    session.feed(SOUND)
    return [(token.id, token.frame) for token in session.finish().tokens]


def test_force_writes_again_what_is_there(sources, tmp_path):
    own = tmp_path / "model"
    convert(sources[0], own)
    before = (own / "weights.bin").stat().st_ino
    convert(sources[0], own)
    assert (own / "weights.bin").stat().st_ino == before
    convert(sources[0], own, force=True)
    assert (own / "weights.bin").stat().st_ino != before


def test_a_folder_of_another_s_is_not_taken_for_a_damaged_model(sources, tmp_path):
    """A manifest.json is what a web page has too."""
    for name, content in ((MODEL_MANIFEST, "{}"), ("index.html", "<p>")):
        (tmp_path / name).write_text(content)
    for force in (False, True):
        with pytest.raises(nemocli.UsageError, match="not a model folder"):
            convert(sources[0], tmp_path, force=force)
    assert names(tmp_path) == ["index.html", MODEL_MANIFEST]


def test_a_damaged_folder_of_another_conversion_is_kept(sources, tmp_path):
    own = tmp_path / "model"
    convert(sources[0], own)
    truncate(own / "weights.bin", own)
    with pytest.raises(nemocli.UsageError, match="--force"):
        convert(sources[0], own, precision="int8")
    convert(sources[0], own, precision="int8", force=True)
    assert read_manifest(own).precision == "int8"


# -------------------------------------------------------------------------------------- large files


@pytest.fixture
def large(sources, tmp_path, monkeypatch):
    """A folder of which every file counts as large, and the cache that remembers them."""
    monkeypatch.setattr(integrity, "MAX_SMALL_BYTES", 0)
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    convert(sources[0], tmp_path / "model")
    return tmp_path / "model"


def test_large_files_are_hashed_once(large, monkeypatch):
    said: list[str] = []
    nemocli.load(large, progress=said.append)
    assert said == [f"checking its files, once: {name}" for name in read_manifest(large).files]
    said.clear()
    nemocli.load(large, progress=said.append)
    assert said == []
    flip(large / "weights.bin", large)  # whose time of modification is that of before
    with pytest.raises(ModelError, match=r"weights\.bin is damaged"):
        nemocli.load(large)


def test_a_cache_that_cannot_be_written_only_costs_time(large, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "file"))
    said: list[str] = []
    for _ in range(2):
        nemocli.load(large, progress=said.append)
    assert len(said) == 2 * len(read_manifest(large).files)
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "other"))
    nemocli.load(large)
    (kept,) = (tmp_path / "other" / "checked").iterdir()
    for content in ("", "[]", '{"weights.bin": 1}', "\xff"):
        kept.write_text(content, encoding="latin-1")
        nemocli.load(large)


@pytest.fixture
def rotten(large, monkeypatch):
    """The disk lost bits of the weights, and nothing of it shows in size or times."""
    nemocli.load(large)
    monkeypatch.setattr(integrity, "_read_identity", lambda path: [0])
    nemocli.load(large)
    weights = np.fromfile(large / "weights.bin", np.float32)
    weights[::3] = np.nan
    weights.tofile(large / "weights.bin")
    return large


def test_output_that_is_no_number_has_every_file_hashed(rotten, clips):
    transcriber = nemocli.load(rotten)
    with pytest.raises(ModelError, match=r"weights\.bin is damaged; convert the checkpoint again"):
        transcriber.session().feed(SOUND)
    with pytest.raises(ModelError, match=r"weights\.bin is damaged"):
        nemocli.load(rotten)  # what was kept of it is believed no more
    done = typed("file", clips[0].path, "--model", rotten, "-q")
    assert (done.exit_code, done.stdout) == (3, "")


@pytest.mark.parametrize("command", ["file", "live"])
def test_a_run_ends_where_output_is_no_number(rotten, clips, command):
    sound = clips[0].path
    rest = [sound] if command == "file" else ["--input", sound]
    done = typed(command, *rest, "--model", rotten, "-q")
    assert done.exit_code == 3, done.output
    assert "weights.bin is damaged" in done.stderr and done.stdout.strip() == ""


def test_a_checkpoint_of_numbers_too_large_is_not_run(sources, tmp_path, clips):
    checkpoint = write(tmp_path / "checkpoint", sound_files())
    tensors = load_file(checkpoint / "model.safetensors")
    tensors["encoder_projector.weight"] *= np.float32(3e38) / 4
    save_file(tensors, checkpoint / "model.safetensors")
    for runtime in ("numpy", "onnx"):
        done = typed("file", clips[0].path, "--model", checkpoint, "--runtime", runtime, "-q")
        assert (done.exit_code, done.stdout) == (3, "")
        assert "it is not a trained model" in done.stderr


# ------------------------------------------------------------------------------------------- verify


def test_verify_names_what_is_damaged(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path))
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("good", "bad"):
        convert(sources[0], tmp_path / name)
    done = typed("models", "verify")
    assert (done.exit_code, done.stderr) == (0, "")
    assert {"good: intact", "bad: intact", "demo: intact"} <= set(done.stdout.splitlines())
    flip(tmp_path / "bad" / "weights.bin", tmp_path)
    delete(tmp_path / "bad" / "joint.onnx", tmp_path)
    for command in (["verify"], ["verify", "bad"], ["verify", tmp_path / "bad"]):
        done = typed("models", *command)
        assert done.exit_code == 3 and done.stderr.count("\n") == 1
        (line,) = [line for line in done.stdout.splitlines() if "/bad/" in line]
        assert f"{tmp_path / 'bad' / 'weights.bin'} is damaged" in line
        assert f"{tmp_path / 'bad' / 'joint.onnx'} is missing" in line
    assert typed("models", "verify", "good").exit_code == 0
    assert typed("models", "verify", "nothing/here").exit_code == 3


# ------------------------------------------------------------------------------ the hub's own cache


@pytest.fixture
def snapshot(sources, tmp_path):
    """A checkpoint in the hub's cache, where files are links to blobs named by their hashes."""
    import hashlib

    root = tmp_path / "models--some--one"
    blobs, own = root / "blobs", root / "snapshots" / ("0" * 40)
    blobs.mkdir(parents=True)
    own.mkdir(parents=True)
    for path in sources[0].iterdir():
        content = path.read_bytes()
        git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
        name = hashlib.sha256(content).hexdigest() if path.suffix == ".safetensors" else git
        (blobs / name).write_bytes(content)
        (own / path.name).symlink_to(blobs / name)
    return own


@pytest.mark.parametrize("name", list(sound_files()))
def test_a_damaged_blob_is_not_converted_nor_run(snapshot, sources, tmp_path, name, clips):
    assert nemocli.load(snapshot).runtime == "onnx"
    assert integrity.describe_damage(snapshot) == []
    flip((snapshot / name).resolve(), tmp_path)
    for runtime in ("onnx", "numpy"):
        done = typed("file", clips[0].path, "--model", snapshot, "--runtime", runtime, "-q")
        assert (done.exit_code, done.stdout) == (3, ""), done.output
    done = typed("convert", snapshot, "-o", tmp_path / "out", "-q")
    assert done.exit_code == 3 and not (tmp_path / "out").exists()
    (sentence,) = integrity.describe_damage(snapshot)
    assert name in sentence


def test_the_demo_is_known_too(checkpoint, monkeypatch):
    """Its hash comes with nemocli, beside what it must say."""
    assets = checkpoint.parent
    shutil.copytree(demo_integrity.find_demo_folder().parent / "clips", assets / "clips")
    monkeypatch.setattr(demo_integrity, "find_demo_folder", lambda: checkpoint)
    assert nemocli.load(checkpoint, runtime="numpy").runtime == "numpy"
    flip(checkpoint / "model.safetensors", assets)
    for runtime in ("numpy", "onnx"):
        with pytest.raises(ModelError, match="is damaged; install nemocli again"):
            nemocli.load(checkpoint, runtime=runtime)


def test_the_demo_of_speakers_is_known_too(tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    folder = tmp_path / "diarization-demo"
    shutil.copytree(demo_integrity.find_diarization_demo_folder(), folder)
    hashed = integrity.open_some_checkpoint(folder).sha256
    assert (folder / demo_integrity.DEMO_HASH).read_text() == f"{hashed}\n", "see export.py"
    monkeypatch.setattr(demo_integrity, "find_diarization_demo_folder", lambda: folder)
    nemocli.load_diarizer(folder, runtime="numpy").close()
    flip(folder / "model.safetensors", tmp_path)
    for runtime in ("numpy", "onnx"):
        with pytest.raises(ModelError, match="is damaged; install nemocli again"):
            nemocli.load_diarizer(folder, runtime=runtime)

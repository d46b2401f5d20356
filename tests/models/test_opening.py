"""What `load` understands as a model, and what it says of what is none."""

import shutil
import sys

import pytest

import nemocli
from nemocli.errors import ModelError, UnsupportedError, UsageError
from nemocli.models.folder import MANIFEST
from tests.sounds import speech_like


def tokens(transcriber):
    session = transcriber.session()
    session.feed(speech_like(2.0, seed=1))
    return [(token.id, token.frame) for token in session.finish().tokens]


def test_a_checkpoint_is_converted_once_into_the_cache(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    heard = []
    first = nemocli.load(checkpoint, progress=heard.append)
    assert first.runtime == "onnx"
    assert heard[0] == "converting it for onnx, once: pre_block.onnx, 1 of 7"
    heard.clear()
    nemocli.load(checkpoint, progress=heard.append)
    assert heard == []
    (found,) = (tmp_path / "cache" / "converted").iterdir()
    (found / "weights.bin").unlink()  # a cache entry that was damaged is made again
    assert tokens(nemocli.load(checkpoint)) == tokens(first)


def test_a_checkpoint_with_other_content_is_another_cache_entry(checkpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "cache"))
    nemocli.load(checkpoint)
    with (checkpoint / "config.json").open("a") as file:
        file.write("\n")
    nemocli.load(checkpoint)
    assert len(list((tmp_path / "cache" / "converted").iterdir())) == 2


def test_a_cache_that_cannot_be_written(checkpoint, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path / "file"))
    with pytest.raises(UnsupportedError, match="NEMOCLI_CACHE_DIR"):
        nemocli.load(checkpoint)


def test_demo_is_found_by_name():
    assert nemocli.load("demo").model_name == "demo"


def test_no_model(tmp_path):
    with pytest.raises(ModelError, match="There is no model in"):
        nemocli.load(tmp_path / "nothing")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"runtime": "tpu"}, "choose one of auto, numpy, onnx, coreml, coreai"),
        ({"lookahead": 4}, "choose from 0, 3, 6, 13"),
        ({"lookahead": 4, "runtime": "numpy"}, "choose from 0, 3, 6, 13"),
    ],
)
def test_options_that_do_not_exist(options, words):
    with pytest.raises(UsageError, match=words):
        nemocli.load("demo", **options)


def test_a_runtime_this_machine_has_not_is_told_before_a_model_is_looked_for(monkeypatch):
    monkeypatch.setattr("platform.system", lambda: "Linux")
    with pytest.raises(UnsupportedError, match="needs macOS; this machine has numpy, onnx"):
        nemocli.load("owner/missing", runtime="coreml")
    monkeypatch.setitem(sys.modules, "coreai", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'nemocli\[coreai\]'"):
        nemocli.load("owner/missing", runtime="coreai")


def test_a_model_folder_moves_and_says_which_lookaheads_it_has(demo, tmp_path):
    from nemocli.models.convert import convert

    convert(demo, tmp_path / "a", lookaheads=[0, 6])
    shutil.move(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b" / MANIFEST).is_file()
    assert nemocli.load(tmp_path / "b").lookahead == 0  # the checkpoint's own is not in it
    assert tokens(nemocli.load(tmp_path / "b", lookahead=6)) == (
        tokens(nemocli.load("demo", lookahead=6))
    )
    with pytest.raises(UsageError, match="choose from 0, 6"):
        nemocli.load(tmp_path / "b", lookahead=3)
    with pytest.raises(UsageError, match="converted for onnx, not for numpy"):
        nemocli.load(tmp_path / "b", runtime="numpy")

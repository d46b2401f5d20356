"""Lookaheads as they are typed, and those that the model was not trained for."""

import pytest

from nemocli.cli.options import parse_lookahead
from nemocli.errors import UsageError
from nemocli.models.folder import read_manifest
from nemocli.models.resolve import resolve
from nemocli.models.runtime_and_precision import choose_lookahead, list_untrained
from nemocli.models.spec import ModelSpec
from nemocli.network.checkpoint import Checkpoint
from tests.typed import nemocli

FLAG = "--untrained-lookahead"


@pytest.mark.parametrize(
    ("typed", "frames"),
    [
        *(("1", 1), ("160ms", 1), ("160", 1), (" 160 MS ", 1), ("13", 13), ("0", 0)),
        *(("80ms", 0), ("240ms", 2), ("1120ms", 13), ("320", 3), ("1200ms", 14), (None, None)),
    ],
)
def test_frames_and_latencies(typed, frames):
    assert parse_lookahead(typed) == frames


@pytest.mark.parametrize("typed", ["100ms", "0ms", "ms", "", "-1", "3.5", "many"])
def test_what_is_neither(typed):
    with pytest.raises(UsageError, match="160ms"):
        parse_lookahead(typed)


def test_a_chunk_is_never_longer_than_the_left_context(demo):
    config = Checkpoint(demo).config
    untrained = list_untrained(config, are_allowed=True)
    assert choose_lookahead(config, config.lookaheads, 55, untrained) == 55
    with pytest.raises(UsageError, match=r"no lookahead 56; .*, or from 0 to 55 untrained"):
        choose_lookahead(config, config.lookaheads, 56, untrained)
    assert not list_untrained(config, are_allowed=False)


def test_without_the_flag_it_is_refused(clips):
    done = nemocli("file", clips[0].path, "--model", "demo", "--lookahead", "1")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith(
        "no lookahead 1; choose from 0, 3, 6, 13. With --untrained-lookahead, it also runs at 1,"
        " which it was not trained for."
    )
    done = nemocli("file", clips[0].path, "--model", "demo", "--lookahead", "99")
    assert done.stderr.splitlines()[-1].endswith("no lookahead 99; choose from 0, 3, 6, 13.")


def test_with_the_flag_it_has_a_folder_of_its_own_in_the_cache(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path))
    command = ("file", clips[0].path, "--model", "demo", "--runtime", "onnx")
    done = nemocli(*command, "--lookahead", "160ms", FLAG)
    assert done.exit_code == 0 and done.stdout.strip(), done.stderr
    (folder,) = (tmp_path / "converted").iterdir()
    assert folder.name.endswith("-lookahead1")
    assert read_manifest(folder).lookaheads == (1,)
    trained = resolve(ModelSpec("demo", "onnx", lookahead=3))
    assert trained.convert().path != folder


def test_a_model_folder_with_it_needs_no_flag(clips, tmp_path):
    command = ("convert", "demo", "-o", tmp_path / "model", "--lookahead", "1,3", "-q")
    refused = nemocli(*command)
    assert refused.exit_code == 2 and not (tmp_path / "model").exists()
    done = nemocli(*command, FLAG)
    assert done.exit_code == 0, done.stderr
    assert read_manifest(tmp_path / "model").lookaheads == (1, 3)
    typed = ("file", clips[0].path, "--model", tmp_path / "model")
    assert nemocli(*typed, "--lookahead", "1").exit_code == 0
    lacking = nemocli(*typed, "--lookahead", "2", FLAG)  # a folder has what it was written with
    assert lacking.exit_code == 2 and "choose from 1, 3." in lacking.stderr

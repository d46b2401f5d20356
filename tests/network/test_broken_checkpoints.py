"""Each of hundreds of broken checkpoints is refused: one sentence, exit code 3, nothing left."""

import pytest

from nemocli.errors import ModelError
from nemocli.network.checkpoint import Checkpoint
from tests.network.broken import broken_checkpoints, sound_files, write
from tests.typed import nemocli


@pytest.fixture(scope="module")
def broken():
    """The files of each, by what is wrong."""
    return dict(broken_checkpoints())


def opened(folder):
    checkpoint = Checkpoint(folder)
    assert checkpoint.tokenizer
    checkpoint.parameters.check()


def test_there_are_many_and_each_is_another(broken):
    assert len(broken) > 300
    assert len({tuple(sorted(files.items())) for files in broken.values()}) == len(broken)


def test_one_with_nothing_wrong_is_opened(tmp_path):
    opened(write(tmp_path / "checkpoint", sound_files()))


def test_each_is_refused_in_a_sentence(broken, tmp_path):
    let_through = []
    for about, files in broken.items():
        try:
            opened(write(tmp_path / "checkpoint", files))
            let_through.append(about)
        except ModelError as error:
            message = str(error)
            assert message.endswith(".") and "\n" not in message and len(message) < 500, about
    assert let_through == []


def typed(about, tmp_path, *command):
    done = nemocli(*command)
    said = [line for line in done.stderr.splitlines() if line.startswith("nemocli: ")]
    assert (done.exit_code, done.stdout, len(said)) == (3, "", 1), (about, done.output)
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"], about


#: A step through the list that meets every kind; the slow tests take all of it.
SOME, ALL = 12, 1


@pytest.mark.parametrize("step", [SOME, pytest.param(ALL, marks=pytest.mark.slow)])
def test_nothing_is_left_of_a_conversion(broken, tmp_path, monkeypatch, tmp_path_factory, step):
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
    for about in list(broken)[::step]:
        checkpoint = write(tmp_path / "checkpoint", broken[about])
        typed(about, tmp_path, "convert", checkpoint, "-o", tmp_path / "out", "-q")


@pytest.mark.parametrize("runtime", ["numpy", "onnx"])
@pytest.mark.parametrize("step", [3 * SOME, pytest.param(ALL, marks=pytest.mark.slow)])
def test_none_is_run(broken, tmp_path, monkeypatch, tmp_path_factory, clips, step, runtime):
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(cache))
    for about in list(broken)[::step]:
        checkpoint = write(tmp_path / "checkpoint", broken[about])
        command = ["file", clips[0].path, "--model", checkpoint, "--runtime", runtime, "-q"]
        typed(about, tmp_path, *command)
        assert not list(cache.glob("converted/*")), about

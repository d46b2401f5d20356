"""Too little memory: as a library loads, as the model loads, and in the middle of the work."""

import pytest

from tests.faults.program import files, in_place_of, run, sentence, start
from tests.repeats import repeats

#: How Python and onnxruntime say it.
PYTHON = "raise MemoryError"
NATIVE = "raise RuntimeError('Exception during initialization: std::bad_alloc')"
ARENA = "raise RuntimeError('Failed to allocate memory for requested buffer of size 65536')"
LIBRARY = "raise OSError('libx.so: failed to map segment from shared object')"
UNOPENED = "raise OSError('libx.so: cannot open shared object file: Cannot allocate memory')"
BEGUN = "raise SystemError('execution of module x failed without setting an exception')"

ENOUGH = "nemocli: There is not enough memory for this: close other programs"


@pytest.mark.parametrize(
    ("place", "refusal"),
    repeats(
        [
            ("onnxruntime:InferenceSession.__init__", NATIVE),
            ("nemocli.batch.many:advance", ARENA),
            ("nemocli.audio.sound:Sound._decode", PYTHON),
            ("nemocli.audio.ffmpeg:FfmpegDecoder.__init__", LIBRARY),
            ("nemocli.audio.ffmpeg:FfmpegDecoder.__init__", UNOPENED),
            ("nemocli.runtimes.onnx.runtime:OnnxGraphs.__init__", BEGUN),
        ],
        3,
    ),
)
def test_file(clip, tmp_path, place, refusal):
    command = ["file", clip.path, "--model", "demo", "-q", "-o", tmp_path / "out"]
    done, said, err = run(*command, code=in_place_of(place, refusal))
    assert (done, said) == (1, "")
    assert sentence(err).startswith(ENOUGH) and err.count("\n") == 1
    assert not list(tmp_path.rglob("*.txt")) and not list(tmp_path.rglob("*.part"))


def test_it_is_told_when_what_the_error_held_is_free(clip):
    code = (
        in_place_of("nemocli.batch.many:advance", PYTHON)
        + """
from nemocli.cli import app
say = app.say
def say_if_there_is_memory(sentence):
    if sys.exc_info()[1] is not None:
        raise MemoryError
    say(sentence)
app.say = say_if_there_is_memory
"""
    )
    done, said, err = run("file", clip.path, "--model", "demo", "-q", code=code)
    assert (done, said) == (1, "")
    assert sentence(err).startswith(ENOUGH) and err.count("\n") == 1


def test_live_keeps_what_it_understood(clip, spoken, tmp_path):
    """The model fails permanently, in the middle of the third sentence."""
    code = f"""
import nemocli.engine.session as session
advance, heard = session.advance, []
def fail(sessions, chunks):
    heard.append(0.32 * chunks)
    if sum(heard) > {2.5 * len(spoken) / 32000}:
        raise MemoryError
    advance(sessions, chunks)
session.advance = fail
"""
    command = ["live", "--model", "demo", "--input", "-", "-q", "-o", tmp_path / "a.txt"]
    done, said, err = run(*command, data=3 * spoken, code=code)
    assert done == 1 and sentence(err).startswith(ENOUGH) and err.count("\n") == 1
    *whole, begun = said.splitlines()
    assert whole == 2 * [clip.text] and clip.text.startswith(begun) and begun
    assert (tmp_path / "a.txt").read_text() == said
    assert files(tmp_path) == ["a.txt"]


def test_convert_leaves_nothing(tmp_path):
    code = in_place_of("nemocli.models.convert:record_files", PYTHON)
    done, said, err = run("convert", "demo", "-q", "-o", tmp_path / "model", code=code)
    assert (done, said, list(tmp_path.iterdir())) == (1, "", [])
    assert sentence(err).startswith(ENOUGH)


@pytest.mark.slow
def test_with_any_allowance(clip):
    """With a limit on address space, which the system grants or not."""
    codes = set()
    for megabytes in (*range(24, 400, 8), *range(400, 1200, 32)):  # threads reserve much
        size = megabytes << 20
        code = f"import resource\nresource.setrlimit(resource.RLIMIT_AS, ({size}, {size}))"
        with start("file", clip.path, "--model", "demo", "-q", code=code) as running:
            out, err = running.stdout.read().decode(), running.stderr.read().decode()
            done = running.wait(60)
        codes.add(done)
        assert out == ("" if done else clip.text + "\n")
        assert "Traceback" not in err and "Something unexpected" not in err, (megabytes, err)
        # OpenBLAS and the C++ library end a process themselves, with their own words; onnxruntime
        # has some as well.
        assert done in (0, 1, -6) and (ENOUGH in err or done != 1 or "OpenBLAS" in err), err
    assert {0, 1} <= codes

"""Windows into files: a part of a file reads like a file that was cut out."""

import io
import tracemalloc

from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.audio.byte_window import ByteWindow

CONTENT = bytes(range(256)) * 4


@settings(deadline=None)
@given(
    start=st.integers(0, 1000),
    length=st.integers(0, 24),
    header=st.binary(max_size=20),
    patch=st.binary(max_size=8),
    patch_at=st.integers(0, 1020),
    steps=st.lists(st.tuples(st.integers(0, 60), st.integers(-1, 60))),
)
def test_it_reads_as_what_it_stands_for(
    tmp_path_factory, start, length, header, patch, patch_at, steps
):
    path = tmp_path_factory.getbasetemp() / "content"
    path.write_bytes(CONTENT)
    patched = CONTENT[:patch_at] + patch + CONTENT[patch_at + len(patch) :]
    wanted = io.BytesIO(header + patched[start : start + length])
    with ByteWindow(path, start, start + length, header, patch, patch_at) as window:
        for place, size in steps:
            assert window.seek(place) == wanted.seek(place)
            assert window.read(size) == wanted.read(size)
            assert window.tell() == wanted.tell() or place > len(wanted.getvalue())
        assert window.seek(0, io.SEEK_END) == len(wanted.getvalue())


def test_a_length_that_lies_takes_no_memory(tmp_path):
    (tmp_path / "a").write_bytes(CONTENT)
    tracemalloc.start()
    try:
        with ByteWindow(tmp_path / "a", 0, len(CONTENT)) as window:
            assert window.read(1 << 31) == CONTENT
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()

"""A file is written whole or not at all, and no temporary file is left."""

import os
import threading

import pytest

from nemocli.whole_file import remove_abandoned, write_whole, write_whole_file


@pytest.mark.parametrize("content", ["an umlaut: ü\n", b"\x00\xff"])
def test_text_and_bytes(tmp_path, content):
    path = tmp_path / "a"
    path.write_text("before")
    write_whole_file(path, content)
    expected = content if isinstance(content, bytes) else content.encode()
    assert path.read_bytes() == expected
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError, RuntimeError])
@pytest.mark.parametrize("before", [None, "before"])
def test_what_is_interrupted_leaves_all_as_it_was(tmp_path, end, before):
    path = tmp_path / "a"
    if before:
        path.write_text(before)
    with pytest.raises(end), write_whole(path) as part:
        part.write_text("half")
        raise end
    assert os.listdir(tmp_path) == (["a"] if before else [])
    assert not before or path.read_text() == before


def test_a_folder_takes_the_place_of_one_with_other_files(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("1")
    with write_whole(path) as part:
        part.mkdir()
        (part / "new").write_text("2")
    assert os.listdir(tmp_path) == ["model"] and os.listdir(path) == ["new"]


def test_a_file_does_not_take_the_place_of_a_folder(tmp_path):
    path = tmp_path / "model"
    path.mkdir()
    (path / "old").write_text("1")
    with pytest.raises(IsADirectoryError):
        write_whole_file(path, "text")
    assert os.listdir(tmp_path) == ["model"] and os.listdir(path) == ["old"]


def test_a_pipe_is_written_to_and_stays_one(tmp_path):
    path, read = tmp_path / "pipe", []
    os.mkfifo(path)
    reader = threading.Thread(target=lambda: read.append(path.read_text()))
    reader.start()
    write_whole_file(path, "whole")
    reader.join()
    assert read == ["whole"] and path.is_fifo() and os.listdir(tmp_path) == ["pipe"]


def test_a_link_in_the_place_of_the_part_is_not_followed(tmp_path):
    precious, path = tmp_path / "precious", tmp_path / "a"
    precious.write_text("mine")
    (tmp_path / f".a.{os.getpid()}.part").symlink_to(precious)
    write_whole_file(path, "text")
    assert precious.read_text() == "mine" and path.read_text() == "text"
    assert not path.is_symlink()


def test_only_what_processes_that_ended_left_is_removed(tmp_path):
    ended, running = 2**22 + 1, os.getppid()  # the first is more than Linux ever gives
    (tmp_path / f".a.{ended}.part").mkdir()
    (tmp_path / f".a.{ended}.part" / "file").write_text("1")
    (tmp_path / f".a.{ended}.old.part").write_text("1")
    kept = [f".a.{running}.part", f".b.{ended}.part", f"a.{ended}.part"]
    for name in kept:
        (tmp_path / name).write_text("1")
    remove_abandoned(tmp_path / "a")
    assert sorted(os.listdir(tmp_path)) == sorted(kept)

"""Files, folders, patterns and lists: which files are transcribed."""

import os

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from nemocli.errors import UsageError
from nemocli.jobs.extensions import EXTENSIONS, parse_extensions
from nemocli.jobs.inputs import list_inputs
from nemocli.jobs.path_list import read_list


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(*paths):
    for path in paths:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        open(path, "w").close()


def listed_paths(*arguments, **options):
    return [str(source.path) for source in list_inputs(arguments, **options).sources]


def relative_paths(*arguments, **options):
    return [source.relative for source in list_inputs(arguments, **options).sources]


def test_a_folder_is_its_sound_files_by_name(here):
    make("r/b.MP3", "r/a.wav", "r/notes.txt", "r/.hidden.wav", "r/sub/c.flac", "r/.git/d.wav")
    assert listed_paths("r") == ["r/a.wav", "r/b.MP3"]
    assert listed_paths("r/", recursive=True) == ["r/a.wav", "r/b.MP3", "r/sub/c.flac"]
    assert listed_paths("r", recursive=True, extensions=("txt", "flac")) == [
        "r/notes.txt",
        "r/sub/c.flac",
    ]
    assert listed_paths("r", extensions=("*",)) == ["r/a.wav", "r/b.MP3", "r/notes.txt"]


def test_relative_paths_count_from_the_folder_that_was_named(here):
    make("r/a.wav", "r/sub/a.wav", "s/a.wav")
    assert relative_paths("r", recursive=True) == ["a.wav", "sub/a.wav"]
    assert relative_paths("r", "s", recursive=True) == ["r/a.wav", "r/sub/a.wav", "s/a.wav"]
    assert relative_paths("r/a.wav") == ["a.wav"]
    assert relative_paths("r/a.wav", "r/sub/a.wav") == ["a.wav", "sub/a.wav"]
    assert relative_paths("r/*/*.wav") == ["sub/a.wav"]


def test_named_files_are_taken_whatever_they_are(here):
    make("notes.txt")
    assert listed_paths("notes.txt", "missing.wav") == ["notes.txt", "missing.wav"]


def test_patterns_that_the_shell_left(here):
    make("r/a.wav", "r/b.dat", "r/.c.wav", "r/sub/d.wav", "what[1].wav")
    assert listed_paths("r/*") == ["r/a.wav", "r/sub/d.wav"]
    assert listed_paths("r/*.dat") == ["r/b.dat"]
    assert listed_paths("r/**/*.wav") == ["r/a.wav", "r/sub/d.wav"]
    assert listed_paths("what[1].wav") == ["what[1].wav"]


def test_every_file_once(here):
    make("r/a.wav", "r/sub/b.wav")
    os.symlink("a.wav", "r/z.wav")
    os.symlink("sub", "r/twin")
    assert listed_paths("r/a.wav", "r", "./r/../r/a.wav", "r/*.wav", recursive=True) == [
        "r/a.wav",
        "r/sub/b.wav",
    ]


def test_links_that_lead_in_circles_end(here):
    make("r/a.wav")
    os.symlink("..", "r/up")
    os.symlink("me.wav", "r/me.wav")
    os.symlink("gone.wav", "r/dangling.wav")
    assert listed_paths("r", recursive=True) == ["r/a.wav"]


def test_a_linked_folder_is_looked_into(here):
    make("elsewhere/a.wav", "r/b.wav")
    os.symlink("../elsewhere", "r/link")
    assert relative_paths("r", recursive=True) == ["b.wav", "link/a.wav"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["empty"], "no sound file in the folder empty"), (["*.mp3"], "no sound file that *.mp3")],
)
def test_no_sound_file_is_a_usage_error(here, arguments, words):
    make("empty/notes.txt")
    with pytest.raises(UsageError) as caught:
        list_inputs(arguments)
    assert words in str(caught.value)


def test_an_empty_folder_does_not_stop_the_others(here):
    make("empty/notes.txt", "r/a.wav")
    listing = list_inputs(["empty", "*.mp3", "r"])
    assert [str(source.path) for source in listing.sources] == ["r/a.wav"]
    assert len(listing.empty) == 2


def test_a_folder_of_folders_says_how_to_look_into_them(here):
    make("r/sub/a.wav")
    with pytest.raises(UsageError, match="--recursive"):
        list_inputs(["r"])


def test_a_folder_that_cannot_be_looked_into_does_not_hide_the_others(here, monkeypatch):
    make("r/locked/a.wav", "r/open/b.wav")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("locked"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    listing = list_inputs(["r"], recursive=True)
    assert [str(source.path) for source in listing.sources] == ["r/open/b.wav"]
    assert listing.unreadable == ["r/locked cannot be looked into: Permission denied."]


def test_lists(here):
    make("a.wav", "r/b.wav", "r/notes.txt")
    assert listed_paths("a.wav", listed=["r", "*.wav"]) == ["a.wav", "r/b.wav", "*.wav"]


names = st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name)


@given(st.lists(names.filter(lambda n: b"\n" not in n and not n.endswith(b"\r"))))
def test_a_list_gives_back_every_name(names):
    assume(not names or not names[0].startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")))
    expected = [os.fsdecode(name) for name in names]
    assert read_list(b"\n".join(names)) == expected
    assert read_list(b"".join(name + b"\r\n" for name in names)) == expected


@given(st.lists(names.filter(lambda n: len(n) > 2), min_size=1))
def test_a_list_with_nul_gives_back_every_name(names):
    content = b"".join(name + b"\0" for name in names)
    assert read_list(content) == [os.fsdecode(name) for name in names]


def test_a_list_with_nul_of_short_names():
    assert read_list(b"a\0bc\0") == ["a", "bc"]
    assert read_list(b"./a\0./b\0") == ["./a", "./b"]


WINDOWS_NAMES = st.lists(
    st.text(st.sampled_from("abcé日本 _-"), min_size=1, max_size=9).map(lambda name: f"{name}.wav"),
    min_size=1,
)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@given(names=WINDOWS_NAMES, is_marked=st.booleans(), is_ended=st.booleans())
def test_lists_as_windows_writes_them(encoding, ending, names, is_marked, is_ended):
    text = ending.join(names) + (ending if is_ended else "")
    if encoding.endswith("e"):
        assume(is_marked or sum(map(str.isascii, text)) > len(text) // 2)
        text = ("\ufeff" if is_marked else "") + text
    assert read_list(text.encode(encoding)) == names


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"a.wav\nb\0c.wav\nd.wav\n", "Line 2 of the list has a NUL in it"),
        (b"a.wav\0b.wav", "Line 1 of the list has a NUL in it"),
        ("a.wav\n".encode("utf-16")[:-1], "The list is damaged: it is not UTF-16"),
    ],
)
def test_content_that_is_no_list(content, words):
    with pytest.raises(UsageError, match=words):
        read_list(content)


def test_text_files_with_the_extension_of_sound_are_skipped(here):
    make("r/a.wav")
    with open("r/types.ts", "w") as file:
        file.write("export type Größe = number;\n" * 99)
    with open("r/video.ts", "wb") as file:
        file.write(b"\x47\x40\x00\x10\x00" + bytes(183))
    assert listed_paths("r") == ["r/a.wav", "r/video.ts"]
    assert listed_paths("r", extensions=("ts",)) == ["r/types.ts", "r/video.ts"]
    assert listed_paths("r/types.ts") == ["r/types.ts"]


def test_other_files_are_counted(here):
    make(
        "r/a.wav", "r/a.txt", "r/a.wav.srt", "r/b.txt", "r/c.JPG", "r/d", "r/.e.jpg", "r/sub/f.jpg"
    )
    assert list_inputs(["r"]).passed_over == {".txt": 1, ".jpg": 1, "": 1}
    assert list_inputs(["r"], recursive=True).passed_over == {".txt": 1, ".jpg": 2, "": 1}
    assert list_inputs(["r/a.wav"]).passed_over == {}
    assert list_inputs(["r/*"]).passed_over == {".txt": 2, ".srt": 1, ".jpg": 2, "": 1}


def test_addresses_are_no_files(here):
    make("a.wav")
    listing = list_inputs(["https://example.org/b.wav", "a.wav"], ["S3://bucket/c.wav"])
    assert [str(source.path) for source in listing.sources] == ["a.wav"]
    assert [sentence.split()[0] for sentence in listing.unreadable] == [
        "https://example.org/b.wav",
        "S3://bucket/c.wav",
    ]
    assert listed_paths("c:/a.wav", "http") == ["c:/a.wav", "http"]


def test_extensions():
    assert parse_extensions("wav, .MP3") == ("wav", "mp3")
    assert parse_extensions("*") == ("*",)
    with pytest.raises(UsageError):
        parse_extensions(" , ")
    assert {"wav", "mp3", "flac", "m4a", "mp4", "mkv", "webm", "opus", "ogg"} <= set(EXTENSIONS)

"""A .nemo archive from a stranger: nothing in it is run, unpacked, or made large."""

import io
import os
import pickle
import resource
import struct
import sys
import tarfile
import zipfile

import pytest

from nemocli.errors import ModelError
from nemocli.network.nemo import NemoCheckpoint
from nemocli.network.nemo_archive import CONFIG, MAX_MEMBERS, WEIGHTS
from nemocli.network.torch_file import TorchFile
from scripts.write_nemo import TOKENIZER
from tests import nemo
from tests.fuzz.tiny import text, torch_file
from tests.missing import skip_file_without
from tests.repeats import repeats

skip_file_without("torch", reason="writing a .nemo archive needs nemocli[test]")


@pytest.fixture(scope="module")
def members(demo_archive):
    """Return the members of a good archive, by name."""
    return nemo.members(demo_archive)


def written(path, entries):
    """Write an archive of (name or TarInfo, content) in this order."""
    path.write_bytes(nemo.tar(entries))
    return path


def refused(path, *words):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ModelError) as caught:
        NemoCheckpoint(path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 1000
    for word in words:
        assert word in sentence
    took = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert took * (1 if sys.platform == "darwin" else 1024) < 500e6
    return sentence


def info(name, kind, target=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


# ------------------------------------------------------------------------------------------ the tar


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, TOKENIZER])
@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "../../secret"),
        (tarfile.CHRTYPE, ""),
        (tarfile.FIFOTYPE, ""),
        (tarfile.DIRTYPE, ""),
    ],
)
def test_members_that_are_no_files(tmp_path, members, name, kind, target):
    entries = [(n, c) for n, c in members.items() if n != name]
    refused(written(tmp_path / "a.nemo", [*entries, (info(name, kind, target), b"")]), "lacks")


def test_nothing_is_unpacked(tmp_path, members, monkeypatch):
    """Members with paths outside of the archive are not found."""
    monkeypatch.chdir(tmp_path)
    names = ("../climbed", "/tmp/climbed-absolute", "a/../../climbed", "model_weights.ckpt/../up")
    entries = [*members.items(), *((name, b"x") for name in names)]
    (tmp_path / "in").mkdir()
    NemoCheckpoint(written(tmp_path / "in" / "a.nemo", entries))
    assert [path.name for path in tmp_path.rglob("*")] == ["in", "a.nemo"]
    assert not os.path.exists("/tmp/climbed-absolute")


def test_of_members_with_one_name_the_last_counts(tmp_path, members):
    first = [(CONFIG, b"- not the settings"), (WEIGHTS, b"not the weights")]
    NemoCheckpoint(written(tmp_path / "a.nemo", [*first, *members.items()]))
    refused(written(tmp_path / "b.nemo", [*members.items(), *first]))


def test_thousands_of_members(tmp_path, members):
    many = [(f"member{n}", b"") for n in range(MAX_MEMBERS + 1)]
    refused(written(tmp_path / "a.nemo", [*members.items(), *many]), "more than 1000 members")


@pytest.mark.parametrize("size", [1 << 33, 1 << 50, (1 << 62)])
@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, TOKENIZER])
def test_members_that_claim_what_is_not_there(tmp_path, members, name, size):
    path = written(tmp_path / "a.nemo", [(n, c) for n, c in members.items() if n != name])
    member = tarfile.TarInfo(name)
    member.size = size
    header = member.tobuf(tarfile.GNU_FORMAT)
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content + bytes(-len(content) % 512) + header + b"x" * 1024)
    refused(path)


@pytest.mark.parametrize("name", [CONFIG, WEIGHTS, TOKENIZER])
def test_sparse_members(tmp_path, members, name):
    """A few bytes that claim a terabyte."""
    path = written(tmp_path / "a.nemo", [(n, c) for n, c in members.items() if n != name])
    block = bytearray(info(name, tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    block[124:136] = b"%011o\0" % 512
    block[386:398], block[398:410] = b"%011o\0" % 0, b"%011o\0" % 512
    block[482] = 0
    block[483:495] = b"\x80" + (1 << 40).to_bytes(11)
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    content = path.read_bytes().rstrip(b"\0")
    path.write_bytes(content + bytes(-len(content) % 512) + block + members[name][:512].ljust(512))
    refused(path, "lacks")


def test_members_too_large_for_what_they_are(tmp_path, members):
    for name in (CONFIG, TOKENIZER):
        large = {**members, name: b"# " + b"x" * (9 << 20)}
        refused(written(tmp_path / "a.nemo", large.items()), "more than 8 MB")


# ------------------------------------------------------------------------------------- the settings

LAUGHS = b"a0: &a0 [x, x]\n" + b"".join(
    b"a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n" % (n, n, *([n - 1] * 8))
    for n in range(1, 30)
)
MERGES = b"m0: &m0 {a: 1}\n" + b"".join(
    b"m%d: &m%d {<<: [*m%d, *m%d, *m%d, *m%d, *m%d, *m%d, *m%d, *m%d], b%d: 1}\n"
    % (n, n, *([n - 1] * 8), n)
    for n in range(1, 30)
)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"", b"!!python/object/apply:os.system ['touch ran']\n"),
        (b"d_model: 144", b"d_model: !!python/name:os.system"),
        (b"d_model: 144", b"d_model: " + b"[" * 100_000),
        (b"d_model: 144", b"d_model: 1" + b":1" * 1_000_000),
        (b"d_model: 144", b"d_model: 1" + b":1" * 1_000_000 + b".5"),
        (b"d_model: 144", b"d_model: 0x" + b"f" * 1_000_000),
        (b"d_model: 144", b"d_model: 1" + b"0" * 30),
        (b"d_model: 144", b'd_model: "\\e]0;owned\\a"'),
        (b"d_model: 144", b"d_model: 2020-99-99"),
        (b"d_model: 144", b"d_model: " + b"x" * 1_000_000),
    ],
)
def test_settings_made_to_hurt(tmp_path, members, monkeypatch, old, new):
    monkeypatch.chdir(tmp_path)
    assert old in members[CONFIG]
    settings = members[CONFIG].replace(old, new, 1) if old else new
    refused(written(tmp_path / "a.nemo", {**members, CONFIG: settings}.items()))
    assert not os.path.exists("ran")


@pytest.mark.parametrize("bomb", [LAUGHS, MERGES], ids=["aliases", "merges"])
@pytest.mark.parametrize("key", [b"d_model: 144", b"normalize: NA", b"activation: relu"])
def test_settings_that_grow(tmp_path, members, bomb, key):
    named = key.partition(b":")[0] + (b": *a29" if bomb is LAUGHS else b": *m29")
    settings = bomb + members[CONFIG].replace(key, named, 1)
    refused(written(tmp_path / "a.nemo", {**members, CONFIG: settings}.items()))


# -------------------------------------------------------------------------------------- the weights


def tensor(key="0", count=4, offset=b"K\0", shape=b"K\x04", strides=b"K\x01"):
    """Return a call that rebuilds a tensor of one dimension, as torch.save writes it."""
    storage = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
    storage += b"J" + struct.pack("<i", count) + b"tQ"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + offset
    return rebuild + shape + b"\x85" + strides + b"\x85" + b"\x89ccollections\nOrderedDict\n)RtR"


def state(*items):
    return b"\x80\x02}(" + b"".join(items) + b"u."


def opened(pickled, **entries):
    data = torch_file(pickled, entries)
    return TorchFile(io.BytesIO(data), memoryview(data), "weights.ckpt")


def not_opened(pickled, **entries):
    with pytest.raises(ModelError) as caught:
        opened(pickled, **entries)
    assert "\n" not in str(caught.value) and "weights.ckpt" in str(caught.value)


FOUR = struct.pack("<4f", 1, 2, 3, 4)


def test_the_pickles_of_these_tests_are_read_if_they_are_good():
    file = opened(state(text("a"), tensor()), **{"0": FOUR})
    assert file.read("a").tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "changed",
    [
        text("offset") + b"J" + struct.pack("<i", -(1 << 30)),
        text("shape") + b"J" + struct.pack("<i", 1 << 30) + b"\x85",
        text("strides") + b"J" + struct.pack("<i", 1 << 30) + b"\x85",
    ],
)
def test_a_tensor_cannot_be_changed_once_it_was_checked(changed):
    """Otherwise it would show memory outside of the file."""
    for build in (b"}" + changed + b"sb", b"N}" + changed + b"s\x86b"):
        file = opened(state(text("a"), tensor() + build), **{"0": FOUR})
        assert file.read("a").tolist() == [1, 2, 3, 4]


def test_nothing_else_can_be_changed():
    for target in (b"ctorch._utils\n_rebuild_tensor_v2\n", b"ccollections\nOrderedDict\n"):
        change = target + b"}" + text("changed") + b"K\x01sb"
        file = opened(state(text("x"), change, text("a"), tensor()), **{"0": FOUR})
        assert file.shapes() == {"a": (4,)}
    from nemocli.network import torch_file

    assert not hasattr(torch_file._rebuild_tensor, "changed")


#: A name nested a million times, remembered in other ways: each takes seconds.
NESTED = [
    b"\x80\x02}(" + b")" + b"\x85" * 1_000_000 + b"K\x01u.",
    b"\x80\x04(" + b")" + b"\x85" * 1_000_000 + b"\x91.",
    b"\x80\x02ccollections\nOrderedDict\n(]()" + b"\x85" * 1_000_000 + b"K\x01\x86etR.",
]


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\x02Nr" + struct.pack("<I", 1 << 30) + b".",  # remembered at a place far away
        b"\x80\x02}" + b")" + b"\x85" * 1_000_000 + b"K\x01s.",  # a name nested a million times
        b"\x80\x04\x8f(" + b")" + b"\x85" * 1_000_000 + b"\x90.",  # in a set
        b"\x80\x05\x96" + struct.pack("<Q", 1 << 40) + b".",  # a terabyte of bytes
        b"\x80\x04\x8e" + struct.pack("<Q", 1 << 62) + b".",
        b"\x80\x04\x95" + struct.pack("<Q", 1 << 62) + b".",
        b"\x80\x02X" + struct.pack("<I", 0xFFFFFFFF) + b".",
        b"I" + b"9" * 1_000_000 + b"\n.",
        b"\x80\x02\x82\x01.",  # by a number for a function
        b"\x80\x02(ios\nsystem\n.",
        b"\x80\x02cos\nsystem\n" + text("touch ran") + b"\x85R.",
        b"\x80\x04" + text("os") + text("system") + b"\x93" + text("touch ran") + b"\x85R.",
        state(text("a"), tensor(count=-4)),
        state(text("a"), tensor(shape=b"\x8a\x10" + b"\xff" * 15 + b"\x7f")),
        state(text("a"), tensor(offset=b"\x8a\x02\xff\xff")),
        state(text("a"), tensor(strides=b"\x8a\x02\xff\xff")),
        state(text("a"), tensor(shape=b"K\x05")),
        *repeats(NESTED, 0),
    ],
)
def test_pickles_made_to_hurt(tmp_path, monkeypatch, pickled):
    monkeypatch.chdir(tmp_path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    not_opened(pickled, **{"0": FOUR})
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000
    assert not os.path.exists("ran")


def test_few_bytes_do_not_become_many():
    wide = b"J" + struct.pack("<i", 1 << 30)
    not_opened(state(text("a"), tensor(shape=wide, strides=b"K\0")), **{"0": FOUR})
    shared = [text(f"t{n}") + tensor() for n in range(100)]
    not_opened(state(*shared), **{"0": FOUR})
    claimed = [text(f"t{n}") + tensor(f"{n}", 1 << 20) for n in range(10)]
    not_opened(state(*claimed), **{f"{n}": FOUR for n in range(10)})


def test_parts_that_are_packed_are_not_unpacked():
    data = torch_file(bytes(200 << 20), {}, compression=zipfile.ZIP_DEFLATED)
    assert len(data) < 1 << 20
    with pytest.raises(ModelError, match="compressed"):
        TorchFile(io.BytesIO(data), memoryview(data), "weights.ckpt")


def test_a_folder_of_pickles_is_no_model(tmp_path):
    """Weights in the format before safetensors, which runs code when it is read, are ignored."""
    from nemocli.models.find import find_model

    class Runs:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "ran"),)

    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Runs()))
    with pytest.raises(ModelError, match="There is no model"):
        find_model(tmp_path)
    with pytest.raises(ModelError):
        NemoCheckpoint(tmp_path / "pytorch_model.bin")
    assert not (tmp_path / "ran").exists()

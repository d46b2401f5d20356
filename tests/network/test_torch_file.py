"""Reading the tensors of a file that torch.save wrote, and what such a file must not cause."""

import builtins
import collections
import io
import os
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from nemocli.errors import ModelError
from nemocli.network.torch_file import TorchFile
from tests.fuzz import tiny
from tests.missing import skip_file_without

skip_file_without("torch", reason="writing such a file needs nemocli[test]")


@pytest.fixture
def torch():
    import torch

    return torch


def saved(state):
    import torch

    file = io.BytesIO()
    torch.save(state, file)
    return file.getvalue()


def opened(data):
    return TorchFile(io.BytesIO(data), memoryview(data), "weights.ckpt")


def refused(data, *words):
    with pytest.raises(ModelError) as caught:
        file = opened(data)
        for name in file.shapes():
            file.read(name)
    message = str(caught.value)
    assert "weights.ckpt" in message and message.endswith(".") and "\n" not in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16", "float64", "int64", "bool"])
def test_every_kind_of_number(torch, dtype):
    tensor = (torch.arange(24).reshape(2, 3, 4) / 8).to(getattr(torch, dtype))
    read = opened(saved({"a": tensor})).read("a")
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, tensor.float().numpy())


def test_views_parameters_and_shared_storages(torch):
    whole = torch.randn(6, 8)
    state = {
        "whole": whole,
        "turned": whole.T,
        "part": whole[2:4, 1::2],
        "row": whole[5],
        "spread": whole[0].expand(3, 8),
        "number": whole[1, 1],
        "none": whole[:0],
        "parameter": torch.nn.Parameter(whole),
    }
    file = opened(saved(state))
    assert file.shapes() == {name: tuple(value.shape) for name, value in state.items()}
    for name, value in state.items():
        np.testing.assert_array_equal(file.read(name), value.detach().numpy())


def test_a_module_s_state_with_what_torch_adds_to_it(torch):
    module = torch.nn.BatchNorm1d(3)  # has a counter, and _metadata
    assert set(opened(saved(module.state_dict())).shapes()) == set(module.state_dict())


class Call:
    """An object whose pickle is a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("function", "named"),
    [
        (os.system, "posix.system"),
        (builtins.eval, "__builtin__.eval"),
        (builtins.getattr, "__builtin__.getattr"),
        ("torch.load", "torch.serialization.load"),
        (collections.Counter, "collections.Counter"),
    ],
)
def test_a_pickle_that_asks_for_more_than_tensors(torch, tmp_path, monkeypatch, function, named):
    function = torch.load if function == "torch.load" else function  # imported only now
    monkeypatch.chdir(tmp_path)
    for value in (Call(function, "touch ran"), {"a": torch.zeros(1), "b": [Call(function, "x")]}):
        data = saved(value)
        refused(data, named, "runs no code")
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"",
        b"garbage",
        pickle.dumps(None),
        pickle.dumps([1]),
        b"ctorch\nFloatStorage\n(tR.",  # calls a storage
        b"ccollections\nOrderedDict\n(I1\ntR.",
        b"cnemocli.network.torch_file\n_Storage\n.",
        b"ctorch._utils\n_rebuild_tensor_v2\n(NI0\n(t(ttR.",
        b"(S'storage'\nQ.",
        b"\x80\x02\x8a\xff",
        b"\x80\x02}(N" + b"\x85" * 100_000 + b"K\x01u.",  # a key too deep to be hashed
        b"\x80\x02ctorch\nFloatStorage\n(U\x01<NNNJ\xff\xff\xff\xffK\x00tb.",  # changes the type
        b"\x80\x02\x8b\xff\xff\xff\x7f",  # a number of two gigabytes
        b"\x80\x02h\x05.",
        b"\x80\x02(.",
    ],
)
def test_damaged_pickles(pickled):
    refused(tiny.torch_file(pickled, {}))


TENSOR = (
    b"ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\n"
    b"X\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x04tQK\x00K\x04\x85K\x01\x85tR"
)


def test_a_tensor_cannot_be_changed_once_it_was_checked():
    moved = b"}X\x06\x00\x00\x00offsetJ\x00\x00\x00\x80sb"
    pickled = b"\x80\x02}X\x01\x00\x00\x00a" + TENSOR + moved + b"s."
    data = tiny.torch_file(pickled, {"0": np.arange(4, dtype=np.float32).tobytes()})
    assert opened(data).read("a").tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("key", [b"K\x04", b"N", b")"])
def test_tensors_have_names(key):
    refused(tiny.torch_file(b"\x80\x02}" + key + TENSOR + b"s.", {}), "damaged")


def test_a_zip_archive_of_a_version_to_come():
    data = bytearray(tiny.torch_file(b".", {}))
    data[data.index(b"PK\x01\x02") + 6] = 121  # what is needed to extract it
    refused(bytes(data), "1.6")


def test_tensors_that_reach_outside_their_bytes(torch):
    data = saved({"a": torch.zeros(4, 4)})
    assert data.count(b"K\x04K\x04\x86") == 1  # the shape (4, 4)
    refused(data.replace(b"K\x04K\x04\x86", b"K\x04K\x7f\x86"), "damaged")


def test_other_forms(torch):
    refused(tiny.torch_file(pickle.dumps({}), {}, order=b"big"), "big-endian")
    refused(tiny.torch_file(pickle.dumps({}), {}, compression=zipfile.ZIP_DEFLATED), "compressed")
    old = io.BytesIO()
    torch.save({"a": torch.zeros(1)}, old, _use_new_zipfile_serialization=False)
    refused(old.getvalue(), "1.6")


@pytest.mark.parametrize("keep", [0, 10, 1000, -1])
def test_truncated(torch, keep):
    refused(saved({"a": torch.randn(500)})[:keep], "truncated")

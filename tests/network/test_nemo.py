"""A .nemo archive gives the same model as the hub's folder, and no code in it is ever run."""

import dataclasses
import gzip
import tarfile

import numpy as np
import pytest
from tokenizers import Tokenizer

import nemocli
from nemocli.errors import ModelError
from nemocli.models.convert import convert
from nemocli.models.folder import MODEL_MANIFEST
from nemocli.network.checkpoint import Checkpoint
from nemocli.network.nemo import NemoCheckpoint, translate_name
from nemocli.network.nemo_archive import CONFIG, WEIGHTS
from nemocli.network.sentencepiece import PieceKind, SentencePieces, read_sentencepiece
from nemocli.network.tokenizer import from_sentencepiece
from scripts.write_nemo import TOKENIZER, read_pieces, write_nemo
from tests.missing import skip_file_without
from tests.nemo import members, nemo_name, sentencepiece_model, tar
from tests.sounds import speech_like

skip_file_without("torch", reason="writing a .nemo archive needs nemocli[test]")


@pytest.fixture
def nemo(demo_archive):
    return demo_archive


def rewritten(nemo, path, change):
    """Copy the archive, with its members by name passed through `change`."""
    contents = members(nemo)
    change(contents)
    path.write_bytes(tar(contents.items()))
    return path


def refused(path, *words):
    with pytest.raises(ModelError) as caught:
        NemoCheckpoint(path)
    for word in words:
        assert word in str(caught.value)
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


def test_sizes_and_tensors_are_the_folder_s(nemo, demo):
    archive, folder = NemoCheckpoint(nemo), Checkpoint(demo)
    theirs, ours = archive.config.to_json(), folder.config.to_json()
    assert {**theirs, "languages": None} == {**ours, "languages": None}
    assert archive.config.prompts["no"] == 27  # YAML would make it False
    for name in folder.weights.shapes():
        np.testing.assert_array_equal(archive.weights.read(name), folder.weights.read(name))
    assert archive.tokenizer == folder.tokenizer


def test_the_model_for_english_alone(english_demo, tmp_path):
    path = tmp_path / "english.nemo"
    write_nemo(english_demo, path)
    archive, folder = NemoCheckpoint(path), Checkpoint(english_demo)
    assert archive.config == folder.config and not archive.config.has_prompts
    for name in folder.weights.shapes():
        np.testing.assert_array_equal(archive.weights.read(name), folder.weights.read(name))


SLOW_KINDS = [pytest.param(to, marks=pytest.mark.slow) for to in ("coreml", "mlx", "coreai")]


@pytest.mark.parametrize("to", ["onnx", *SLOW_KINDS])
def test_packages_are_the_same_to_the_byte(nemo, demo, tmp_path, to):
    folders = [tmp_path / "nemo", tmp_path / "hub"]
    for source, folder in zip((nemo, demo), folders, strict=True):
        convert(source, folder, to, lookaheads=[3])
    files = [
        {p.relative_to(f): p.read_bytes() for p in f.rglob("*") if p.is_file()} for f in folders
    ]
    for each in files:
        del each[next(p for p in each if p.name == MODEL_MANIFEST)]  # it names the source
    assert files[0] == files[1]


@pytest.mark.parametrize("runtime", ["auto", "numpy"])
def test_an_archive_transcribes_like_the_folder(nemo, runtime):
    outputs = []
    for model in (nemo, "demo"):
        session = nemocli.load(model, runtime=runtime).session(keep_encoder=True)
        session.feed(speech_like(2.0, seed=4))
        session.finish()
        outputs.append(np.concatenate(session.enc_proj))
    np.testing.assert_array_equal(*outputs)


def test_text_is_that_of_the_hub_s_tokenizer(nemo, demo):
    theirs = Tokenizer.from_file(str(demo / "tokenizer.json"))
    ours = Tokenizer.from_str(NemoCheckpoint(nemo).tokenizer)
    ids = np.random.default_rng(0).integers(0, theirs.get_vocab_size(), (500, 6))
    for some in ids.tolist():
        for skip in (True, False):
            assert ours.decode(some, skip_special_tokens=skip) == (
                theirs.decode(some, skip_special_tokens=skip)
            )


def test_the_written_tokenizer_is_one_for_sentencepiece_too(demo):
    sentencepiece = pytest.importorskip("sentencepiece")
    pieces = read_pieces(demo)
    data = sentencepiece_model(pieces)
    theirs = sentencepiece.SentencePieceProcessor(model_proto=data)
    ours = read_sentencepiece(data, "here").pieces
    assert [theirs.id_to_piece(n) for n in range(len(theirs))] == [piece for piece, _ in ours]
    assert ours == tuple(pieces)


def test_bytes_become_characters(demo):
    config = dataclasses.replace(Checkpoint(demo).config, vocab_size=5, blank_id=4)
    pieces = (
        ("<unk>", PieceKind.UNKNOWN),
        *((f"<0x{byte:02X}>", PieceKind.BYTE) for byte in "今".encode()),
    )
    text = from_sentencepiece(SentencePieces(pieces), config)
    assert Tokenizer.from_str(text).decode([1, 2, 3]) == "今"


@pytest.mark.parametrize("member", [CONFIG, WEIGHTS, TOKENIZER])
def test_missing_members(nemo, tmp_path, member):
    path = rewritten(nemo, tmp_path / "bad.nemo", lambda members: members.pop(member))
    refused(path, "tokenizer.model" if member == TOKENIZER else member)


@pytest.mark.parametrize("member", [CONFIG, WEIGHTS, TOKENIZER])
@pytest.mark.parametrize("content", [b"", b"\x00\xff nothing of the kind"])
def test_members_of_another_kind(nemo, tmp_path, member, content):
    refused(rewritten(nemo, tmp_path / "bad.nemo", lambda m: m.update({member: content})))


#: A list that would have 9 ** 20 texts.
BOMB = b"n_layers: &a0 [x]\n" + b"".join(
    b"  a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 9)) for n in range(1, 21)
)
BOMB = BOMB.replace(b"n_layers: &a0", b"a0: &a0") + b"  n_layers: *a20"


@pytest.mark.parametrize(
    ("old", "new", "word"),
    [
        (b"conv_norm_type: layer_norm", b"conv_norm_type: batch_norm", "batch_norm"),
        (b"use_bias: false", b"use_bias: true", "use_bias"),
        (b"n_layers: 4", b"n_layers: 5", "encoder.layers.4"),
        (b"d_model: 144", b"d_modal: 144", "d_model"),
        (b"n_heads: 4", b"n_heads: four", "four"),
        (b"xscaling: false", b"", "xscaling"),  # NeMo's default is true
        (b"att_context_style: chunked_limited", b"att_context_style: regular", "regular"),
        (b"activation: relu", b"activation: tanh", "tanh"),
        (b"normalize: NA", b"normalize: per_feature", "per_feature"),
        (b"window_size: 0.025", b"window_size: wide", "wide"),
        (b"    auto: 101\n", b"", "'auto'"),
        (b"- - 56\n    - 0\n", b"- - 70\n    - 0\n", "att_context_size"),
        (b"- - 56\n", b"- - -1\n", "att_context_size"),
        (b"labels:\n", b"labels:\n- too many\n", "labels"),
        (b"preprocessor:", b"postprocessor:", "preprocessor"),
        (b"n_layers: 4", b"n_layers: 2001-99-99", "YAML"),
        (b"n_layers: 4", b"n_layers: !!int x", "YAML"),
        (b"n_layers: 4", b"n_layers: " + b"[" * 3000, "YAML"),
        (b"n_layers: 4", b"n_layers: 0x" + b"f" * 5000, "YAML"),
        (b"n_layers: 4", BOMB, "n_layers"),
        (b"window_size: 0.025", b"window_size: .inf", "window_size"),
        (b"window_size: 0.025", b"window_size: .nan", "window_size"),
        (b"    max_symbols: 10\n", b"    max_symbols: 1000\n", "max_symbols"),
    ],
)
def test_configurations_that_do_not_fit(nemo, tmp_path, old, new, word):
    def change(members):
        assert old in members[CONFIG]
        members[CONFIG] = members[CONFIG].replace(old, new)

    refused(rewritten(nemo, tmp_path / "bad.nemo", change), word)


@pytest.mark.parametrize("keep", [0, 100, 5000, 1_000_000])
def test_cut_off(nemo, tmp_path, keep):
    path = tmp_path / "cut.nemo"
    path.write_bytes(nemo.read_bytes()[:keep])
    refused(path)


@pytest.mark.parametrize("size", [b"-0000000001", b"-1001", b"\xff" * 12])
def test_a_member_that_is_smaller_than_nothing(nemo, tmp_path, size):
    data = bytearray(nemo.read_bytes())
    with tarfile.open(nemo) as archive:
        at = archive.getmembers()[-1].offset
    data[at + 124 : at + 136] = size.ljust(12, b"\0")
    data[at + 148 : at + 156] = b" " * 8
    data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    path = tmp_path / "bad.nemo"
    path.write_bytes(data)
    refused(path, "truncated or damaged")


def test_settings_too_long_to_be_read(nemo, tmp_path):
    def change(members):
        members[CONFIG] += b"#" * (9 << 20)

    refused(rewritten(nemo, tmp_path / "bad.nemo", change), "more than 8 MB")


def test_greedy_settings_that_are_null(nemo, tmp_path):
    def change(members):
        members[CONFIG] = members[CONFIG].replace(b"greedy:\n    max_symbols: 10", b"greedy: [x]")

    path = rewritten(nemo, tmp_path / "odd.nemo", change)
    assert NemoCheckpoint(path).config.max_symbols == 10


def test_a_compressed_archive(nemo, tmp_path):
    path = tmp_path / "old.nemo"
    path.write_bytes(gzip.compress(nemo.read_bytes(), 1))
    refused(path, "gunzip")


def test_no_such_file(tmp_path):
    refused(tmp_path / "none.nemo", "There is no file")


def test_every_tensor_has_its_name_in_nemo(demo):
    for name in Checkpoint(demo).weights.shapes():
        assert translate_name(nemo_name(name)) == name
    assert nemo_name("encoder.layers.3.self_attn.relative_k_proj.weight") == (
        "encoder.layers.3.self_attn.linear_pos.weight"
    )
    assert nemo_name("encoder.layers.0.conv.norm.bias") == "encoder.layers.0.conv.batch_norm.bias"

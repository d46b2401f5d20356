"""Bundles in the layout of coreaikit, run by Apple's own runtime as they are."""

import functools
import json
import shutil

import numpy as np
import pytest

import nemocli
from nemocli.engine.decoding import GreedyDecoder
from nemocli.engine.greedy import decode
from nemocli.models.bundle import open_bundle
from nemocli.models.find import FoundModel
from nemocli.network.checkpoint import open_checkpoint
from nemocli.runtimes.coreai.bundle import GRAPHS
from nemocli.runtimes.numpy.runtime import NumpyRuntime
from tests.missing import skip_file_without
from tests.runtimes.coreai.bundles import make_bundle
from tests.sounds import speech_like
from tests.typed import nemocli as typed

skip_file_without("coreai", reason="coreai-core has no wheel for this system")

#: Frames of a chunk at lookahead 3, and the mel rows of the first one and of each later one.
CHUNK, FIRST_ROWS, ROWS = 4, 25, 32

#: The inputs and outputs of published bundles; sizes of the released model.
PUBLISHED = {
    "pre_first": "mel [1,25,128] -> embeds [1,4,D] cache0 [1,1,1,131] cache1 [1,S,1,68]"
    " cache2 [1,S,1,36]",
    "pre": "mel [1,32,128] cache0 [1,1,1,131] cache1 [1,S,1,68] cache2 [1,S,1,36] -> embeds [1,4,D]"
    " cache0_out [1,1,1,131] cache1_out [1,S,1,68] cache2_out [1,S,1,36]",
    "conformer_a": "embeds [1,4,D] neg_mask [1,1,4,60] k_cache [L,H,56,K] v_cache [L,H,56,K]"
    " conv_cache [L,D,8] -> embeds_out [1,4,D] k_out [L,H,56,K] v_out [L,H,56,K] conv_out [L,D,8]",
    "conformer_b": "embeds [1,4,D] one_hot [1,128] neg_mask [1,1,4,60] k_cache [L,H,56,K]"
    " v_cache [L,H,56,K] conv_cache [L,D,8] -> enc_proj [1,4,R] k_out [L,H,56,K] v_out [L,H,56,K]"
    " conv_out [L,D,8]",
    "predict": "token [1,1] h [2,1,R] c [2,1,R] -> dec_out [1,R] h_out [2,1,R] c_out [2,1,R]",
    "joint": "dec_out [1,R] enc_frame [1,R] -> token_logits [1,V]",
}


#: Of scripts/random_checkpoint.py: those that the layout can express.
SHAPES = ("small", "thin", "wide", "deep", "many-heads", "kernel-5", "window-29", "window-85")


@pytest.fixture(scope="module")
def bundle(demo, tmp_path_factory):
    return make_bundle(demo, tmp_path_factory.mktemp("bundle") / "demo")


@pytest.fixture(scope="module")
def half(demo, tmp_path_factory):
    """The same with float16 graphs."""
    return make_bundle(demo, tmp_path_factory.mktemp("half") / "demo", "fp16")


@pytest.fixture
def copy(bundle, tmp_path):
    """A copy of the bundle that a test may damage."""
    return shutil.copytree(bundle, tmp_path / "copy")


@functools.lru_cache(4)
def load(model, **options):
    return nemocli.load(model, lookahead=3, **options)


def transcribe(model, sound, lang="auto", **options):
    """Return tokens with their frames, and the encoder's frames."""
    session = load(model, **options).session(lang, keep_encoder=True)
    session.feed(sound)
    tokens = [(token.id, token.frame) for token in session.finish().tokens]
    return tokens, np.concatenate(session.enc_proj)


def until(tokens, frames):
    return [each for each in tokens if each[1] < frames]


def check_against_numpy(model, checkpoint, sound, tolerance, lang="auto"):
    """All frames but those of the last, partial chunk are numpy's, within the tolerance.

    Returns the largest difference of the others, in standard deviations of the output.
    """
    tokens, encoded = transcribe(model, sound, lang)
    expected, reference = transcribe(checkpoint, sound, lang, runtime="numpy")
    assert encoded.shape == reference.shape
    whole = (len(sound) // 160 - FIRST_ROWS + ROWS) // ROWS * CHUNK
    assert 0 <= len(reference) - whole <= CHUNK
    assert np.abs(encoded - reference)[:whole].max() < tolerance * reference.std()
    assert until(tokens, whole) == until(expected, whole)
    rest = np.abs(encoded - reference)[whole:]
    return rest.max() / reference.std() if len(rest) else 0.0


@pytest.mark.parametrize(
    "rows", [0, 9, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 7, 31))]
)
def test_only_the_last_partial_chunk_differs_from_numpy(bundle, demo, clips, rows):
    sound = clips[1].samples[: 160 * (FIRST_ROWS + 2 * ROWS + rows)]
    difference = check_against_numpy(bundle, demo, sound, 1e-4, clips[1].lang)
    assert (difference == 0) == (rows == 0)


def test_a_sentence_is_transcribed_as_it_is_typed(bundle, clips):
    shown = typed("file", clips[0].path, "--model", bundle, "--lang", clips[0].lang)
    assert shown.exit_code == 0, shown.stderr
    assert shown.stdout.strip() == clips[0].text


def test_sizes_come_from_the_graphs(bundle, demo):
    found, config = FoundModel("it", bundle), open_checkpoint(demo).config
    assert found.is_converted
    assert found.lookaheads == (3,)
    for size in (
        *("features", "hidden_size", "num_layers", "num_heads", "conv_kernel", "left_context"),
        *("subsampling_channels", "num_prompts", "vocab_size", "blank_id", "decoder_size"),
        *("decoder_layers", "max_symbols", "default_prompt", "first_half"),
    ):
        assert getattr(found.config, size) == getattr(config, size), size
    assert found.config.prompts.items() <= config.prompts.items()
    assert FoundModel("its half for Macs", bundle / "macos").config == found.config


@pytest.mark.parametrize("precision", ["fp16", "fp32"])
def test_names_and_types_are_those_of_published_bundles(demo, bundle, half, precision):
    from coreai.authoring import AIModelAsset

    config, out = open_checkpoint(demo).config, half if precision == "fp16" else bundle
    sizes = {"D": 144, "S": 24, "L": 2, "H": 4, "K": 36, "R": 144, "V": config.vocab_size}
    stream = "float16" if precision == "fp16" else "float32"
    for graph in GRAPHS:
        package = open_bundle(out).get_package_path(graph)
        summary = AIModelAsset.load(package).summary(include_statistics=False)
        assert summary.function_names == ["main"]
        kind = "float32" if graph in ("predict", "joint") else stream
        assert package.name.endswith(f"_{kind}.aimodel")
        sides = (summary.function_inputs("main"), summary.function_outputs("main"))
        for described, wanted in zip(sides, PUBLISHED[graph].split(" -> "), strict=True):
            expected = []
            for name, shape in zip(*[iter(wanted.split())] * 2, strict=True):
                numbers = [str(sizes.get(n, n)) for n in shape.strip("[]").split(",")]
                dtype = "Int32" if name == "token" else kind.title()
                expected.append((name, f"NDArray ({dtype}, {' × '.join(numbers)})"))
            assert described == expected


def test_float16_graphs_give_the_tokens_of_numpy(demo, half, clips):
    assert load(half).precision == "fp16"
    sound = clips[0].samples[8000 : 8000 + 160 * (FIRST_ROWS + ROWS)]
    check_against_numpy(half, demo, sound, 0.05, clips[0].lang)


def refusal(*arguments):
    """Return the sentence with which a command line is refused, with exit code 3."""
    shown = typed(*arguments)
    assert shown.exit_code == 3, shown.stderr
    assert shown.stderr.count("\n") == 1
    return shown.stderr


def test_what_is_missing_is_named(copy, clips):
    package = open_bundle(copy).get_package_path("pre")
    for path in (open_bundle(copy).tokenizer, package / "main.mlirb", package / "metadata.json"):
        path.rename(copy / "away")
        assert f"{path} is missing" in refusal("file", clips[0].path, "--model", copy)
        (copy / "away").rename(path)
    shutil.rmtree(package)
    assert str(package) in refusal("file", clips[0].path, "--model", copy)


def test_only_the_half_for_phones(copy, clips):
    shutil.rmtree(copy / "macos")
    for path in (copy, copy / "ios"):
        assert "iPhones" in refusal("file", clips[0].path, "--model", path)


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


def test_what_is_damaged_is_named(copy, clips):
    package = open_bundle(copy).get_package_path("conformer_a")
    for name in ("main.mlirb", "main.hash"):
        intact = (package / name).read_bytes()
        for change in (flip, lambda path: path.write_bytes(b"")):
            change(package / name)
            assert str(package) in refusal("file", clips[0].path, "--model", copy)
            assert str(package) in typed("models", "verify", copy).stdout
            (package / name).write_bytes(intact)
    assert "intact" in typed("models", "verify", copy).stdout
    tokenizer = open_bundle(copy).tokenizer
    whole = json.loads(tokenizer.read_text(encoding="utf-8"))
    whole["model"]["vocab"] = dict(list(whole["model"]["vocab"].items())[:50])
    for text, words in (("{", "list of pieces"), (json.dumps(whole), "another model's tokenizer")):
        tokenizer.write_text(text, encoding="utf-8")
        refused = refusal("file", clips[0].path, "--model", copy)
        assert words in refused and "; get the bundle again." in refused
        verified = typed("models", "verify", copy)
        assert verified.exit_code == 3 and words in verified.stdout


def test_a_graph_of_another_model(copy, clips):
    """Its hash is right, and it can be loaded, but it does not fit."""
    package, other = (open_bundle(copy).get_package_path(f"conformer_{half}") for half in "ba")
    shutil.rmtree(package)
    shutil.copytree(other, package)
    assert "fit" in refusal("file", clips[0].path, "--model", copy)
    assert "fit" in typed("models", "verify", copy).stdout


def test_another_lookahead_or_runtime(bundle, clips):
    for option, value in (("--lookahead", 0), ("--runtime", "onnx")):
        shown = typed("file", clips[0].path, "--model", bundle, option, value)
        assert shown.exit_code == 2
        assert str(value) in shown.stderr


def test_without_core_ai_it_says_what_to_install(bundle, clips, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "coreai.authoring", None)
    shown = typed("file", clips[0].path, "--model", bundle)
    assert shown.exit_code == 4
    assert "pip install 'nemocli[coreai]'" in shown.stderr


def test_it_is_listed_verified_and_removed(bundle, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(tmp_path))
    shutil.copytree(bundle, tmp_path / "mine")
    (listed,) = (
        m for m in json.loads(typed("models", "list", "--json").stdout) if m["name"] == "mine"
    )
    assert listed["form"] == "coreai fp32 (coreaikit)"
    assert typed("models", "path", "mine").stdout == f"{tmp_path / 'mine'}\n"
    assert "mine: intact" in typed("models", "verify", "mine").stdout
    (open_bundle(tmp_path / "mine").get_package_path("pre") / "main.mlirb").unlink()
    assert "damaged" in typed("models", "list").stdout
    assert typed("models", "remove", "mine", "--yes").exit_code == 0
    assert not (tmp_path / "mine").exists()


def test_a_bundle_is_no_checkpoint(bundle):
    shown = typed("convert", bundle, "--to", "onnx")
    assert shown.exit_code == 2
    assert "converted already" in shown.stderr


@pytest.fixture(scope="module", params=SHAPES)
def other_sizes(request, random_checkpoint):
    """A random checkpoint of other sizes."""
    return random_checkpoint(request.param)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [0, 11])
def test_random_checkpoints(other_sizes, tmp_path, rows):
    """Tokens are numpy's until the last, partial chunk, whatever the sizes."""
    out = make_bundle(other_sizes, tmp_path / "out")
    sound = speech_like((FIRST_ROWS + 5 * ROWS + rows) / 100, seed=1)
    check_against_numpy(out, other_sizes, sound, 1e-4)


@pytest.mark.slow
def test_random_checkpoints_in_float16(other_sizes, tmp_path):
    """Frames are numpy's up to rounding, and tokens are those that numpy decodes from them.

    Random weights magnify rounding: where only the weights are rounded to float16, frames change by
    0.4 to 1 % of their standard deviation (root mean square); Core AI computes in float16 too, and
    changes them by 0.7 to 2.1 %. Some decisions are closer than that, so that numpy's own frames
    may give another token; a trained model's are not.
    """
    out = make_bundle(other_sizes, tmp_path / "out", "fp16")
    sound = speech_like((FIRST_ROWS + 4 * ROWS) / 100, seed=1)
    tokens, encoded = transcribe(out, sound)
    _, reference = transcribe(other_sizes, sound, runtime="numpy")
    difference = np.sqrt(np.square(encoded - reference).mean()) / reference.std()
    assert 0 < difference < 0.03
    numpy = NumpyRuntime(open_checkpoint(other_sizes).parameters, 3)
    (emissions,) = decode(numpy, [GreedyDecoder(numpy.config)], [encoded])
    assert tokens == [(emission.token, emission.frame) for emission in emissions]
    assert tokens

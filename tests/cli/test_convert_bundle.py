"""`nemocli convert --layout coreaikit`: bundles for apps, compiled ahead of time for iPhones."""

import re
import shutil
import stat

import pytest

from nemocli.bench import conversion
from nemocli.models import convert_bundle
from nemocli.models.bundle import open_bundle
from nemocli.models.find import FoundModel
from nemocli.network.checkpoint import open_checkpoint
from tests.missing import skip_file_without
from tests.repeats import repeats
from tests.typed import nemocli

skip_file_without("coreai", reason="coreai-core has no wheel for this system")

OPTIONS = ("--to", "coreai", "--layout", "coreaikit")

SMALL = ("stream_pre_first_float16", "stream_pre_float16", "predict_float32", "joint_float32")
HALVES = ("stream_conformer_a_float16", "stream_conformer_b_float16")


def convert(*arguments):
    return nemocli("convert", *arguments[:1], *OPTIONS, *arguments[1:])


@pytest.fixture(scope="module")
def bundle(demo, tmp_path_factory):
    out = tmp_path_factory.mktemp("bundle") / "demo"
    shown = convert(demo, "-o", out, "--no-verify")
    assert (shown.exit_code, shown.stdout) == (0, f"{out}\n")
    assert "--ahead-of-time h18p" in shown.stderr
    return out


@pytest.fixture
def copy(bundle, tmp_path):
    """A copy of the bundle, to which a test may do anything."""
    return shutil.copytree(bundle, tmp_path / "copy")


def names(folder):
    return {path.name for path in folder.iterdir()}


def test_the_layout_is_the_published_one(bundle, demo):
    """Without Xcode, the half for iPhones has all but the conformer."""
    tokenizers = {"tokenizer.json", "tokenizer_config.json"}
    small = {f"nemotron_asr_{name}.aimodel" for name in SMALL}
    halves = {f"nemotron_asr_{name}.aimodel" for name in HALVES}
    assert names(bundle) == {"macos", "ios"}
    assert names(bundle / "macos") == small | halves | tokenizers
    assert names(bundle / "ios") == small | tokenizers
    for name in small:
        for part in ("main.mlirb", "main.hash", "metadata.json"):
            both = [(bundle / half / name / part).read_bytes() for half in ("macos", "ios")]
            assert both[0] == both[1]
    assert FoundModel("it", bundle).revision == open_checkpoint(demo).sha256


def test_it_is_verified_on_whole_chunks(demo, tmp_path, monkeypatch):
    monkeypatch.setattr(conversion, "CHECK_SOUND_S", 2.5)  # enough, and quicker
    shown = convert(demo, "-o", tmp_path / "out", "--precision", "fp32")
    assert shown.exit_code == 0, shown.stderr
    assert re.search(r"verified: ([1-9]\d*) of \1 tokens agree", shown.stderr)
    (difference,) = re.findall(r"the encoder differs by (\S+) of", shown.stderr)
    assert float(difference) < 1e-4


def test_again_does_nothing(copy, demo):
    again = convert(demo, "-o", copy)
    assert (again.exit_code, again.stdout) == (0, f"{copy}\n")
    assert "not written again" in again.stderr


@pytest.mark.parametrize(
    "name",
    repeats(
        [
            f"ios/nemotron_asr_{SMALL[0]}.aimodel/main.mlirb",
            "macos/tokenizer.json",
            "ios/tokenizer_config.json",
            f"ios/nemotron_asr_{SMALL[1]}.aimodel/main.hash",
            f"ios/nemotron_asr_{SMALL[2]}.aimodel/metadata.json",
            f"macos/nemotron_asr_{HALVES[1]}.aimodel/metadata.json",
        ],
        2,
    ),
)
@pytest.mark.parametrize("is_missing", [False, True])
def test_what_is_damaged_is_mended(copy, demo, name, is_missing):
    intact = (copy / name).read_bytes()
    (copy / name).write_bytes(b"damaged")
    if is_missing:
        (copy / name).unlink()
    again = convert(demo, "-o", copy, "--no-verify")
    assert again.exit_code == 0
    assert "is damaged and is converted again" in again.stderr
    assert (copy / name).read_bytes() == intact


def test_one_by_another_version_is_made_again(copy, demo, monkeypatch):
    monkeypatch.setattr(convert_bundle, "__version__", "9.9")
    again = convert(demo, "-o", copy, "--no-verify")
    assert again.exit_code == 0
    assert f"{copy} was written by another version of nemocli and is conv" in again.stderr
    assert "not written again" in convert(demo, "-o", copy).stderr


def test_what_is_there_is_replaced_only_if_it_may_be(copy, demo, tmp_path):
    other = convert(demo, "-o", copy, "--precision", "fp32")
    assert other.exit_code == 2 and "--force" in other.stderr
    (copy / "notes.txt").write_text("mine", encoding="utf-8")
    for place in (copy, tmp_path):
        refused = convert(demo, "-o", place, "--force")
        assert refused.exit_code == 2 and "choose another place" in refused.stderr
    assert (copy / "notes.txt").exists()


def test_a_model_that_the_layout_cannot_express_is_refused(checkpoint, tmp_path):
    path = checkpoint / "processor_config.json"
    text = path.read_text(encoding="utf-8")
    assert '"de-DE": 9' in text
    path.write_text(text.replace('"de-DE": 9', '"de-DE": 8'), encoding="utf-8")
    refused = convert(checkpoint, "-o", tmp_path / "out")
    assert refused.exit_code == 2 and "de-DE" in refused.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "options, said",
    [
        (("--to", "onnx", "--layout", "coreaikit"), "--to coreai"),
        (("--layout", "coreaikit", "--lookahead", "0,3"), "lookahead 3"),
        (("--layout", "coreaikit", "--precision", "int8"), "int8"),
        (("--layout", "kit"), "coreaikit"),
        (("--to", "coreai", "--ahead-of-time", "h18p"), "--layout coreaikit"),
        (("--layout", "coreaikit", "--ahead-of-time", "iPhone 17"), "iPhone 17"),
        (("--layout", "coreaikit", "--precision", "fp32", "--ahead-of-time", "h18p"), "float16"),
    ],
)
def test_options_that_do_not_fit_are_refused(options, said, tmp_path):
    refused = nemocli("convert", "demo", "-o", tmp_path / "out", *options)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert refused.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


#: Behaves as Xcode's xcrun is documented to, and fails as it does. FAULT says how; CALLS keeps the
#: arguments.
XCRUN = """#!/bin/sh
if [ "$1" = --find ]; then [ "$2" = coreai-build ] && [ "$FAULT" != absent ]; exit; fi
echo "$@" >> "$CALLS"
[ "$1 $2" = "coreai-build compile" ] || exit 64
package=$3; shift 3
while [ $# -gt 0 ]; do
    case $1 in --output) out=$2;; --architecture) arch=$2;; esac
    shift 2
done
case $package in *conformer_b*) last=1;; *) last=;; esac
made=$out/$(basename "$package" .aimodel).$arch.aimodelc
if [ "$last" ]; then case $FAULT in
    code) echo "warming up"; echo "error: out of registers" >&2; exit 70;;
    nothing) exit 0;;
    empty) mkdir "$made"; exit 0;;
    other) mkdir "$made"; mv "$made" "$out/other.aimodelc"; exit 0;;
esac; fi
mkdir -p "$made/main"
echo code > "$made/main/main_GPU_region_0.bin"
if [ "$last" ] && [ "$FAULT" = gpu ]; then echo "ANECCompile() FAILED"; exit 0; fi
echo code > "$made/main/main_ANE_region_0.bin"
"""


@pytest.fixture
def xcrun(tmp_path, monkeypatch):
    """A stand-in for Xcode; returns the file with the calls."""
    program = tmp_path / "bin" / "xcrun"
    program.parent.mkdir()
    program.write_text(XCRUN, encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    return tmp_path / "calls"


def compiled(folder):
    return {path.name for path in folder.iterdir() if path.suffix != ".aimodel"} - {
        "tokenizer.json",
        "tokenizer_config.json",
    }


def expected(*architectures):
    return {f"nemotron_asr_{half}.{arch}.aimodelc" for half in HALVES for arch in architectures}


def test_the_halves_are_compiled_for_each_architecture(copy, demo, xcrun):
    """Those for iPhones go into `ios`, as published, and those for Macs beside the Mac's graphs."""
    shown = convert(demo, "-o", copy, "--ahead-of-time", "h18p, h16c,h18p")
    assert shown.exit_code == 0, shown.stderr
    assert "only loading it on the device proves" in shown.stderr
    assert compiled(copy / "ios") == expected("h18p")
    assert compiled(copy / "macos") == expected("h16c")
    calls = xcrun.read_text(encoding="utf-8").splitlines()
    assert len(calls) == 4
    for call, architecture, platform in zip(
        calls, ["h18p"] * 2 + ["h16c"] * 2, ["iOS"] * 2 + ["macOS"] * 2, strict=True
    ):
        package = open_bundle(copy).get_package_path("conformer_a").parent
        assert call.startswith(f"coreai-build compile {package}/nemotron_asr_stream_conformer_")
        assert f"--platform {platform} --architecture {architecture} --preferred-compute" in call
        assert call.endswith("neural-engine --min-deployment-version 27.0")
    again = convert(demo, "-o", copy, "--ahead-of-time", "h18p")
    assert again.exit_code == 0
    assert len(xcrun.read_text(encoding="utf-8").splitlines()) == 4
    assert "intact" in nemocli("models", "verify", copy).stdout


@pytest.mark.parametrize(
    "fault, said",
    [
        ("code", "exit code 70: error: out of registers"),
        ("nothing", "nothing came out"),
        ("empty", "nothing came out"),
        ("other", "nothing came out"),
        ("gpu", "only code for the GPU came out: ANECCompile() FAILED"),
    ],
)
def test_what_the_compiler_did_not_do_is_found(copy, demo, xcrun, monkeypatch, fault, said):
    """Its exit code is 0 in most cases. What was compiled before is kept, and the rest follows."""
    monkeypatch.setenv("FAULT", fault)
    shown = convert(demo, "-o", copy, "--ahead-of-time", "h18p")
    assert shown.exit_code == 1
    assert said in shown.stderr
    assert "conformer_b" in shown.stderr
    first, second = sorted(expected("h18p"))
    assert compiled(copy / "ios") == {first}
    monkeypatch.delenv("FAULT")
    (copy / "ios" / second).mkdir()  # as if it had been copied in part
    assert convert(demo, "-o", copy, "--ahead-of-time", "h18p").exit_code == 0
    assert compiled(copy / "ios") == {first, second}
    assert list((copy / "ios" / second).rglob("*_ANE_region_*"))
    assert len(xcrun.read_text(encoding="utf-8").splitlines()) == 3


def test_without_xcode_it_says_so_before_any_work(demo, tmp_path, xcrun, monkeypatch):
    monkeypatch.setenv("FAULT", "absent")
    for _ in range(2):
        shown = convert(demo, "-o", tmp_path / "out", "--ahead-of-time", "h18p")
        assert shown.exit_code == 4
        assert "needs a Mac with Xcode 27" in shown.stderr
        assert shown.stderr.count("\n") == 1
        assert not (tmp_path / "out").exists()
        monkeypatch.setenv("PATH", str(tmp_path))  # no xcrun at all

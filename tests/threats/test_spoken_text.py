"""A model whose pieces are control sequences, or have a meaning in a written format."""

import json
import re

import pytest
import srt
import webvtt

from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.formats import (
    FORMATS,
    Provenance,
    WholeTranscript,
    render_json_line,
    render_whole,
)
from nemocli.transcript.types import Token, Transcript, Word
from tests.repeats import repeats
from tests.threats.terminals import HARMFUL, assert_harmless, into_pipes, on_a_terminal

#: Text that no terminal may get as it is.
ORDERS = [
    "\x1b[31m",
    "\x1b]0;owned\x07",
    "\x1b]52;c;b3duZWQ=\x1b\\",
    "\x1bP+q544e\x1b\\",
    "\x9b31m",
    "\x9d0;owned\x9c",
    "\x07",
    "\x08\x08\x08",
    "\x7f",
    "\r",
    "\n\n",
    "\x0b\x0c\x85",
    "\u202egnp.exe\u202c",
    "\u2066\u2067x\u2069",
    "\u2028\u2029",
    "\x00",
]

#: Text that means something in a written format.
MARKS = [
    "-->",
    "00:00:01,000 --> 00:00:02,000",
    "00:01.000 --> 00:02.000",
    "WEBVTT",
    "NOTE",
    "<b>",
    "</c>",
    "&lt;",
    "&",
    "<00:00:01.000>",
    "1",
    "a\tb",
    "a\n\nb",
    "2\n00:00:01,000 --> 00:00:02,000\nsaid by nobody\n\n",
    '"',
    "\\u001b",
    "\ufeff",
]

ABOUT = Provenance("a.wav", "\x1b]0;model\x07", "f00d", "fp32", "\u202enur", 3, "auto")


def said(texts):
    """Return a transcript of these words, one per second."""
    words = [Word(text, n, n + 0.9, 0.9, n % 3 > 0) for n, text in enumerate(texts)]
    tokens = [Token(n, text, 12 * n, 0.9) for n, text in enumerate(texts)]
    return Transcript(words, tokens, "en-US", len(words) + 1.0)


def document(form, texts, layout=None):
    return render_whole(WholeTranscript(ABOUT, said(texts)), form, layout or CueLayout())


LAYOUTS = [
    CueLayout(),
    CueLayout(20, 1),
    CueLayout(None, None),
    CueLayout(word_timestamps=True),
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("form", FORMATS)
def test_no_document_holds_an_order_to_a_terminal(form, layout):
    """So that `cat` is safe. Marks that reverse letters are kept in text, and escaped in JSON."""
    written = document(form, ORDERS + MARKS, layout)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]", written)
    if form in ("json", "jsonl"):
        assert not HARMFUL.search(written)


def test_json_still_says_exactly_what_was_heard():
    written = json.loads(document("json", ORDERS + MARKS))
    assert [token["piece"] for token in written["tokens"]] == ORDERS + MARKS
    assert written["model"] == ABOUT.model
    assert json.loads(render_json_line(WholeTranscript(ABOUT, said(ORDERS)))) == json.loads(
        document("json", ORDERS)
    )
    words = [
        word["text"]
        for line in document("jsonl", ORDERS + MARKS).splitlines()
        for word in json.loads(line)["words"]
    ]
    assert words == ORDERS + MARKS


@pytest.mark.parametrize("layout", LAYOUTS)
def test_text_makes_no_cue_of_its_own(layout):
    for texts in ([mark, "after"] for mark in MARKS):
        cues = list(srt.parse(document("srt", texts, layout)))
        assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
        assert all(cue.start < cue.end for cue in cues)
        assert len(cues) <= len(document("srt", texts, layout).split("\n\n")) - 1
        assert "-->" not in "".join(cue.content for cue in cues)
        captions = list(webvtt.from_string(document("vtt", texts, layout)))
        assert captions and "after" in captions[-1].text
        body = document("vtt", texts, layout).partition("\n\n")[2]
        arrows = [line for line in body.splitlines() if "-->" in line]
        assert len(arrows) == len(captions)
        assert "<b>" not in body and "</c>" not in body


def test_an_arrow_of_several_words_makes_no_cue():
    words = [
        Word(text, n, n + 0.9, 0.9, False) for n, text in enumerate(["--", ">", "-", "->", "---->"])
    ]
    written = render_whole(
        WholeTranscript(ABOUT, Transcript(words, [], None, 5.0)), "srt", CueLayout()
    )
    assert written.count("-->") == 1


@pytest.mark.parametrize("by_word", [False, True])
def test_rows_and_columns_are_nemocli_s(by_word):
    written = document("tsv", ORDERS + MARKS, CueLayout(word_timestamps=by_word))
    rows = written.removesuffix("\n").split("\n")
    assert rows[0] == "start\tend\ttext"
    assert all(re.fullmatch(r"\d+\t\d+\t[^\t]*", row) for row in rows[1:])
    texts = document("txt", ORDERS + MARKS).splitlines()
    assert len(texts) == len(document("jsonl", ORDERS + MARKS).splitlines())


# -------------------------------------------------------------------------- from a tokenizer


@pytest.fixture
def hostile(checkpoint):
    """The demo with a control sequence in every piece."""
    path = checkpoint / "tokenizer.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    vocabulary = data["model"]["vocab"]
    kept = {entry["content"] for entry in data["added_tokens"]}

    def spoilt(number, piece):
        return piece if piece in kept else piece + ORDERS[number % len(ORDERS)] + f"{number}"

    if isinstance(vocabulary, dict):
        items = [(spoilt(n, piece), index) for n, (piece, index) in enumerate(vocabulary.items())]
        data["model"]["vocab"] = dict(items)
        for old, new in zip(vocabulary, data["model"]["vocab"], strict=True):
            if data["model"].get("unk_token") == old:
                data["model"]["unk_token"] = new
    else:
        for n, entry in enumerate(vocabulary):
            entry[0] = spoilt(n, entry[0])
    if "merges" in data["model"]:
        data["model"]["merges"] = []
    path.write_text(json.dumps(data), encoding="utf-8")
    return checkpoint


@pytest.mark.parametrize("form", repeats([name for name in FORMATS if name != "rttm"], 1))
def test_file(hostile, clips, form):
    command = ["file", clips[0].path, "--model", hostile, "--lang", clips[0].lang, "-f", form]
    drawn, code = on_a_terminal("nemocli", *command)
    assert code == 0 and len(drawn) > 40
    assert_harmless(drawn)
    out, said_, code = into_pipes("nemocli", *command)
    assert code == 0
    assert_harmless(said_)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", out.decode())


@pytest.mark.parametrize(
    "options",
    [
        [],
        *(
            pytest.param(options, marks=pytest.mark.slow)
            for options in (["-q"], ["--timestamps"], ["-f", "jsonl"])
        ),
    ],
)
def test_live(hostile, clips, tmp_path, options):
    command = ["live", "--input", clips[0].path, "--model", hostile, "--lang", clips[0].lang]
    command += ["--output", tmp_path / "a.srt"]
    drawn, code = on_a_terminal("nemocli", *command, *options)
    assert code == 0 and len(drawn) > 40
    assert_harmless(drawn)
    out, said_, code = into_pipes("nemocli", *command, *options, "--force")
    assert code == 0
    assert_harmless(said_)
    lines = out.decode().removesuffix("\n").split("\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out.decode())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", (tmp_path / "a.srt").read_text())
    if "jsonl" in options:
        finals = [e for e in map(json.loads, lines) if e["type"] == "final"]
        assert finals and any("\x1b" in e["text"] or "\x07" in e["text"] for e in finals)

"""Fuzz targets: written formats, read by other parsers, and text on terminals."""

import html
import io
import json
import re
from collections.abc import Hashable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import srt
import webvtt
from rich.cells import cell_len
from rich.console import Console

from nemocli.bench.normalize import has_words, normalize
from nemocli.cli.live_screen import LiveScreen
from nemocli.cli.printable import make_printable
from nemocli.transcript.detokenizer import Detokenizer
from nemocli.transcript.event_lines import format_event
from nemocli.transcript.events import Final, Partial, Status
from nemocli.transcript.formats import FORMATS, CueLayout, WholeTranscript, render_whole
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.segments import Segment, split_segments
from nemocli.transcript.speakers import Speaker
from nemocli.transcript.token_decoder import TokenDecoder
from nemocli.transcript.types import Transcript, Word, join_words
from tests.fuzz import tiny
from tests.fuzz.mutations import damage, damage_value, dumped
from tests.fuzz.target import BrokenError, Target
from tests.words import visible

#: Text that means something to a format, a script or a terminal.
TEXTS = (
    *("-->", "&amp;", "<i>", "</c>", "{\\an8}", "1", "NOTE", "STYLE", "WEBVTT", "\ufeff", "00:00"),
    *("a\n\nb", "\t", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"),
    *("\x00", "\x1b[2J", "\x1b]0;x\x07", "\x9b31m", "\u202e", "\u200b", "\u200d", "\ufe0f"),
    *("e\u0301", "👩\u200d🚀", "🇩🇪", "今日は。", "、", "สวัสดี", "नमस्ते", "مرحبا؟", "한국어", "ﬁ"),
    *("end.", "J.", "3.", "word,", "x" * 60, " ", "", "\xa0", "\u3000", '"', "\\", "\\n", "&#10;"),
)


def _damage_words(data: bytes, random: Random) -> bytes:
    """A list of [text, frames after the last word, frames of length, space before]."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = []
    if not isinstance(value, list) or random.random() < 0.05:
        value = []
    for _ in range(random.choice((1, 2, 4))):
        if not value or random.random() < 0.5:
            text = random.choice(TEXTS)
            while random.random() < 0.4:
                text += random.choice((random.choice(TEXTS), chr(random.randrange(0xD800))))
            word = [text, random.choice((0, 1, 2, 30, 10**6)), random.choice((0, 1, 5, 100))]
            value.insert(random.randrange(len(value) + 1), [*word, random.random() < 0.7])
        else:
            value = damage_value(value, random)
            value = value if isinstance(value, list) else []
    return dumped(value[-200:])


def _words(data: bytes) -> list[Word]:
    """Make words in order, as a stream could have them, from any JSON."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return []
    words, frame = [], 0
    for item in value if isinstance(value, list) else ():
        if not isinstance(item, list) or not item or not isinstance(item[0], str) or not item[0]:
            continue
        text = item[0].encode("utf-8", "replace").decode()
        wait, length = (_whole(item[n : n + 1]) for n in (1, 2))
        frame += wait
        start, end = round(frame * 0.08, 2), round((frame + length) * 0.08, 2)
        words.append(Word(text, start, end, 0.5, space_before=bool(item[3:4] != [False])))
        frame += length
    return words


def _whole(values: list[Any]) -> int:
    value = values[0] if values else 0
    return int(value) % 10**7 if isinstance(value, int) else 0


SEEDS = [
    json.dumps(words).encode()
    for words in (
        [],
        [["Hello", 1, 2, True], ["there.", 0, 3, True], ["今日", 40, 1, False]],
        [["long" * 9, 0, 3, True]] * 8,
        [["<b>&", 1, 1, True], ["-->", 1, 1, True], ["a\n\nb", 1, 1, True], ["ja?", 1, 9, True]],
    )
]
ABOUT = Provenance("a.wav", "demo", "0" * 64, "fp32", "onnx", 3, "auto")


def documents(folder: Path) -> Target:
    """Words as txt, tsv, json, jsonl and rttm, and read back."""

    def check(data: bytes) -> Hashable:
        words = _words(data)
        segments = split_segments(words)
        by_word = len(data) % 2 == 0
        texts = {
            name: _written(words, name, CueLayout(word_timestamps=by_word)) for name in FORMATS
        }
        _same(texts["txt"].split("\n"), [*map(_line, segments), ""])
        rows = texts["tsv"].split("\n")
        shown = [row.split("\t") for row in rows[1:-1]]
        source: list[Word] | list[Segment] = words if by_word else segments
        _same(
            shown,
            [[f"{round(1000 * s.start)}", f"{round(1000 * s.end)}", _line(s)] for s in source],
        )
        document = json.loads(texts["json"])
        _same(document["text"], join_words(words))
        lines = [json.loads(line) for line in texts["jsonl"].split("\n")[:-1]]
        _same(lines, document["segments"])
        held = [(w["text"], w["start"], w["end"]) for line in lines for w in line["words"]]
        _same(held, [(word.text, word.start, word.end) for word in words])
        _check_turns(words)
        return min(len(words), 9), min(len(segments), 9)

    return Target(SEEDS, _damage_words, check)


def _check_turns(words: list[Word]) -> None:
    """A line of ten fields for each segment that has a speaker, whatever the names."""
    spoken = [
        replace(word, speaker=Speaker(n, word.text) if n % 3 else None)
        for n, word in enumerate(words)
    ]
    lines = [line.split(" ") for line in _written(spoken, "rttm", CueLayout()).split("\n")[:-1]]
    expected = [segment for segment in split_segments(spoken) if segment.speaker]
    _same([len(line) for line in lines], [10] * len(expected))
    _same([line[3] for line in lines], [f"{segment.start:.3f}" for segment in expected])


def _written(words: list[Word], name: str, layout: CueLayout) -> str:
    text = render_whole(WholeTranscript(ABOUT, Transcript(words, (), None, 9.0)), name, layout)
    return text.encode("utf-8").decode("utf-8")


def _line(part: Word | Segment) -> str:
    """The text as one line: what splits lines, for any reader, is a space."""
    return re.sub("[\x00-\x20\x7f-\x9f\u2028\u2029]+", " ", part.text).strip()


def _same(found: object, expected: object) -> None:
    if found != expected:
        raise BrokenError(f"{found!r:.600} is not {expected!r:.600}")


def subtitles(folder: Path) -> Target:
    """Words as SRT and WebVTT, read back by srt and webvtt-py."""

    def check(data: bytes) -> Hashable:
        words = _words(data)
        sizes = [(None, None), (2, 1), (10, 2), (42, 2), (30, None)]
        width, count = sizes[len(data) % len(sizes)]
        layout = CueLayout(width, count, word_timestamps=len(data) % 3 == 0)
        cues = []
        for cue in srt.parse(_written(words, "srt", layout)):
            cues.append((cue.start.total_seconds(), cue.end.total_seconds(), cue.content))
        _check_cues(cues, words, layout)
        captions = webvtt.from_string(_written(words, "vtt", layout)).captions
        stamp = re.compile(r"<[\d:.]+>")
        read = [
            (
                c.start_in_seconds + 0.0,
                c.end_in_seconds + 0.0,
                html.unescape(stamp.sub("", c.raw_text)),
            )
            for c in captions
        ]
        _check_cues(read, words, layout)
        return len(cues) > 3, len(words) > 3, width

    return Target(SEEDS, _damage_words, check)


def _shown(text: str) -> str:
    """Return the visible characters without arrows, which SRT uses for its times."""
    return re.sub("-+>", "->", visible(text))


def _check_cues(cues: list[tuple[float, float, str]], words: list[Word], layout: CueLayout) -> None:
    text = "".join(text for _, _, text in cues)
    _same(_shown(text), _shown("".join(_line(word) for word in words)))
    for start, end, text in cues:
        lines = text.split("\n")
        if not start <= end or not text.strip():
            raise BrokenError(f"a cue from {start} to {end} of {text!r}")
        if layout.max_line_count and layout.max_line_width and len(lines) > layout.max_line_count:
            raise BrokenError(f"a cue of {len(lines)} lines")
    for one, next_one in pairwise(cues):
        if next_one[0] < one[1]:
            raise BrokenError(f"a cue from {next_one[0]} before the end of another at {one[1]}")


def detokenizer(folder: Path) -> Target:
    """Tokens in any order give words in order, which do not change, with all the text."""
    pieces = TokenDecoder(tiny.tokenizer_json().decode())
    size = tiny.BLANK + 1

    def check(data: bytes) -> Hashable:
        stream = Detokenizer(pieces)
        frame, shown = 0, 0
        for byte in data[:200]:
            frame += byte // 64
            stream.add(byte % (size + 1), frame, 0.5)
            shown = len(stream.build_transcript(frame * 0.08).words)
        transcript = stream.build_transcript(frame * 0.08, final=True)
        for word in transcript.words:
            if not word.text or word.text != word.text.strip() or not word.start <= word.end:
                raise BrokenError(f"the word {word}")
        for one, next_one in pairwise(transcript.words):
            if next_one.start < one.start:
                raise BrokenError(f"{next_one} after {one}")
        if len(transcript.words) < shown:
            raise BrokenError("a word went away")
        split_segments(transcript.words, transcript.tokens)
        return min(len(transcript.words), 20), transcript.language

    return Target([bytes(range(30)), b"\2\3\5\6\7\4\2\2\1\2"], damage, check)


def printed(folder: Path) -> Target:
    """Text for terminals, and text as it is compared: nothing that a terminal would obey."""

    def check(data: bytes) -> Hashable:
        text = data.decode("utf-8", "surrogateescape" if len(data) % 2 else "replace")
        shown = make_printable(text)
        if re.search(
            "[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", shown
        ):
            raise BrokenError(f"{shown!r} is obeyed by terminals")
        compared = normalize(text)
        if compared != " ".join(compared.split()):
            raise BrokenError(f"{compared!r} has spaces of other kinds")
        return min(len(shown), 5), has_words(text), min(len(compared), 5)

    seeds = [text.encode("utf-8") for text in TEXTS if text]
    tokens = [*seeds, "\u202e".encode(), b"\xff", b"\xed\xa0\x80", "ﷺ".encode(), "ſ".encode()]

    def mutate(data: bytes, random: Random) -> bytes:
        return damage(data, random, tokens, 2000)

    return Target(seeds, mutate, check)


#: What the live screen writes on purpose.
OWN = re.compile(r"\x1b\[(\?25[lh]|\?2026[hl]|2K|\d*A|[\d;]*m)|\r\n|\r")


def screen(folder: Path) -> Target:
    """The live screen writes only its own control sequences, and lines that fit, for any text."""

    def check(data: bytes) -> Hashable:
        words = _words(data)
        out = io.StringIO()
        width = (1, 2, 5, 20, 80)[len(data) % 5]
        console = Console(file=out, width=width, height=10, force_terminal=True)
        shown = LiveScreen(console, timestamps=len(data) % 2 == 0, lookahead_ms=320)
        for segment in split_segments(words):
            shown.show(Partial(segment, "en-US"))
            shown.draw(at_once=True)
            shown.show(Final(segment, "en-US"))
            json.loads(format_event(Final(segment, None)))
        shown.show(Status("listening", 3e5, 0.5, 0, 0.2, -30, None, join_words(words)))
        for key in join_words(words)[:9]:
            if shown.question is None:
                shown.ask("language")
            shown.type(key)
        shown.draw(at_once=True)
        rest = OWN.sub("\n", out.getvalue())
        if re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202e]", rest):
            raise BrokenError(f"{rest!r:.600} holds signs that a terminal obeys")
        rows = max((cell_len(str(line)) for line in shown._shown), default=0)
        if rows > max(1, width - 1):
            raise BrokenError(f"a line of {rows} cells in {width}")
        return width, len(words) > 3

    return Target(SEEDS, _damage_words, check)

"""References of speakers, as the bench reads them: RTTM and SegLST."""

import json
from collections.abc import Hashable
from pathlib import Path
from random import Random

from nemocli.bench.speaker_reference import MAX_SECONDS, join_texts, read_rttm, read_seglst
from tests.fuzz.mutations import damage_json, damage_lines
from tests.fuzz.target import BrokenError, Target

LINES = (
    b"SPEAKER a 1 0.500 2.000 <NA> <NA> Ann <NA> <NA>",
    b"SPEAKER a 1 2 1.25 <NA> <NA> Ben <NA>",
    b"SPEAKER b 1 1 1 <NA> <NA> Ann <NA> <NA>",
    b"SPKR-INFO a 1 <NA>",
)
TOKENS = (
    *LINES,
    b"SPEAKER",
    b"nan",
    b"-1",
    b"1e400",
    b"\xff",
    b"\x00",
    b"\xe2\x80\xa8",
    b"9" * 400,
)


def rttm(folder: Path) -> Target:
    """Turns of speakers, of the whole sound and of a part: those of one are apart, and in order."""
    path = folder / "a.rttm"

    def check(data: bytes) -> Hashable:
        path.write_bytes(data)
        turns = read_rttm(path, Path("a.wav"), 0.0, None)
        ends: dict[str, float] = {}
        for turn in turns:
            if not ends.get(turn.speaker, -1.0) < turn.start < turn.end <= 2 * MAX_SECONDS:
                raise BrokenError(f"{turn} after {ends}")
            ends[turn.speaker] = turn.end
        part = read_rttm(path, Path("a.wav"), 1.0, 0.5)
        if not all(0 <= turn.start < turn.end <= 0.5 for turn in part):
            raise BrokenError(f"{part}")
        return min(len(turns), 4), len(ends), len(part)

    def mutate(data: bytes, random: Random) -> bytes:
        return damage_lines(data, random, TOKENS)

    return Target([b"\n".join(LINES), b"\xef\xbb\xbf" + LINES[1] + b"\r\n"], mutate, check)


def seglst(folder: Path) -> Target:
    """Who says what: every segment once, in the text of its speaker."""
    path = folder / "a.seglst.json"
    segments = [
        {"session_id": "a", "speaker": "Ann", "words": "Hello.", "start_time": 0.5, "end_time": 1},
        {"session_id": "a", "speaker": "Ben", "words": "", "start_time": "2", "end_time": "3"},
    ]

    def check(data: bytes) -> Hashable:
        path.write_bytes(data)
        said = read_seglst(path, 0.0, None)
        texts = join_texts(said)
        if sum(map(len, texts.values())) != sum(len(words) + 1 for _, words in said) - len(texts):
            raise BrokenError(f"{said} became {texts}")
        if not set(read_seglst(path, 1.0, 1.5)) <= set(said):
            raise BrokenError(f"{said}")
        return len(said), len(texts)

    return Target([json.dumps(segments).encode()], damage_json, check)

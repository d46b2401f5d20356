#!/usr/bin/env python
"""Burn subtitles into the picture of a film. Needs the command ffmpeg, built with libass."""

import argparse
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import nemocli

SENTENCE_ENDS, MAX_CHARACTERS, MAX_PAUSE_S, LINGER_S = ".?!。？！", 70, 1.0, 1.0


def split_into_cues(words):
    cues = [[words[0]]] if words else []
    for before, word in pairwise(words):
        is_long = len(nemocli.join_words([*cues[-1], word])) > MAX_CHARACTERS
        if before.text[-1] in SENTENCE_ENDS or is_long or word.start - before.end > MAX_PAUSE_S:
            cues.append([])
        cues[-1].append(word)
    return cues


def write_srt(cues):
    blocks, starts = [], [cue[0].start for cue in cues] + [float("inf")]
    for number, cue in enumerate(cues, 1):
        end = min(cue[-1].end + LINGER_S, starts[number])
        text = nemocli.join_words(cue)
        blocks.append(f"{number}\n{stamp(starts[number - 1])} --> {stamp(end)}\n{text}\n")
    return "\n".join(blocks)


def stamp(s):
    return f"{s // 3600:02.0f}:{s // 60 % 60:02.0f}:{s % 60:06.3f}".replace(".", ",")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("film", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", help="the released one by default")
    parser.add_argument("--lang", default="auto")
    options = parser.parse_args()
    if options.out.exists():
        sys.exit(f"{options.out} exists: choose another name.")
    try:
        words = nemocli.load(options.model).transcribe(options.film, options.lang).words
    except nemocli.NemocliError as error:
        sys.exit(str(error))
    if not words:
        sys.exit(f"{options.film} has no words: there is nothing to burn in.")
    srt = write_srt(split_into_cues(words))
    with tempfile.TemporaryDirectory() as folder:  # a name that needs no escapes in the filter
        Path(folder, "film.srt").write_text(srt, encoding="utf-8")
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", options.film.absolute()]
        command += ["-vf", "subtitles=film.srt", "-c:a", "copy", options.out.absolute()]
        sys.exit(subprocess.run(command, cwd=folder).returncode)

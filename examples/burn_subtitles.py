#!/usr/bin/env python
"""Burn subtitles into the picture of a film. Needs the command ffmpeg, built with libass."""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import nemocli


def burn(subtitles, film, out):
    with tempfile.TemporaryDirectory() as folder:  # a name that needs no escapes in the filter
        Path(folder, "film.srt").write_text(subtitles, encoding="utf-8")
        command = ["ffmpeg", "-v", "error", "-nostdin", "-i", film.absolute()]
        command += ["-vf", "subtitles=film.srt", "-c:a", "copy", out.absolute()]
        return subprocess.run(command, cwd=folder).returncode


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
        transcript = nemocli.load(options.model).transcribe(options.film, options.lang)
    except nemocli.NemocliError as error:
        sys.exit(str(error))
    if not transcript.words:
        sys.exit(f"{options.film} has no words: there is nothing to burn in.")
    sys.exit(burn(transcript.to_srt(), options.film, options.out))

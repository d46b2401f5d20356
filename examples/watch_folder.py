#!/usr/bin/env python
"""Write a transcript beside each sound file that is put into a folder, until Ctrl-C.

talk.mp3 gets talk.mp3.txt. A file that is still being copied is waited for: its size grows.
"""

import argparse
import contextlib
import sys
import time
from pathlib import Path

import nemocli

SOUNDS = {".flac", ".m4a", ".mkv", ".mp3", ".mp4", ".ogg", ".opus", ".wav", ".webm"}


def transcript_path(path):
    return path.with_name(f"{path.name}.txt")


def sizes_to_do(folder):
    sizes = {}
    for path in folder.iterdir():
        if path.suffix.lower() in SOUNDS and not transcript_path(path).exists():
            with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
                sizes[path] = path.stat().st_size
    return sizes


def watch(folder, transcriber, lang, seconds):
    before, failed = {}, set()
    while True:
        now = sizes_to_do(folder)
        new = [p for p, size in now.items() if before.get(p) == size and (p, size) not in failed]
        for result in transcriber.transcribe_many(new, lang):
            print(result.error or result.path, flush=True)
            if result.error:
                failed.add((result.path, now[result.path]))
            else:
                partial = transcript_path(result.path).with_suffix(".part")
                partial.write_text(result.transcript.text + "\n", encoding="utf-8")
                partial.replace(transcript_path(result.path))  # whole, or not there
        before = now
        time.sleep(seconds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", help="the released one by default")
    parser.add_argument("--lang", default="auto")
    parser.add_argument("--seconds", type=float, default=2.0, help="between two looks")
    options = parser.parse_args()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            watch(options.folder, nemocli.load(options.model), options.lang, options.seconds)
    except (nemocli.NemocliError, OSError) as error:
        sys.exit(str(error))

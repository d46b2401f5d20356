#!/usr/bin/env python
"""Draw assets/terminal.svg: `nemocli live` as the user sees it, recorded in a terminal.

    python scripts/draw_terminal.py

Runs the command below in a pseudo-terminal, with the demo model and the bundled clip of several
languages, and records the screen after each write. The picture plays these screens as a film, moved
by CSS; where pictures are not animated, it shows the last one. Needs pyte.
"""

import argparse
import os
import pty
import re
import select
import shlex
import struct
import subprocess
import sys
import time
from fcntl import ioctl
from html import escape
from pathlib import Path
from termios import TIOCSWINSZ

import pyte

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "assets" / "terminal.svg"

#: The command line that the picture shows, and that is run.
COMMAND = "nemocli live --model demo --input assets/clips/all-languages.flac"

COLUMNS, ROWS = 84, 11

#: Limits of the seconds that a screen is shown: shorter ones are left out, and longer waits, on a
#: busy machine, are cut.
MIN_SHOWN_S, MAX_SHOWN_S = 0.15, 1.5

#: Seconds that the last screen stays before the film begins again.
END_S = 4.0

#: Pixels of a cell and of the margin, and the colours.
CELL, LINE, MARGIN = 8.4, 19, 14
GROUND, TEXT, DIM, GREEN, YELLOW = "#14181d", "#d8dee6", "#7b8794", "#7fc98b", "#d9b866"

#: How the status line begins.
STATUS = re.compile(r"\d+:\d\d:\d\d  |listening")

#: A screen: its lines, each a list of runs (text and colour).
Screen = tuple[tuple[tuple[str, str], ...], ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=PICTURE)
    parser.add_argument("--command", default=COMMAND)
    options = parser.parse_args()
    options.out.write_text(draw(record(options.command), options.command), encoding="utf-8")
    print(f"{options.out}: {options.out.stat().st_size} bytes")


def record(command: str) -> list[tuple[float, Screen]]:
    """Run the command; return its screens with their times, from the first that is not empty."""
    terminal, inside = pty.openpty()
    ioctl(inside, TIOCSWINSZ, struct.pack("HHHH", ROWS - 1, COLUMNS, 0, 0))
    arguments = [sys.executable, "-m", "nemocli", *shlex.split(command)[1:]]
    environment = {**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
    # Without a controlling terminal, the program takes itself for suspended and draws nothing.
    running = subprocess.Popen(
        arguments, cwd=ROOT, env=environment, preexec_fn=lambda: os.login_tty(inside)
    )
    os.close(inside)
    emulated = pyte.Screen(COLUMNS, ROWS - 1)
    stream = pyte.ByteStream(emulated)
    screens: list[tuple[float, Screen]] = []
    while data := _read(terminal):
        stream.feed(data)
        if not select.select([terminal], [], [], 0.02)[0]:  # a write is complete
            _note(screens, _seen(emulated))
    _note(screens, _seen(emulated))
    os.close(terminal)
    if running.wait():
        sys.exit(f"{command} ended with exit code {running.returncode}.")
    begin = next(at for at, screen in screens if screen)
    return [(at - begin, screen) for at, screen in screens if at >= begin]


def draw(screens: list[tuple[float, Screen]], command: str) -> str:
    """Return the film as SVG."""
    kept = _thinned(screens)
    length = kept[-1][0] + END_S
    width, height = round(COLUMNS * CELL + 2 * MARGIN), ROWS * LINE + 2 * MARGIN
    lines = {line: n for n, line in enumerate({line: None for _, s in kept for line in s})}
    steps = "".join(
        f"{100 * at / length:.2f}%{{transform:translateX(-{n * width}px)}}"
        for n, (at, _) in enumerate(kept)
    )
    last = (len(kept) - 1) * width
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
            f' width="{width}" height="{height}" role="img">',
            f"<title>{escape(command)}</title>",
            "<style>",
            f"text{{font:14px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:{TEXT};"
            "white-space:pre}",
            f"#film{{transform:translateX(-{last}px)}}",
            "@media (prefers-reduced-motion:no-preference){"
            f"#film{{animation:play {length:.2f}s step-end infinite}}}}",
            f"@keyframes play{{{steps}}}",
            "</style>",
            f'<rect width="{width}" height="{height}" rx="8" fill="{GROUND}"/>',
            "<defs>",
            *(f'<text id="l{n}">{_runs(line)}</text>' for line, n in lines.items()),
            "</defs>",
            f'<text x="{MARGIN}" y="{MARGIN + 14}"><tspan fill="{GREEN}">$\u00a0</tspan>'
            f"{escape(command)}</text>",
            '<g id="film">',
            *(
                f'<use href="#l{lines[line]}" x="{n * width + MARGIN}"'
                f' y="{MARGIN + 14 + (row + 1) * LINE}"/>'
                for n, (_, screen) in enumerate(kept)
                for row, line in enumerate(screen)
                if line
            ),
            "</g>",
            "</svg>",
            "",
        ]
    )


def _thinned(screens: list[tuple[float, Screen]]) -> list[tuple[float, Screen]]:
    """Drop screens that were shown too briefly, and shorten long waits."""
    kept = [screens[0]]
    before = screens[0][0]
    for at, screen in screens[1:]:
        if at - before < MIN_SHOWN_S:
            kept[-1] = (kept[-1][0], screen)
        else:
            kept.append((kept[-1][0] + min(at - before, MAX_SHOWN_S), screen))
            before = at
    return kept


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # Linux reports so that the other side is closed
        return b""


def _note(screens: list[tuple[float, Screen]], screen: Screen) -> None:
    """Add a screen if it differs from the last one."""
    if not screens or screen != screens[-1][1]:
        screens.append((time.monotonic(), screen))


def _seen(emulated: pyte.Screen) -> Screen:
    """Return the terminal's screen without empty lines at the end."""
    screen = [_line(emulated.buffer[row]) for row in range(emulated.lines)]
    while screen and not screen[-1]:
        screen.pop()
    return tuple(screen)


def _line(cells: dict[int, pyte.screens.Char]) -> tuple[tuple[str, str], ...]:
    runs: list[tuple[str, str]] = []
    text = "".join(cells[column].data for column in range(COLUMNS))
    if STATUS.match(text):  # it is dim, which pyte does not record
        return ((text.rstrip(), DIM),)
    for column in range(COLUMNS):
        cell = cells[column]
        colour = YELLOW if cell.fg == "brown" else TEXT
        if runs and runs[-1][1] == colour:
            runs[-1] = (runs[-1][0] + cell.data, colour)
        else:
            runs.append((cell.data, colour))
    if runs:
        runs[-1] = (runs[-1][0].rstrip(), runs[-1][1])
    return tuple(run for run in runs if run[0])


def _runs(line: tuple[tuple[str, str], ...]) -> str:
    return "".join(
        escape(text) if colour == TEXT else f'<tspan fill="{colour}">{escape(text)}</tspan>'
        for text, colour in line
    )


if __name__ == "__main__":
    main()

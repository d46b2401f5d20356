"""The picture of a terminal in the README, and the script that draws it."""

import json
import re
import shlex
from xml.etree import ElementTree

from typer.main import get_command

from nemocli.cli.app import app
from scripts.draw_terminal import COMMAND, PICTURE, draw, record
from scripts.make_docs import ROOT

SVG = "{http://www.w3.org/2000/svg}"


def last_screen(picture):
    """The lines that stand where the film stops, if it is not played."""
    root = ElementTree.fromstring(picture)
    width = float(root.get("width"))
    shift = float(re.search(r"#film\{transform:translateX\(-(\d+)px", picture)[1])
    lines = {f"#{line.get('id')}": "".join(line.itertext()) for line in root.iter(f"{SVG}text")}
    used = [use for use in root.iter(f"{SVG}use") if 0 <= float(use.get("x")) - shift < width]
    return [lines[use.get("href")] for use in sorted(used, key=lambda use: float(use.get("y")))]


def test_the_picture_ends_with_what_the_clip_says():
    picture = PICTURE.read_text(encoding="utf-8")
    clips = json.loads((ROOT / "assets" / "clips" / "clips.json").read_text(encoding="utf-8"))
    (text,) = (clip["text"] for clip in clips if COMMAND.endswith(clip["file"]))
    *said, summary = last_screen(picture)
    assert " ".join(said) == text
    assert summary.startswith("nemocli: ")
    assert len(picture) < 60_000
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")  # no fonts, no images


def test_the_picture_shows_the_command_as_it_is_typed():
    title = ElementTree.fromstring(PICTURE.read_text(encoding="utf-8")).find(f"{SVG}title")
    assert title.text == COMMAND
    _, name, *arguments = shlex.split(COMMAND)
    command = get_command(app).commands[name]
    assert command.make_context(name, list(arguments), resilient_parsing=False)


def test_the_script_films_a_terminal(clips):
    screens = record(f"nemocli live --model demo --input {shlex.quote(str(clips[0].path))}")
    picture = draw(screens, "nemocli <live>")
    assert last_screen(picture)[0] == clips[0].text
    drawn = {"".join(text for text, _ in line) for _, screen in screens for line in screen}
    assert any(line.startswith("0:00:0") and "space pause" in line for line in drawn)
    assert any(clips[0].text.startswith(line) and line != clips[0].text for line in drawn)

"""Lines of progress."""

from rich.console import Console

from nemocli.cli.file_lines import format_progress, format_total
from nemocli.cli.file_views import MAX_BARS, cut_last_lines, make_bars_view


def test_the_end_of_a_text_fits_the_terminal():
    assert cut_last_lines("short", 20, 4) == "short"
    text = "all the words " * 100
    assert cut_last_lines(text, 20, 4).startswith("…")
    assert len(cut_last_lines(text, 20, 4)) <= 80
    assert len(cut_last_lines("今日は" * 100, 20, 4)) <= 40  # each takes two cells


def test_progress_line():
    assert format_progress("a.wav", 75, 4000, 15) == "1:15 / 1:06:40  5.0x  a.wav"
    assert format_progress("a.wav", 0, None, 0) == "0:00  a.wav"


def test_total_line():
    line = format_total(600, 3600, 60, 2, 12)
    assert line == "10:00 / 1:00:00  10.0x  5:00 left  2 of 12 files"
    assert format_total(0, None, 0, 0, 12) == "0:00  0 of 12 files"


def test_bars_fit_a_narrow_terminal():
    console = Console(width=60, height=20)
    with console.capture() as capture:
        at_work = [("a very long name indeed, of a file.wav", 30.0, 61.0)] * (MAX_BARS + 2)
        console.print(make_bars_view(at_work, 30.0, 600.0, format_total(30, 600, 2, 0, 12), 60))
    lines = capture.get().splitlines()
    assert len(lines) == MAX_BARS + 2 and all(len(line) <= 60 for line in lines)
    assert "and 2 more at work" in lines[-2]

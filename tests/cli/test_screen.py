"""Progress on stderr, without a terminal and on one."""

import re
import time

import pytest
from rich.console import Console

from nemocli.cli.screen import Screen


def test_waiting_is_a_line_for_each_step_without_its_details(capsys):
    with Screen(quiet=False).show_wait("loading") as step:
        step("converting it, once: joint, 1 of 2")
        step("converting it, once: predict, 2 of 2")
        step("compiling joint, once")
        step("joint took 1.2 s")
    lines = ["converting it, once", "compiling joint, once", "joint took 1.2 s"]
    assert capsys.readouterr().err.splitlines() == lines


def test_a_bar_is_a_line_for_each_step(capsys):
    with Screen(quiet=False).show_bar("converting") as show:
        show("writing a", 1, 2)
        show("writing b", 2, 2)
    assert capsys.readouterr().err == "writing a (1 of 2)\nwriting b (2 of 2)\n"


@pytest.mark.parametrize("width", [40, 80])
def test_on_a_terminal_a_bar_has_its_numbers_however_narrow(capsys, width):
    screen = Screen(quiet=False)
    screen._console = Console(stderr=True, force_terminal=True, width=width)
    screen.draws = True
    with screen.show_bar("converting to coreml") as show:
        show("writing pre_first.mlpackage lookahead13", 12, 26)
    drawn = capsys.readouterr().err
    assert "11/26" in drawn
    assert "0:00:00" in drawn


def test_quiet_shows_nothing(capsys):
    screen = Screen(quiet=True)
    with screen.show_wait("loading") as step, screen.show_bar("converting") as show:
        step("compiling")
        show("writing", 1, 1)
    assert capsys.readouterr().err == ""


def test_on_a_terminal_the_seconds_of_a_step_are_counted_in_place(capsys):
    screen = Screen(quiet=False)
    screen._console = Console(stderr=True, force_terminal=True, width=80)
    screen.draws = True
    with screen.show_wait("loading the model") as step:
        step("compiling joint, once")
        drawn = ""
        for _ in range(1200):  # a minute; the first seconds may be missed on a busy machine
            drawn += capsys.readouterr().err
            if len(set(re.findall(r"\d:\d\d:\d\d", drawn))) > 1:
                break
            time.sleep(0.05)
    assert "loading the model: compiling joint, once" in drawn
    assert len(set(re.findall(r"\d:\d\d:\d\d", drawn))) > 1

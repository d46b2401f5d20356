"""What types text into the focused window, on each window system."""

import os
import shutil
import subprocess
import sys
from typing import Any, Protocol

from nemocli.cli.x11 import X11
from nemocli.errors import NemocliError, UnsupportedError

#: How to get pynput.
INSTALL = "pip install 'nemocli[type]'"

#: Programs that type on Wayland, with the arguments that make them read the text from stdin.
WAYLAND_PROGRAMS = (("wtype", ("-",)), ("ydotool", ("type", "--file", "-")))

#: Seconds that such a program may take.
PROGRAM_TIMEOUT_S = 20.0


class TypingTool(Protocol):
    """Types text without control characters into the focused window."""

    def type(self, text: str) -> None: ...


class PynputTool:
    """Types with pynput, on X11 and on a Mac."""

    def __init__(self) -> None:
        keyboard = import_keyboard()
        try:
            self._controller = keyboard.Controller()
        except Exception as error:  # each window system has its own
            raise UnsupportedError(f"--type cannot be used here: {error}.") from None

    def type(self, text: str) -> None:
        """Type a text; NemocliError if it cannot be."""
        try:
            self._controller.type(text)
        except Exception as error:  # each window system has its own
            raise NemocliError(f"{text!r} cannot be typed: {error}.") from None


class ProgramTool:
    """Types with a program that reads the text from stdin."""

    def __init__(self, command: list[str]) -> None:
        self._command = command

    def type(self, text: str) -> None:
        """Type a text; NemocliError if it cannot be."""
        try:
            subprocess.run(
                self._command,
                input=text.encode(),
                capture_output=True,
                timeout=PROGRAM_TIMEOUT_S,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            words = " ".join(error.stderr.decode("utf-8", "replace").split())
            raise NemocliError(f"{self._command[0]} cannot type: {words}.") from None
        except (OSError, subprocess.TimeoutExpired) as error:
            raise NemocliError(f"{self._command[0]} cannot type: {error}.") from None


def open_typing_tool() -> TypingTool:
    """Return what types here; UnsupportedError with what to do if there is nothing."""
    if not is_wayland():
        return PynputTool()
    for name, arguments in WAYLAND_PROGRAMS:
        if (path := shutil.which(name)) is not None:
            return ProgramTool([path, *arguments])
    raise UnsupportedError(
        "On Wayland, --type needs the program wtype, or ydotool with its service where the desktop"
        " does not know wtype, as GNOME: install one of them."
    )


def open_x11() -> X11 | None:
    """Return a connection to the X server; None if there is none."""
    if sys.platform == "darwin" or is_wayland():
        return None
    try:
        return X11()
    except Exception:  # python-xlib is missing, or raises its own
        return None


def is_wayland() -> bool:
    """Tell whether the windows are Wayland's."""
    return sys.platform != "darwin" and bool(os.environ.get("WAYLAND_DISPLAY"))


def import_keyboard() -> Any:
    """Return pynput's module for keyboards; UnsupportedError if it cannot be used here."""
    try:
        from pynput import keyboard
    except ImportError as error:
        if getattr(error, "name", None) == "pynput":
            raise UnsupportedError(f"--type and --hotkey need pynput: {INSTALL}.") from None
        raise UnsupportedError(
            "--type and --hotkey need a desktop: there is no window system here"
            " (DISPLAY does not name an X server)."
        ) from None
    except Exception as error:  # such as one of python-xlib
        raise UnsupportedError(f"--type and --hotkey cannot be used here: {error}.") from None
    return keyboard

"""What macOS asks before a program may use the microphone: it asks for the terminal it runs in."""

import os
import shlex
from collections.abc import Mapping

#: The terminals that say in TERM_PROGRAM who they are: as the list in System Settings calls them.
_APPS = {
    "Apple_Terminal": "Terminal",
    "iTerm.app": "iTerm",
    "vscode": "Visual Studio Code",
    "WezTerm": "WezTerm",
    "ghostty": "Ghostty",
    "WarpTerminal": "Warp",
    "Hyper": "Hyper",
}

#: Where the switch is, and the command that opens it.
_SETTING = "System Settings > Privacy & Security > Microphone"
_OPEN = "open 'x-apple.systempreferences:com.apple.preference.security?Privacy_Microphone'"


def advise_on_permission(environment: Mapping[str, str] | None = None) -> str:
    """Say how to let this terminal use the microphone, as a part of a sentence.

    `environment` is this process's by default.
    """
    environment = os.environ if environment is None else environment
    app = _APPS.get(environment.get("TERM_PROGRAM", ""), "the terminal")
    advice = f"switch {app} on in {_SETTING} ({_OPEN}), and start {app} anew"
    # The app that a process belongs to, by the system's own variable.
    if bundle := environment.get("__CFBundleIdentifier"):
        advice += f"; if it is not listed there: tccutil reset Microphone {shlex.quote(bundle)}"
    if "SSH_CONNECTION" in environment:
        advice += "; over ssh macOS may not ask: run nemocli in a terminal on the Mac itself"
    return advice

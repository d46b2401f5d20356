"""A key of the whole desktop that pauses and resumes `nemocli live`."""

import queue
from typing import Self

from nemocli.cli.typing_tools import import_keyboard, is_wayland
from nemocli.closing import Closing
from nemocli.errors import UnsupportedError, UsageError

#: What `--hotkey-mode` takes.
MODES = ("toggle", "hold")


class Hotkey(Closing):
    """Watches for a combination of keys, whichever window has the focus.

    While it is open, `take` returns whether the microphone should be open, once for each change.
    """

    def __init__(self, keys: str, mode: str) -> None:
        if mode not in MODES:
            raise UsageError(f"--hotkey-mode is {' or '.join(MODES)}, not {mode!r}.")
        if is_wayland():
            raise UnsupportedError(
                "On Wayland, no program sees the keys of other windows: bind a key to"
                " 'pkill -USR1 -x nemocli' in the desktop's settings instead."
            )
        self._keyboard = keyboard = import_keyboard()
        try:
            parsed = keyboard.HotKey.parse(keys)
        except ValueError:
            raise UsageError(
                f"--hotkey takes keys such as <ctrl>+<alt>+d or <f9>, not {keys!r}."
            ) from None
        self._keys, self._mode = set(parsed), mode
        self._held: set[object] = set()
        self._is_open = False
        self._changes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._listener = keyboard.Listener(on_press=self._press, on_release=self._release)

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def close(self) -> None:
        """Watch no more."""
        self._listener.stop()

    def take(self) -> bool | None:
        """Return whether the microphone should be open now, if that changed; else None."""
        last = None
        while not self._changes.empty():
            last = self._changes.get()
        return last

    def _press(self, key: object) -> None:
        key = self._listener.canonical(key)
        if key not in self._keys:  # what is typed elsewhere is nobody's business
            return
        was_complete = self._is_complete
        self._held.add(key)
        if self._is_complete and not was_complete:
            self._set(True if self._mode == "hold" else not self._is_open)

    def _release(self, key: object) -> None:
        was_complete = self._is_complete
        self._held.discard(self._listener.canonical(key))
        if was_complete and not self._is_complete and self._mode == "hold":
            self._set(False)

    @property
    def _is_complete(self) -> bool:
        return self._keys <= self._held

    def _set(self, is_open: bool) -> None:
        self._is_open = is_open
        self._changes.put(is_open)

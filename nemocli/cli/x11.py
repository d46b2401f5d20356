"""What an X server says of the focus and of keys that are held."""

from typing import Any

#: Windows above each other that are looked at, at most.
_MAX_DEPTH = 50


class X11:
    """A connection to the X server that DISPLAY names; raises what python-xlib does."""

    def __init__(self) -> None:
        from Xlib import X
        from Xlib.display import Display

        self._display = Display()
        self._modifiers = X.ShiftMask | X.ControlMask | X.Mod1Mask | X.Mod4Mask

    def is_focus_of(self, window: int | None, processes: list[int]) -> bool | None:
        """Tell whether the focus is in a window, or in one that belongs to a process.

        None if that is not known: the window is None, and no process has any.
        """
        try:
            focused = self._list_chain(self._display.get_input_focus().focus)
            if window is not None:
                # A terminal names an inner window of its own, and the focus is in an outer one.
                terminal = self._display.create_resource_object("window", window)
                outer = {one.id for one in self._list_chain(terminal)}
                return any(one.id in outer for one in focused)
            if any(self._find_process(one) in processes for one in focused):
                return True
            return False if self._has_window(processes) else None
        except Exception:  # a window may be gone by now, and errors of X are of many types
            return None

    @property
    def has_no_focus(self) -> bool:
        """Whether no window would take keys; False if that is not known."""
        from Xlib import X

        try:
            root = self._display.screen().root
            focused = self._display.get_input_focus().focus
            if focused == X.NONE:
                return True
            # Then the window below the pointer takes them.
            is_anywhere = focused == X.PointerRoot or getattr(focused, "id", None) == root.id
            return is_anywhere and bool(root.query_pointer().child == X.NONE)
        except Exception:  # as above
            return False

    @property
    def has_held_modifiers(self) -> bool:
        """Whether a key such as Ctrl is held, which would make shortcuts of letters."""
        try:
            return bool(self._display.screen().root.query_pointer().mask & self._modifiers)
        except Exception:  # as above
            return False

    def _list_chain(self, window: Any) -> list[Any]:
        """Return a window and those that it is in, without the whole screen."""
        root = self._display.screen().root.id
        found: list[Any] = []
        while getattr(window, "id", root) != root and len(found) < _MAX_DEPTH:
            found.append(window)
            window = window.query_tree().parent
        return found

    def _find_process(self, window: Any) -> int | None:
        name = self._display.intern_atom("_NET_WM_PID")
        value = window.get_full_property(name, 0)
        return int(value.value[0]) if value is not None and len(value.value) else None

    def _has_window(self, processes: list[int]) -> bool:
        root = self._display.screen().root
        name = self._display.intern_atom("_NET_CLIENT_LIST")
        listed = root.get_full_property(name, 0)
        if listed is None:
            return False
        windows = [self._display.create_resource_object("window", one) for one in listed.value]
        return any(self._find_process(window) in processes for window in windows)

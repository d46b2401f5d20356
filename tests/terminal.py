"""A terminal whose output is collected."""

import fcntl
import os
import pty
import struct
import termios
import threading


class Terminal:
    """A context manager; when it ends, `shown` has the whole output."""

    def __init__(self, columns, rows=24):
        self._ours, self.theirs = pty.openpty()
        self.resize(columns, rows)
        self.shown = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def resize(self, columns, rows):
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def _read(self):
        try:
            while data := os.read(self._ours, 65536):
                self.shown += data
        except OSError:  # how Linux tells that the other side was closed
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self.theirs)
        self._thread.join(60)
        os.close(self._ours)

"""A program that is run for each final segment of `nemocli live`, with JSON on its stdin."""

import os
import shlex
import shutil
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from nemocli.closing import Closing
from nemocli.counting import count_things
from nemocli.errors import NemocliError, UsageError
from nemocli.transcript.event_lines import format_event
from nemocli.transcript.events import Event, Final

#: Finals that wait at most while the program runs; then the oldest is dropped.
MAX_WAITING_FINALS = 100

#: Seconds after which a program that was sent SIGTERM is killed.
KILL_AFTER_S = 1.0

#: Seconds between two looks whether the program has ended, and for which nothing is said of it.
LOOK_INTERVAL_S = 0.05
QUIET_WAIT_S = 1.0


class FinalsProgram(Closing):
    """Runs a program for each final, one at a time and in their order, in a thread of its own.

    No shell reads the command, and the transcript is only ever data on the program's stdin. A
    failure is reported once, by a call of `notify`.
    """

    def __init__(
        self,
        command: list[str],
        time_limit: float,
        stderr: int,
        notify: Callable[[str], None],
    ) -> None:
        self._command, self._time_limit = command, time_limit
        self._stderr, self._notify = stderr, notify
        self._waiting: deque[str] = deque()
        self._changed = threading.Condition()
        self._is_busy = self._is_closed = False
        self._process: subprocess.Popen[bytes] | None = None
        # The first failure, until the loop's thread reports it.
        self._unreported: str | None = None
        #: Finals for which the program was run, for which it failed, and that were dropped.
        self.runs = self.failed = self.dropped = 0
        threading.Thread(target=self._run_all, name="on-final", daemon=True).start()

    def take(self, event: Event) -> None:
        """Take an event; returns at once, whatever the program does."""
        self.report()
        if not isinstance(event, Final):
            return
        with self._changed:
            self._waiting.append(format_event(event) + "\n")
            if len(self._waiting) > MAX_WAITING_FINALS:
                self._waiting.popleft()
                self.dropped += 1
                if self.dropped == 1:
                    self._notify(f"{self._name} is too slow: finals are dropped for it.")
            self._changed.notify_all()

    def report(self) -> None:
        """Report the first failure, once."""
        sentence, self._unreported = self._unreported, None
        if sentence is not None:
            self._notify(sentence)

    def finish(self, note: Callable[[str], None]) -> None:
        """Wait until the program has run for all finals, but at most for the time of one run.

        What is left then is dropped. `note` is called if the user has to wait.
        """
        begun = time.monotonic()
        has_noted = False
        with self._changed:
            while self._waiting or self._is_busy:
                waited = time.monotonic() - begun
                if waited > self._time_limit:
                    break
                if waited > QUIET_WAIT_S and not has_noted:
                    has_noted = True
                    note(f"waiting for {self._name}; Ctrl-C once more aborts")
                self._changed.wait(LOOK_INTERVAL_S)
        self.close()

    def close(self) -> None:
        """Drop what waits, and end the program if it runs."""
        begun = time.monotonic()
        with self._changed:
            self._is_closed = True
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            while self._is_busy:
                is_late = time.monotonic() - begun > KILL_AFTER_S
                if self._process is not None:
                    _send(self._process, signal.SIGKILL if is_late else signal.SIGTERM)
                self._changed.wait(LOOK_INTERVAL_S)
        self.report()

    @property
    def failure(self) -> NemocliError | None:
        """What the program lacks of the finals; None if it was run for all and succeeded."""
        if not self.failed and not self.dropped:
            return None
        return NemocliError(
            f"{self._name} failed for {self.failed} of {count_things(self.runs, 'final')}, and"
            f" {self.dropped} {'was' if self.dropped == 1 else 'were'} dropped."
        )

    @property
    def _name(self) -> str:
        return f"--on-final's {self._command[0]}"

    def _run_all(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._is_closed:
                    self._changed.wait()
                if self._is_closed:
                    return
                line = self._waiting.popleft()
                self._is_busy = True
            reason = self._run(line.encode("utf-8", "surrogatepass"))
            with self._changed:
                self._is_busy = False
                if reason is not None and self._is_closed:
                    self.dropped += 1
                else:
                    self.runs += 1
                    self.failed += reason is not None
                    if reason is not None and self.failed == 1:
                        self._unreported = f"{self._name} {reason}; the transcription goes on."
                self._changed.notify_all()

    def _run(self, line: bytes) -> str | None:
        """Run the program once; return how it failed, if it did."""
        try:
            self._process = process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                # Ctrl-C is for nemocli, which waits for the program; and all that it starts ends.
                start_new_session=True,
            )
        except OSError as error:
            return f"cannot be run: {error.strerror}"
        try:
            process.communicate(line, timeout=self._time_limit)
        except subprocess.TimeoutExpired:
            _end(process)
            return f"was ended after {self._time_limit:g} s"
        finally:
            self._process = None
        if process.returncode < 0:
            return f"was ended by {signal.Signals(-process.returncode).name}"
        return f"ended with exit code {process.returncode}" if process.returncode else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started: first kindly, then at once."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        _send(process, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(KILL_AFTER_S)
            break
    if process.stdin is not None:
        with suppress(OSError):  # what it did not read
            process.stdin.close()


def _send(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Send a signal to a process and to what it started."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)


def parse_command(text: str | None) -> list[str] | None:
    """Split a command into its words; UsageError if it is empty or its program is not there."""
    if text is None:
        return None
    try:
        words = shlex.split(text)
    except ValueError as error:
        reason = str(error).lower()
        raise UsageError(f"--on-final cannot be split into words ({reason}): {text}") from None
    if not words:
        raise UsageError("--on-final needs a program, such as 'notify-send' or 'sh -c \"…\"'.")
    if shutil.which(words[0]) is None:
        raise UsageError(
            f"--on-final: there is no program {words[0]!r}; no shell is used unless the command"
            " begins with one, such as sh -c."
        )
    return words

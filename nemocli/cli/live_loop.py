"""The loop of `nemocli live`: events to where they are shown and written, keys and signals back."""

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from functools import partial
from queue import Empty

from nemocli.audio.source import LiveSource
from nemocli.cli.delivery import Delivery
from nemocli.cli.keys import Keys
from nemocli.cli.live_outputs import Output
from nemocli.cli.live_screen import LiveScreen
from nemocli.cli.screen import Screen
from nemocli.cli.signals import ControlSignals, EndRequests
from nemocli.errors import NemocliError, UsageError
from nemocli.live.listener import Listener
from nemocli.transcript.events import Event, Status

#: Seconds the loop waits for an event before it looks at the keys and the screen.
EVENT_TIMEOUT_S = 0.03

#: Seconds an end may take before it is told that there is still something to do.
QUIET_ENDING_S = 0.2


class LiveLoop:
    """Runs a listener to its end: of the sound, by `q`, or by a signal.

    Outputs take every event before the screen shows it: what a person has seen is in the file.
    """

    def __init__(
        self, listener: Listener, source: LiveSource, screen: LiveScreen | None, notes: Screen
    ) -> None:
        self._listener = listener
        self._source = source
        self._screen = screen
        self._notes = notes
        self._is_paused = False
        self._is_ending = False
        self._tell_at: float | None = None
        self._advice: str | None = None
        #: What went wrong on stdout; the stream was ended for it.
        self.failure: NemocliError | BrokenPipeError | None = None

    def run(
        self, outputs: Sequence[Output], requests: EndRequests, controls: ControlSignals
    ) -> None:
        """Run to the end; raises KeyboardInterrupt on a second signal."""
        with ExitStack() as stack:
            keys = None
            if self._screen is not None:
                stack.enter_context(self._screen)
                screen = self._screen
                keys = stack.enter_context(Keys(screen.erase, screen.redraw))
                screen.find_row = partial(keys.find_row, screen.write)
            self._listener.start()
            while not self._pass_on(outputs):
                if keys is not None and self._screen is not None:
                    self._attend(keys, self._screen)
                self._obey(controls)
                if requests.wanted:
                    self.end()
                self._tell_of_ending()
                self._advise()
            if keys is not None and self._screen is not None:
                self._attend(keys, self._screen)

    def deliver(self, delivery: Delivery | None, requests: EndRequests) -> int:
        """Wait for stdout's reader, unless asked to end; return how many lines it did not take."""
        try:
            return delivery.finish(lambda: requests.wanted) if delivery else 0
        except (NemocliError, BrokenPipeError) as error:
            self._ended_by(error)
            return 0

    def end(self) -> None:
        """End normally: what was heard is still transcribed."""
        if self._is_ending:
            return
        self._is_ending = True
        self._tell_at = time.monotonic() + QUIET_ENDING_S
        self._listener.stop()

    def _advise(self) -> None:
        """Say that there is nothing but digital silence, and take that back when sound comes."""
        advice = self._source.silence_advice
        if advice == self._advice:
            return
        if advice is not None:
            self.tell(advice)
        elif self._screen is not None and self._advice is not None:
            self._screen.take_back(self._advice)
        else:
            self.tell(f"{self._source.name} gives sound again.")
        self._advice = advice

    def _tell_of_ending(self) -> None:
        if self._tell_at is not None and time.monotonic() >= self._tell_at:
            self._tell_at = None
            lag = self._listener.lag
            what = f"{lag:.1f} s of sound" if lag >= 0.1 else "the last words"
            self.tell(f"finishing {what}; Ctrl-C once more aborts")

    def tell(self, sentence: str) -> None:
        """Tell the person, wherever that can be done."""
        if self._screen is not None:
            self._screen.say(sentence)
        else:
            self._notes.note(sentence)

    def _pass_on(self, outputs: Sequence[Output]) -> bool:
        """The events that are there, or the first to come; whether that was the last of all."""
        with suppress(Empty):
            event = self._listener.events.get(timeout=EVENT_TIMEOUT_S)
            while True:
                self._pass(event, outputs)
                if isinstance(event, Status) and event.kind == "ended":
                    return True
                event = self._listener.events.get_nowait()
        return False

    def _pass(self, event: Event, outputs: Sequence[Output]) -> None:
        for output in outputs:
            try:
                output.take(event)
            except (NemocliError, BrokenPipeError) as error:
                self._ended_by(error)
        if self._screen is not None:
            self._screen.show(event)
        elif isinstance(event, Status) and event.message:
            self._notes.note(event.message)

    def _attend(self, keys: Keys, screen: LiveScreen) -> None:
        """Keys from the terminal, and the screen brought up to date."""
        try:
            self._press(keys.pressed(), screen)
            if keys.has_foreground:
                screen.draw()
        except (NemocliError, BrokenPipeError) as error:
            self._ended_by(error)

    def _ended_by(self, error: NemocliError | BrokenPipeError) -> None:
        self.failure = self.failure or error
        self.end()

    def _press(self, keys: Sequence[str], screen: LiveScreen) -> None:
        for key in keys:
            if screen.asks:
                wanted = screen.type(key)
                if wanted:
                    self._switch(wanted)
            elif key == " ":
                self._toggle_pause()
            elif key == "l":
                screen.ask("language")
            elif key == "q":
                self.end()

    def _obey(self, controls: ControlSignals) -> None:
        for name in controls.take():
            if name == "SIGUSR1":
                self._toggle_pause()
            else:
                self._listener.close_segment()

    def _toggle_pause(self) -> None:
        self._is_paused = not self._is_paused
        if self._screen is not None:
            self._screen.is_paused = self._is_paused
        (self._listener.pause if self._is_paused else self._listener.resume)()

    def _switch(self, lang: str) -> None:
        try:
            self._listener.switch(lang)
        except UsageError as error:
            self.tell(str(error))

"""The loop of `nemocli live`: events go to screen and files, keys and signals to the listener."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from queue import Empty

from nemocli.audio.source import LiveSource
from nemocli.cli.hotkey import Hotkey
from nemocli.cli.keys import LEAVE_PASTES, MARK_PASTES, PASTE_BEGIN, PASTE_END, Keys
from nemocli.cli.live_outputs import Output
from nemocli.cli.live_screen import LiveScreen
from nemocli.cli.plain_screen import PlainScreen
from nemocli.cli.screen import Screen
from nemocli.cli.signals import ControlSignals, EndRequests
from nemocli.cli.stdout_delivery import Delivery
from nemocli.cli.streams import say
from nemocli.cli.terminal_focus import TerminalFocus
from nemocli.errors import NemocliError, UsageError
from nemocli.live.listener import Listener
from nemocli.live.two_streams import MergedListeners
from nemocli.transcript.events import Event, Status

#: Seconds the loop waits for an event before it looks at the keys and the screen.
EVENT_TIMEOUT_S = 0.03

#: Where keys go in the matches of a search.
SEARCH_STEPS = {"n": -1, "N": 1}

#: Lines that may be pasted at most as phrases.
MAX_PASTED_PHRASES = 100

#: Seconds an end may take before a message says what is still to be done.
QUIET_ENDING_S = 0.2


class LiveLoop:
    """Runs a listener to its end: of the sound, by `q`, or by a signal.

    Outputs take every event before the screen shows it: what was shown is in the file.
    """

    def __init__(
        self,
        listener: Listener | MergedListeners,
        sources: Sequence[LiveSource],
        screen: LiveScreen | PlainScreen | None,
        notes: Screen,
    ) -> None:
        self._listener = listener
        self._sources = sources
        self._screen = screen
        self._notes = notes
        # What is done with the answer to each question.
        self._answers = {"language": listener.switch, "phrase": listener.add_phrase}
        if screen is not None:
            self._answers["search"] = lambda text: screen.search(text.replace("\t", " "))
        self._is_paused = False
        self._keys: Keys | None = None
        self._focus: TerminalFocus | None = None
        self._hotkey: Hotkey | None = None
        self._is_ending = False
        self._report_at: float | None = None
        # The advice that is shown about each source, by its index in `sources`.
        self._advice: dict[int, str] = {}
        #: What went wrong on stdout; the stream was ended for it.
        self.failure: NemocliError | BrokenPipeError | None = None

    def watch(self, focus: TerminalFocus | None, hotkey: Hotkey | None) -> None:
        """Before the run: pass on what the terminal reports of its focus, and obey a hotkey.

        With a hotkey, the stream begins paused.
        """
        self._focus, self._hotkey = focus, hotkey
        if hotkey is not None:
            self._toggle_pause()

    def run(
        self, outputs: Sequence[Output], requests: EndRequests, controls: ControlSignals
    ) -> None:
        """Run to the end; raises KeyboardInterrupt on a second signal."""
        with ExitStack() as stack:
            keys = None
            if self._screen is not None:
                stack.enter_context(self._screen)
                screen = self._screen
                keys = stack.enter_context(Keys(*self._find_handlers(screen)))
                self._keys = keys
                self._begin_reports(screen)
                stack.callback(self._end_reports, screen)
                screen.find_row = partial(keys.find_row, screen.write)
            self._listener.start()
            while not self._pass_on(outputs):
                if requests.wanted:
                    self.end()
                if keys is not None and self._screen is not None:
                    self._attend(keys, self._screen)
                self._obey(controls)
                self._report_ending()
                self._advise()
            if keys is not None and self._screen is not None:
                self._attend(keys, self._screen)

    def _find_handlers(
        self, screen: LiveScreen | PlainScreen
    ) -> tuple[Callable[[], None], Callable[[bool], None]]:
        """Return what is called before another program has the terminal, and afterwards."""

        def erase() -> None:
            self._end_reports(screen)
            screen.erase()

        def redraw(is_below: bool) -> None:
            screen.redraw(is_below)
            self._begin_reports(screen)

        return erase, redraw

    def _begin_reports(self, screen: LiveScreen | PlainScreen) -> None:
        """Have the terminal mark pasted text, and report its focus if that matters."""
        if self._keys is not None and self._keys.can_come:
            screen.write(MARK_PASTES)
        if self._focus is not None:
            self._focus.begin(screen.write)

    def _end_reports(self, screen: LiveScreen | PlainScreen) -> None:
        with suppress(NemocliError, BrokenPipeError):  # the terminal may have been closed
            if self._focus is not None:
                self._focus.end(screen.write)
            if self._keys is not None and self._keys.can_come:
                screen.write(LEAVE_PASTES)

    def deliver(self, delivery: Delivery | None, requests: EndRequests) -> int:
        """Wait for stdout's reader, unless asked to end; return how many lines it did not take."""
        try:
            return delivery.finish(lambda: requests.wanted) if delivery else 0
        except (NemocliError, BrokenPipeError) as error:
            self._end_by(error)
            return 0

    def end(self) -> None:
        """End normally: the sound that came is still transcribed."""
        if self._is_ending:
            return
        self._is_ending = True
        self._report_at = time.monotonic() + QUIET_ENDING_S
        if self._screen is not None:
            # Before all else: on a machine that is too busy, the rest may take seconds.
            self.notify("ending; Ctrl-C once more aborts")
            with suppress(NemocliError, BrokenPipeError):
                self._screen.draw(at_once=True)
        self._listener.stop()

    def _advise(self) -> None:
        """Say that there is nothing but digital silence, and take that back when sound comes."""
        for place, source in enumerate(self._sources):
            advice, given = source.silence_advice, self._advice.pop(place, None)
            if advice is not None:
                self._advice[place] = advice
            if advice == given:
                continue
            if advice is not None:
                self.warn(advice)
            elif self._screen is not None and given is not None:
                self._screen.take_back(given)
            else:
                self.warn(f"{source.name} gives sound again.")

    def _report_ending(self) -> None:
        if self._report_at is not None and time.monotonic() >= self._report_at:
            self._report_at = None
            lag = self._listener.lag
            what = f"{lag:.1f} s of sound" if lag >= 0.1 else "the last words"
            self.notify(f"finishing {what}; Ctrl-C once more aborts")

    def notify(self, sentence: str) -> None:
        """Show a sentence on the screen, or on stderr without one."""
        if isinstance(self._screen, PlainScreen) and self._screen.is_quiet:
            return
        if self._screen is not None:
            self._screen.say(sentence)
        else:
            self._notes.note(sentence)

    def warn(self, sentence: str) -> None:
        """Do the same with one that `--quiet` does not hide: something is wrong, not under way."""
        if self._screen is not None:
            self._screen.say(sentence)
        else:
            say(sentence)

    def _pass_on(self, outputs: Sequence[Output]) -> bool:
        """Pass on the events that are there, or the first to come; return whether all are done."""
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
                self._end_by(error)
        if self._screen is not None:
            self._screen.show(event)
        elif isinstance(event, Status) and event.kind == "sound":
            self.warn(event.message)
        elif isinstance(event, Status) and event.message:
            self._notes.note(event.message)

    def _attend(self, keys: Keys, screen: LiveScreen | PlainScreen) -> None:
        """Obey the keys, and bring the screen up to date."""
        try:
            self._press(keys.read_pressed(), screen)
            if keys.has_foreground:
                screen.draw()
        except (NemocliError, BrokenPipeError) as error:
            self._end_by(error)

    def _end_by(self, error: NemocliError | BrokenPipeError) -> None:
        self.failure = self.failure or error
        self.end()

    def _press(self, keys: Sequence[str], screen: LiveScreen | PlainScreen) -> None:
        for key in keys:
            if self._focus is not None and self._focus.take(key):
                continue
            if key.startswith(PASTE_BEGIN):
                self._paste(key.removeprefix(PASTE_BEGIN).removesuffix(PASTE_END), screen)
                continue
            if screen.question is not None:
                answer = self._answers[screen.question]
                if text := screen.type(key):
                    self._answer(answer, text)
            elif screen.is_searching and key in SEARCH_STEPS:
                screen.move(SEARCH_STEPS[key])
            elif screen.is_searching and key == "\x1b":
                screen.leave_search()
            elif key == "/":
                screen.ask("search")
            elif key in ("c", "C"):
                screen.copy(everything=key == "C")
            elif key == " ":
                self._toggle_pause()
            elif key == "l":
                screen.ask("language")
            elif key == "p":
                screen.ask("phrase")
            elif key == "q":
                self.end()

    def _paste(self, text: str, screen: LiveScreen | PlainScreen) -> None:
        """Take pasted text, of which no character is a key.

        It is typed for the question, and Enter ends that; but several lines are phrases, one each.
        """
        printable = ["".join(filter(_is_text, line)) for line in text.splitlines()]
        lines = [line for line in printable if line.strip()]
        is_list = screen.question == "phrase" and len(lines) > 1
        if screen.question is None:
            self.warn("pasted text is ignored where nothing asks for it, as p, l and / do")
        elif is_list and len(lines) > MAX_PASTED_PHRASES:
            self.warn(f"{len(lines)} lines are too many to paste: give them by --phrases FILE")
        else:
            answer = self._answers[screen.question]
            for character in lines[0] if is_list else " ".join(lines):
                screen.type(character)
            if is_list and (first := screen.type("\n")):
                for line in (first, *lines[1:]):
                    self._answer(answer, line.strip())

    def _obey(self, controls: ControlSignals) -> None:
        wanted = self._hotkey.take() if self._hotkey is not None else None
        if wanted is not None and wanted == self._is_paused:
            self._toggle_pause()
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

    def _answer(self, answer: Callable[[str], None], text: str) -> None:
        """Pass on what was typed; say what is wrong with it."""
        try:
            answer(text)
        except UsageError as error:
            self.warn(str(error))


def _is_text(character: str) -> bool:
    return character.isprintable() or character == "\t"

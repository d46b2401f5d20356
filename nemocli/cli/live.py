"""`nemocli live`: what is said into a microphone, or comes down a pipe, as it is said."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace

from nemocli.audio.gain import RunningGain
from nemocli.audio.options import parse_gain
from nemocli.audio.recorded_sound import OneSource, TwoSources
from nemocli.audio.recorder import Recorder
from nemocli.audio.source import LiveSource
from nemocli.boosting.phrases import Phrases
from nemocli.cli.app_nap import prevent_app_nap
from nemocli.cli.finals_program import FinalsProgram, parse_command
from nemocli.cli.hotkey import Hotkey
from nemocli.cli.live_files import check_files, lock_files
from nemocli.cli.live_loop import LiveLoop
from nemocli.cli.live_options import LiveOptions
from nemocli.cli.live_outputs import Output, check_stdout, open_lines, open_output
from nemocli.cli.live_screen import LiveScreen, open_screen
from nemocli.cli.live_server import LiveModel, open_live_server
from nemocli.cli.live_source import open_sources, parse_labels, print_devices
from nemocli.cli.live_speakers import choose_live_speakers, find_live_speakers
from nemocli.cli.loading import load_model, note_other_region, note_unspelled
from nemocli.cli.options import parse_lookahead, parse_phrases
from nemocli.cli.printable import make_printable
from nemocli.cli.screen import Screen
from nemocli.cli.signals import ControlSignals, EndRequests, find_exit_code
from nemocli.cli.speaker_choice import SpeakerChoice
from nemocli.cli.stdout_delivery import open_delivery
from nemocli.cli.streams import separate_stderr
from nemocli.cli.typist import Typist, describe_untyped, open_typing
from nemocli.errors import NemocliError
from nemocli.live.listener import Listener, StreamSummary
from nemocli.live.stream import LiveStream, StreamLimits
from nemocli.live.two_streams import MergedListeners
from nemocli.models.paths import DEMO
from nemocli.models.resolve import ResolvedModel
from nemocli.models.spec import ModelSpec
from nemocli.models.word_delays import find_word_delay
from nemocli.transcript.alignment import Align, parse_align
from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.provenance import SEPARATE, Provenance, SoundProvenance


def transcribe_live(options: LiveOptions) -> None:
    """Check what was typed, open the sound, load the model, and run the loop to its end."""
    separate_stderr()
    if options.list_devices:
        print_devices()
        return
    check_stdout(options.stdout_format)
    check_files(options)
    if options.mic and options.system:
        parse_labels(options.labels)
    spec = ModelSpec(
        options.model,
        options.runtime,
        lookahead=parse_lookahead(options.lookahead),
        compute_units=options.compute_units,
        untrained_lookahead=options.untrained_lookahead,
    )
    limits = StreamLimits(options.endpoint_ms / 1000, options.reset_after, options.rescue_after)
    layout = CueLayout(min_cue=options.min_cue)
    gain = parse_gain(options.gain)
    align = parse_align(options.align)
    phrases = parse_phrases(options.phrase, options.phrases, options.boost, options.boost_blank)
    speakers = choose_live_speakers(options)
    command = parse_command(options.on_final)
    typing = open_typing() if options.type else None
    hotkey = Hotkey(options.hotkey, options.hotkey_mode) if options.hotkey else None
    screen = Screen(options.quiet, options.plain)
    with ExitStack() as stack:
        lock_files(options, stack)
        if hotkey is not None:
            stack.enter_context(hotkey)
        # From here on, since their default would end the program while the model is loaded.
        controls = stack.enter_context(ControlSignals())
        sources = open_sources(options, sys.stdout.isatty())
        for source in sources.values():
            stack.callback(source.close)
            source.gain = RunningGain(gain)
        if options.server is not None:
            model = open_live_server(options, limits, phrases, screen)
        else:
            model = _load(
                *(spec, options, limits, align, phrases, speakers, list(sources.values()), screen)
            )
        listener = _open_listener(model, sources)
        delivery = open_delivery()
        live_screen = open_screen(options, model.lookahead, delivery)
        loop = LiveLoop(listener, list(sources.values()), live_screen, screen)
        # From here on there is something to finish, which goes on until the outputs are closed.
        requests = stack.enter_context(EndRequests())
        outputs: list[Output] = []
        written = recorder = program = typist = None
        if options.output is not None:
            about = _make_provenance(model, sources)
            growing = open_output(options.output, about, layout, options.force, loop.warn)
            outputs.append(written := stack.enter_context(growing))
        if not isinstance(live_screen, LiveScreen):
            outputs.append(open_lines(delivery, options))
        if options.save_audio is not None:
            sound = _choose_recorded(list(sources.values()))
            recorder = Recorder(options.save_audio, sound, options.force, loop.warn)
            stack.enter_context(recorder)
        if typing is not None:
            # Dictation is the user's own: what others say in a call is not typed.
            only = next(iter(sources)) if len(sources) > 1 else None
            typist = Typist(*typing, loop.warn, only)
            outputs.append(stack.enter_context(typist))
        loop.watch(typing[1] if typing else None, hotkey)
        if command is not None:
            stderr = _choose_stderr(is_drawn=isinstance(live_screen, LiveScreen))
            program = FinalsProgram(command, options.on_final_limit, stderr, loop.warn)
            outputs.append(stack.enter_context(program))
        try:
            with prevent_app_nap():
                loop.run(outputs, requests, controls)
            undelivered = loop.deliver(delivery, requests)
            if typist is not None:
                typist.finish()
            if program is not None:
                program.finish(screen.note)
        except KeyboardInterrupt as interrupt:
            # Python's own way out would crash on the listening thread, which is in native code.
            stack.close()
            os._exit(find_exit_code(interrupt))
    if not options.quiet:
        _print_summary(listener.summarize())
    failures = [listener.error, loop.failure, written.failure if written else None]
    failures += [program.failure if program else None, typist.failure if typist else None]
    if typist is not None and typist.untyped:
        screen.note(describe_untyped(typist.untyped))
    if live_screen is None:
        failures.append(_explain_undelivered(undelivered, options))
    _raise_first([*failures, recorder.failure if recorder else None])


def _load(
    spec: ModelSpec,
    options: LiveOptions,
    limits: StreamLimits,
    align: Align,
    phrases: Phrases,
    speakers: SpeakerChoice | None,
    sources: Sequence[LiveSource],
    screen: Screen,
) -> LiveModel:
    """Load the model, with microphones on already: what is said meanwhile is not lost.

    Not if they have to wait for more than the model: a key that is to be held, or a recording,
    which replaces an older one only if all else is well. Nor while a checkpoint is converted: that
    takes so long that most of the sound would be dropped, but for the demo's.
    """

    def begin(resolved: ResolvedModel, show: Callable[[str], None]) -> None:
        takes_long = resolved.needs_conversion and resolved.name != DEMO
        takes_long |= found_speakers is not None and found_speakers.takes_long
        must_wait = takes_long or options.hotkey or options.save_audio
        microphones = [source for source in sources if source.discards_in_pause]
        if must_wait or not microphones:
            return
        for microphone in microphones:
            microphone.start()
        if screen.draws:
            show("you can speak already")

    may_wait = not any(source.drops_sound for source in sources)
    found_speakers = find_live_speakers(speakers, may_wait)
    transcriber = load_model(spec, screen, begin)
    language = transcriber.resolve_language(options.lang)
    note_other_region(options.lang, language, screen)
    note_unspelled(transcriber, phrases, screen)
    if len(sources) > 1:
        transcriber.schedule(len(sources))  # so that they share calls
    model = LiveModel(
        lambda: LiveStream(transcriber, language, limits, align, phrases),
        transcriber.lookahead,
        lambda name: transcriber.make_provenance(name, language, align, phrases),
    )
    if found_speakers is None:
        return model
    word_delay_s = find_word_delay(transcriber.revision, transcriber.lookahead)
    return found_speakers.add_to(model, word_delay_s, screen)


def _choose_stderr(*, is_drawn: bool) -> int:
    """Return where messages of programs go: stderr, unless they would be amid what is drawn."""
    try:
        descriptor = sys.stderr.fileno()
    except (OSError, ValueError):  # as in tests
        return subprocess.DEVNULL
    return subprocess.DEVNULL if is_drawn and os.isatty(descriptor) else descriptor


def _open_listener(
    model: LiveModel, sources: Mapping[str | None, LiveSource]
) -> Listener | MergedListeners:
    if None in sources:
        return Listener(model.open_stream(), sources[None])
    parties = {str(label): (model.open_stream(), source) for label, source in sources.items()}
    return MergedListeners(parties)


def _make_provenance(model: LiveModel, sources: Mapping[str | None, LiveSource]) -> Provenance:
    about = model.make_provenance(", ".join(source.name for source in sources.values()))
    if None in sources:
        return about
    return replace(about, sound=SoundProvenance(1, 1, None, SEPARATE, None))


def _choose_recorded(sources: Sequence[LiveSource]) -> OneSource | TwoSources:
    return OneSource(*sources) if len(sources) == 1 else TwoSources(sources)


def _explain_undelivered(lines: int, options: LiveOptions) -> NemocliError | None:
    if not lines:
        return None
    where = f"all that was said is in {options.output}" if options.output else "--output keeps them"
    last = "line" if lines == 1 else f"{lines:,} lines"
    return NemocliError(f"stdout's reader did not take the last {last}; {where}.")


def _raise_first(failures: Iterable[Exception | None]) -> None:
    for failure in failures:
        if failure is not None:
            raise failure


def _print_summary(summary: StreamSummary | dict[str, StreamSummary]) -> None:
    named = summary if isinstance(summary, dict) else {"": summary}
    for label, each in named.items():
        name = f"{make_printable(label)}: " if label else ""
        print(f"nemocli: {name}{_summarize(each)}", file=sys.stderr)


def _summarize(summary: StreamSummary) -> str:
    dropped = ""
    if summary.dropped:
        counts = f"{summary.dropped_frames} of {summary.heard_frames} samples"
        dropped = f", {summary.dropped:.1f} s dropped ({counts})"
    gaps = ""
    if summary.gaps:
        counts = f"{summary.gap_frames} of {summary.heard_frames} samples"
        gaps = f", {summary.gaps:.1f} s without a microphone ({counts})"
    rescued = f", {summary.rescued:.1f} s heard once more" if summary.rescued else ""
    return (
        f"{summary.heard:.1f} s heard{dropped}{gaps}{rescued};"
        f" lag {summary.mean_lag:.2f} s (p95 {summary.p95_lag:.2f} s),"
        f" RTF {summary.real_time_factor:.3f}"
    )

"""The speakers of `nemocli live`: the options, and streams whose finals have speakers."""

from dataclasses import dataclass, replace

from nemocli.cli.live_options import LiveOptions
from nemocli.cli.live_server import LiveModel
from nemocli.cli.screen import Screen
from nemocli.cli.speaker_choice import SpeakerChoice, choose_speakers
from nemocli.errors import UsageError
from nemocli.live.listener import ListenedStream
from nemocli.live.speaker_mode import choose_live_mode
from nemocli.live.speaker_rows import SpeakerRows
from nemocli.live.speaker_stream import SpeakerLiveStream
from nemocli.models.load_diarizer import ResolvedDiarizer
from nemocli.models.paths import DIARIZATION_DEMO
from nemocli.transcript.provenance import Provenance


def choose_live_speakers(options: LiveOptions) -> SpeakerChoice | None:
    """Read the options about speakers; None without --speakers. Raises UsageError for nonsense."""
    choice = choose_speakers(options, by_channel=False)
    if choice is not None and options.server is not None:
        raise UsageError("--speakers needs a model in this process: leave out --server.")
    if choice is not None and options.mic and options.system:
        raise UsageError(
            "--speakers is for one sound: with --mic and --system, --labels name who speaks."
        )
    return choice


@dataclass(frozen=True)
class LiveSpeakers:
    """What finds the speakers of a live sound: a model that is not loaded yet, and options."""

    choice: SpeakerChoice
    resolved: ResolvedDiarizer
    #: Whether the sound can wait for the model. If not, some is left out where it is too slow.
    may_wait: bool

    @property
    def takes_long(self) -> bool:
        """Whether a checkpoint, other than the demo's, has to be converted first."""
        return self.resolved.needs_conversion and self.resolved.name != DIARIZATION_DEMO

    def add_to(self, model: LiveModel, word_delay_s: float, screen: Screen) -> LiveModel:
        """Load the diarization model, and return a model whose streams have speakers.

        Words come `word_delay_s` late. A note says which mode was chosen. Raises UnsupportedError
        if this machine is too slow.
        """
        options = self.choice.load(self.resolved, screen)
        assert options.diarizer is not None
        diarizer = options.diarizer
        mode, sentence = choose_live_mode(diarizer)
        screen.note(sentence)
        about = self.choice.describe(self.resolved, mode.name)

        def open_stream() -> ListenedStream:
            rows = SpeakerRows(diarizer, mode.name, options.max_speakers, self.may_wait)
            return SpeakerLiveStream(model.open_stream(), rows, options.names, word_delay_s)

        def make_provenance(name: str) -> Provenance:
            return replace(model.make_provenance(name), speakers=about)

        return LiveModel(open_stream, model.lookahead, make_provenance)


def find_live_speakers(choice: SpeakerChoice | None, may_wait: bool) -> LiveSpeakers | None:
    """Find the diarization model of the options; ModelError if it is not on this machine."""
    resolved = None if choice is None else choice.resolve()
    if choice is None or resolved is None:
        return None
    return LiveSpeakers(choice, resolved, may_wait)

"""The options about speakers, read and checked, and the model that they name."""

from dataclasses import dataclass
from typing import Protocol

from nemocli.cli.screen import Screen
from nemocli.diarization.options import SpeakerOptions, check_count
from nemocli.errors import UsageError
from nemocli.models.load_diarizer import ResolvedDiarizer, resolve_diarizer
from nemocli.models.paths import DEMO, DIARIZATION_DEMO
from nemocli.transcript.provenance import SpeakerProvenance
from nemocli.transcript.speakers import parse_speaker_names

#: Options that are for --speakers alone.
_DEPENDENT = {
    "max_speakers": "--max-speakers",
    "speaker_names": "--speaker-names",
    "speaker_model": "--speaker-model",
}


class OptionsWithSpeakers(Protocol):
    """The options of a subcommand that has these."""

    @property
    def model(self) -> str | None: ...
    @property
    def speakers(self) -> bool: ...
    @property
    def max_speakers(self) -> int | None: ...
    @property
    def speaker_names(self) -> str | None: ...
    @property
    def speaker_model(self) -> str | None: ...
    def is_typed(self, name: str) -> bool: ...


@dataclass(frozen=True)
class SpeakerChoice:
    """What finds the speakers, how many there are at most, and their names."""

    #: Whether each channel is a speaker, without any model.
    by_channel: bool
    #: The name of the model; None for the released one.
    model: str | None
    max_speakers: int | None
    names: tuple[str, ...]

    def resolve(self) -> ResolvedDiarizer | None:
        """Find the model, without loading it; None if there is none to load.

        Raises ModelError, which says how to get it, if it is not on this machine.
        """
        return None if self.by_channel else resolve_diarizer(self.model)

    def describe(self, resolved: ResolvedDiarizer | None, mode: str) -> SpeakerProvenance:
        """Return what documents say of it; `mode` is the model's."""
        if resolved is None:
            return SpeakerProvenance(None, names=self.names)
        return SpeakerProvenance(
            *(resolved.name, resolved.revision, resolved.precision, resolved.runtime, mode),
            *(self.max_speakers, self.names),
        )

    def load(self, resolved: ResolvedDiarizer | None, screen: Screen) -> SpeakerOptions:
        """Load the model, and show the progress on the screen."""
        if resolved is None:
            return SpeakerOptions(None, None, self.names)
        with screen.show_wait("loading the speaker model") as progress:
            diarizer = resolved.load(progress)
        return SpeakerOptions(diarizer, self.max_speakers, self.names)


def choose_speakers(options: OptionsWithSpeakers, by_channel: bool) -> SpeakerChoice | None:
    """Read the options about speakers; None without --speakers. Raises UsageError for nonsense.

    `by_channel` says that channels stay separate.
    """
    if not options.speakers:
        for name, typed in _DEPENDENT.items():
            if options.is_typed(name):
                raise UsageError(f"{typed} is for --speakers: add that, or leave it out.")
        return None
    if by_channel:
        for name in ("max_speakers", "speaker_model"):
            if options.is_typed(name):
                raise UsageError(
                    f"With --channels separate, each channel is a speaker: leave out"
                    f" {_DEPENDENT[name]}."
                )
    names = parse_speaker_names(options.speaker_names)
    most = None if by_channel else options.max_speakers
    if most is not None:
        check_count(names, most, "--speaker-names", "--max-speakers")
    model = options.speaker_model
    if model is None and options.model == DEMO:
        model = DIARIZATION_DEMO
    return SpeakerChoice(by_channel, model, most, names)

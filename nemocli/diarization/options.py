"""Which speakers a transcript has: what finds them, how many there are, and their names."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from types import NoneType
from typing import TYPE_CHECKING

from nemocli.arguments import check_argument
from nemocli.errors import ModelError, UsageError
from nemocli.transcript.speakers import check_speaker_names

if TYPE_CHECKING:
    from nemocli.diarization.diarizer import Diarizer
    from nemocli.network.features import FeatureConfig


#: What `names` takes, in words.
_NAMES = "a list of texts, such as ('Ann', 'Ben')"


@dataclass(frozen=True)
class SpeakerOptions:
    """Options for speakers. Raises UsageError for another type, or for what makes no sense."""

    #: The model that finds them; None: each channel of the sound is a speaker.
    diarizer: "Diarizer | None"
    #: The most speakers; None: as many as the model knows.
    max_speakers: int | None = None
    #: Names of the first ones, in the order of their first words; or of the channels.
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.diarizer is not None:
            from nemocli.diarization.diarizer import Diarizer  # it imports numpy

            check_argument("diarizer", self.diarizer, Diarizer, "a diarization model, or None")
        kinds = (Integral, NoneType)
        check_argument("max_speakers", self.max_speakers, kinds, "a whole number, or None")
        check_argument("names", self.names, (tuple, list), _NAMES)
        for name in self.names:
            check_argument("names", name, str, _NAMES)
        object.__setattr__(self, "names", tuple(self.names))
        check_speaker_names(self.names, "names")
        if self.max_speakers is not None:
            object.__setattr__(self, "max_speakers", int(self.max_speakers))
            if self.max_speakers < 1:
                raise UsageError(f"max_speakers takes at least 1, not {self.max_speakers}.")
            check_count(self.names, self.max_speakers, "names", "max_speakers")

    def check_features(self, features: "FeatureConfig") -> None:
        """Raise ModelError if the model takes other mel rows than `features`, a recognizer's."""
        if self.diarizer is not None and self.diarizer.config.features != features:
            raise ModelError(
                "The diarization model has another mel front end than the model that transcribes,"
                " so that they cannot share a file's sound: choose two that fit."
            )


def check_count(names: Sequence[str], most: int, option: str, limit: str) -> None:
    """Raise UsageError, which names the two options, for more names than speakers."""
    if len(names) > most:
        raise UsageError(
            f"{option} has {len(names)} names, and {limit} is {most}: leave out names, or allow"
            " more speakers."
        )

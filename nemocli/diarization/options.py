"""Which speakers a transcript has: what finds them, how many there are, and their names."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from nemocli.errors import ModelError, UsageError
from nemocli.transcript.speakers import check_speaker_names

if TYPE_CHECKING:
    from nemocli.diarization.diarizer import Diarizer
    from nemocli.network.features import FeatureConfig


@dataclass(frozen=True)
class SpeakerOptions:
    """Options for speakers. Raises UsageError for those that make no sense."""

    #: The model that finds them; None: each channel of the sound is a speaker.
    diarizer: "Diarizer | None"
    #: The most speakers; None: as many as the model knows.
    max_speakers: int | None = None
    #: Names of the first ones, in the order of their first words.
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_speaker_names(self.names)
        if self.max_speakers is not None:
            if self.max_speakers < 1:
                raise UsageError("There is at least one speaker: choose a larger number of them.")
            if len(self.names) > self.max_speakers:
                raise UsageError(
                    f"{len(self.names)} names are too many for {self.max_speakers} speakers: leave"
                    " some out, or allow more speakers."
                )

    def check_features(self, features: "FeatureConfig") -> None:
        """Raise ModelError if the model takes other mel rows than `features`, a recognizer's."""
        if self.diarizer is not None and self.diarizer.config.features != features:
            raise ModelError(
                "The diarization model has another mel front end than the model that transcribes,"
                " so that they cannot share a file's sound: choose two that fit."
            )

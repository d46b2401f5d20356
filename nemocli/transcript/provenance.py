"""What a transcript was made from and with, as documents say it."""

from dataclasses import asdict, dataclass
from typing import Any

from nemocli.transcript.alignment import ALIGNED, Alignment

#: The value of `SoundProvenance.channels` for channels that are transcribed separately.
SEPARATE = "separate"


@dataclass(frozen=True)
class SoundProvenance:
    """Which part of a file's sound was transcribed, and how it was changed."""

    #: The track's number, from 1.
    track: int
    #: The number of tracks in the file.
    tracks: int
    #: The track's language by the file; None if the file does not say.
    track_language: str | None
    #: `mix`, the name of the channel that was transcribed, or SEPARATE.
    channels: str
    #: dB, for each channel if they are separate; None if samples were not changed.
    gain: float | tuple[float, ...] | None


@dataclass(frozen=True)
class PhraseProvenance:
    """The list of phrases that the decoder preferred."""

    #: The number of phrases, and the SHA-256 of the list in hexadecimal.
    count: int
    sha256: str
    #: How strongly they were preferred, and whether also where the model would emit nothing; None
    #: if a server decided that and does not say.
    boost: float | None
    over_blank: bool | None


@dataclass(frozen=True)
class SpeakerProvenance:
    """How speakers were found."""

    #: The folder or name that the diarization model was loaded by; None: each channel is one.
    model: str | None
    #: SHA-256 over its checkpoint, in hexadecimal; None if unknown.
    model_revision: str | None = None
    precision: str | None = None
    runtime: str | None = None
    #: The name of its mode, such as `offline`.
    mode: str | None = None
    #: The most speakers that the user allowed; None: as many as the model knows.
    max_speakers: int | None = None
    #: The names that the user gave, in the order of the speakers' first words, or of the channels.
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """What a transcript was made from and with; `Transcriber.about` fills it in."""

    file: str
    model: str
    #: SHA-256 over the checkpoint, in hexadecimal; None if unknown.
    model_revision: str | None
    #: Precision of the encoder's weights, such as `fp32` or `int8`.
    precision: str
    runtime: str
    #: Encoder frames of 80 ms.
    lookahead: int
    #: The requested locale, or `auto`.
    requested_language: str
    #: The part of a file that was transcribed; None for a sound without tracks: a microphone's.
    sound: SoundProvenance | None = None
    #: How the times of words were aligned with the sound; None if they are the model's.
    alignment: Alignment | None = None
    #: The phrases that were preferred; None without any.
    phrases: PhraseProvenance | None = None
    #: How speakers were found; None if they were not requested.
    speakers: SpeakerProvenance | None = None

    def list_fields(self) -> dict[str, Any]:
        """Return the members of a document, without those of features that were not requested."""
        fields = asdict(self)
        del fields["alignment"]
        if self.phrases is None:
            del fields["phrases"]
        if self.speakers is None:
            del fields["speakers"]
        if self.alignment is not None:
            fields |= {"times": ALIGNED, "token_delay": self.alignment.delay}
        return fields

    @property
    def has_channels(self) -> bool:
        """Whether each segment belongs to one of several channels."""
        return self.sound is not None and self.sound.channels == SEPARATE

    @property
    def fixed_language(self) -> str | None:
        """The requested locale; None if it is `auto`."""
        return None if self.requested_language == "auto" else self.requested_language

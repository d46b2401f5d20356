"""Settings that decide how a file is transcribed and written, with an id to compare runs by."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.audio.sound import DecodedSound
from nemocli.boosting.phrases import Phrases
from nemocli.diarization.options import SpeakerOptions
from nemocli.sound_warning import SoundWarning
from nemocli.transcript.alignment import SOUND_ALONE, Align
from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, MIN_CUE, CueLayout
from nemocli.transcript.provenance import Provenance, SoundProvenance
from nemocli.version import __version__


@dataclass(frozen=True)
class Settings:
    """The model, how it is run, and how documents are laid out."""

    #: Model, runtime, precision, lookahead and language; without a file's name.
    provenance: Provenance
    layout: CueLayout = DEFAULT_LAYOUT
    sound: SoundOptions = DEFAULT_OPTIONS
    #: The phrases that `provenance` describes; None without any.
    phrases: Phrases | None = None
    #: Warnings about the language, for the documents of all files.
    warnings: tuple[SoundWarning, ...] = ()
    #: What finds the speakers that `provenance` describes; None without speakers, or if no
    #: model is loaded.
    speakers: SpeakerOptions | None = None

    @property
    def language(self) -> str:
        """Locale of the language, or `auto`."""
        return self.provenance.requested_language

    @property
    def has_speakers(self) -> bool:
        """Whether something says who speaks: a model, or a channel for each."""
        return self.provenance.speakers is not None or self.sound.is_separate

    @property
    def align(self) -> Align:
        """What to request so that word times are aligned as these settings say."""
        alignment = self.provenance.alignment
        if alignment is None:
            return None
        return SOUND_ALONE if alignment.delay is None else alignment.delay

    @cached_property
    def id(self) -> str:
        """Hash that is equal for settings that give the same documents; models' names are ignored.

        Default values of newer options are left out: runs from before they existed stay valid.
        """
        fields = self._list_fields()
        del fields["model"]
        if "speakers" in fields:
            del fields["speakers"]["model"]
        if self.layout.min_cue == MIN_CUE:
            del fields["layout"]["min_cue"]
        if self.sound == replace(DEFAULT_OPTIONS, language=self.sound.language):
            del fields["sound"]
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """Return the settings as plain data, with their id."""
        return {"id": self.id, "nemocli": __version__, **self._list_fields()}

    def describe_file(self, name: str, decoded: DecodedSound | None = None) -> Provenance:
        """Return the provenance of a file's document, including how its sound was decoded."""
        sound = None if decoded is None else SoundProvenance(**asdict(decoded))
        return replace(self.provenance, file=name, sound=sound)

    def _list_fields(self) -> dict[str, Any]:
        fields = self.provenance.list_fields()
        del fields["file"], fields["sound"]  # these differ from file to file
        sound = asdict(self.sound)
        del sound["language"]  # it is in `provenance`
        return {**fields, "layout": asdict(self.layout), "sound": sound}

"""What decides a transcript besides its sound, so that what is done can be known again."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

from nemocli.audio import DEFAULT_OPTIONS, DecodedSound, SoundOptions
from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, MIN_CUE, CueLayout
from nemocli.transcript.writer import Provenance, SoundProvenance
from nemocli.version import __version__


@dataclass(frozen=True)
class Settings:
    """The model, how it is run, and how documents are laid out."""

    #: Of no file.
    about: Provenance
    layout: CueLayout = DEFAULT_LAYOUT
    sound: SoundOptions = DEFAULT_OPTIONS

    @property
    def language(self) -> str:
        """The locale, or `auto`."""
        return self.about.requested_language

    @cached_property
    def id(self) -> str:
        """The same for settings that give the same documents, whatever the model is called."""
        fields = self._fields()
        del fields["model"]
        if self.layout.min_cue == MIN_CUE:  # what was done before it could be chosen is not new
            del fields["layout"]["min_cue"]
        if self.sound == replace(DEFAULT_OPTIONS, language=self.sound.language):
            del fields["sound"]  # nor here
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "nemocli": __version__, **self._fields()}

    def about_file(self, name: str, decoded: DecodedSound | None = None) -> Provenance:
        """What the document of a file of this name tells of itself, and of what was decoded."""
        sound = None if decoded is None else SoundProvenance(**asdict(decoded))
        return replace(self.about, file=name, sound=sound)

    def _fields(self) -> dict[str, Any]:
        fields = asdict(self.about)
        del fields["file"], fields["sound"]  # which are each file's own
        sound = asdict(self.sound)
        del sound["language"]  # which is that of `about`
        return {**fields, "layout": asdict(self.layout), "sound": sound}

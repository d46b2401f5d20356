"""What decides a transcript besides its sound, so that what is done can be known again."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from nemocli.transcriber import Transcriber
from nemocli.transcript.formats import About
from nemocli.version import __version__


@dataclass(frozen=True)
class Settings:
    """The model and how it is run; also what a document says it was made with."""

    #: As what it was loaded: `demo`, or its folder. The revision decides.
    model: str
    revision: str | None
    precision: str
    runtime: str
    lookahead: int
    #: The locale, or `auto`.
    language: str
    #: The options of the written formats.
    layout: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """The same for settings that give the same documents."""
        fields = {name: value for name, value in asdict(self).items() if name != "model"}
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        return {"id": self.id, "nemocli": __version__, **asdict(self)}

    def about(self, name: str) -> About:
        """What the document of a file of this name tells of itself."""
        return About(
            file=name,
            model=self.model,
            runtime=self.runtime,
            lookahead=self.lookahead,
            requested_language=self.language,
        )


def settings_of(
    transcriber: Transcriber, language: str, layout: dict[str, Any] | None = None
) -> Settings:
    """Those of a loaded model and a resolved language."""
    return Settings(
        transcriber.model_name,
        transcriber.revision,
        transcriber.precision,
        transcriber.runtime,
        transcriber.lookahead,
        language,
        layout or {},
    )

"""The model that `nemocli file` was asked to run, loaded or only described."""

from dataclasses import dataclass

from nemocli.cli.loading import load_model, note_other_region
from nemocli.cli.screen import Screen
from nemocli.engine.languages import Languages
from nemocli.jobs.settings import Settings
from nemocli.models.described import describe_model
from nemocli.models.hub import DEFAULT_MODEL
from nemocli.transcriber import Transcriber
from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.writer import Provenance


@dataclass(frozen=True)
class ModelChoice:
    """The options that say which model is run, and how."""

    model: str | None
    runtime: str
    lookahead: int | None
    compute_units: str | None
    lang: str
    layout: CueLayout

    def load(self, screen: Screen) -> tuple[Transcriber, Settings]:
        """The model, and the settings that decide its transcripts."""
        transcriber = load_model(
            self.model, self.runtime, self.lookahead, self.compute_units, screen
        )
        language = transcriber.resolve_language(self.lang)
        note_other_region(self.lang, language, screen)
        return transcriber, Settings(transcriber.about("", language), self.layout)

    def describe(self) -> Settings:
        """The settings it would have, without loading it; ModelError if it is not here."""
        described = describe_model(self.model or DEFAULT_MODEL, self.runtime, self.lookahead)
        about = Provenance(
            "",
            described.name,
            described.revision,
            described.precision,
            described.runtime,
            described.lookahead,
            Languages(described.config).find(self.lang).tag,
        )
        return Settings(about, self.layout)

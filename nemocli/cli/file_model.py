"""The model of `nemocli file`, loaded or only resolved."""

from dataclasses import dataclass, replace

from nemocli.audio.options import DEFAULT_OPTIONS, SoundOptions
from nemocli.boosting.phrases import Phrases, describe_phrases
from nemocli.cli.loading import load_model, note_language, note_unspelled
from nemocli.cli.screen import Screen
from nemocli.cli.speaker_choice import SpeakerChoice
from nemocli.diarization.modes import OFFLINE
from nemocli.engine.languages import Languages
from nemocli.jobs.settings import Settings
from nemocli.models.resolve import resolve
from nemocli.models.spec import ModelSpec
from nemocli.models.word_delays import choose_alignment
from nemocli.sound_warning import SoundWarning
from nemocli.transcriber import Transcriber
from nemocli.transcript.alignment import Align
from nemocli.transcript.cue_layout import CueLayout
from nemocli.transcript.provenance import Provenance


@dataclass(frozen=True)
class ModelChoice:
    """The options that choose the model, and how it is run."""

    model: str | None
    runtime: str
    lookahead: int | None
    compute_units: str | None
    lang: str
    layout: CueLayout
    sound: SoundOptions = DEFAULT_OPTIONS
    align: Align = None
    phrases: Phrases | None = None
    untrained_lookahead: bool = False
    #: What finds the speakers; None without --speakers.
    speakers: SpeakerChoice | None = None

    @property
    def spec(self) -> ModelSpec:
        """These options as a ModelSpec."""
        return ModelSpec(
            self.model,
            self.runtime,
            lookahead=self.lookahead,
            compute_units=self.compute_units,
            purpose="files",
            untrained_lookahead=self.untrained_lookahead,
        )

    def load(self, screen: Screen) -> tuple[Transcriber, Settings]:
        """Load the model; return it with the settings of its transcripts."""
        diarizer = self.speakers.resolve() if self.speakers else None
        transcriber = load_model(self.spec, screen)
        language = note_language(self.lang, transcriber, screen)
        note_unspelled(transcriber, self.phrases, screen)
        about = transcriber.make_provenance("", language, self.align, self.phrases)
        speakers = None
        if self.speakers is not None:
            about = replace(about, speakers=self.speakers.describe(diarizer, OFFLINE))
            speakers = self.speakers.load(diarizer, screen)
        warning = transcriber.warn_of_language(language)
        warnings = () if warning is None else (SoundWarning("language", 0.0, warning),)
        return transcriber, Settings(
            about, self.layout, self.sound, self.phrases, warnings, speakers
        )

    def describe(self) -> Settings:
        """Return the settings without loading the model; ModelError if it is not here."""
        resolved = resolve(self.spec)
        about = Provenance(
            "",
            resolved.name,
            resolved.revision,
            resolved.precision,
            resolved.runtime,
            resolved.lookahead,
            Languages(resolved.config).find(self.lang).tag,
            alignment=choose_alignment(self.align, resolved.revision, resolved.lookahead),
            phrases=describe_phrases(self.phrases),
        )
        if self.speakers is not None:
            diarizer = self.speakers.resolve()
            about = replace(about, speakers=self.speakers.describe(diarizer, OFFLINE))
        return Settings(about, self.layout, self.sound, self.phrases)

"""The model of `nemocli live --speakers`: streams whose finals have speakers."""

from dataclasses import replace

from nemocli.cli.live_server import LiveModel
from nemocli.cli.screen import Screen
from nemocli.cli.speaker_choice import SpeakerChoice
from nemocli.live.listener import ListenedStream
from nemocli.live.speaker_mode import choose_live_mode
from nemocli.live.speaker_rows import SpeakerRows
from nemocli.live.speaker_stream import SpeakerLiveStream
from nemocli.models.load_diarizer import ResolvedDiarizer
from nemocli.transcript.provenance import Provenance


def add_live_speakers(
    model: LiveModel,
    choice: SpeakerChoice,
    resolved: ResolvedDiarizer,
    word_delay_s: float,
    screen: Screen,
) -> LiveModel:
    """Load the diarization model, and return a model whose streams have speakers.

    A note says which mode was chosen. Raises UnsupportedError if this machine is too slow.
    """
    options = choice.load(resolved, screen)
    assert options.diarizer is not None
    diarizer = options.diarizer
    mode, sentence = choose_live_mode(diarizer)
    screen.note(sentence)
    about = choice.describe(resolved, mode.name)

    def open_stream() -> ListenedStream:
        rows = SpeakerRows(diarizer, mode.name, options.max_speakers)
        return SpeakerLiveStream(model.open_stream(), rows, options.names, word_delay_s)

    def make_provenance(name: str) -> Provenance:
        return replace(model.make_provenance(name), speakers=about)

    return LiveModel(open_stream, model.lookahead, make_provenance)

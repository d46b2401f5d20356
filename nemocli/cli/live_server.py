"""The model of `nemocli live` as its loop uses it, and one on a server."""

from collections.abc import Callable
from dataclasses import dataclass

from nemocli.boosting.phrases import Phrases
from nemocli.cli.live_options import LiveOptions
from nemocli.cli.screen import Screen
from nemocli.errors import UsageError
from nemocli.live.listener import ListenedStream
from nemocli.live.stream import StreamLimits
from nemocli.transcript.provenance import Provenance

#: Options that only a model of this process obeys.
LOCAL_OPTIONS = (
    *("lookahead", "untrained_lookahead", "align", "boost", "boost_blank"),
    *("reset_after", "rescue_after", "runtime", "compute_units"),
)


@dataclass(frozen=True)
class LiveModel:
    """What opens streams of a model, and what the screen and the outputs say of it."""

    open_stream: Callable[[], ListenedStream]
    lookahead: int
    #: Returns what a document says of a transcript of a source with that name.
    make_provenance: Callable[[str], Provenance]


def open_live_server(
    options: LiveOptions, limits: StreamLimits, phrases: Phrases, screen: Screen
) -> LiveModel:
    """Connect to the server of the options.

    Raises UsageError for options that are for a model of this process, and NemocliError if the
    server does not answer.
    """
    from nemocli.remote.model import find_model
    from nemocli.remote.phrases import prepare_phrases
    from nemocli.remote.server import parse_server
    from nemocli.remote.stream import RemoteStream

    assert options.server is not None
    for name in LOCAL_OPTIONS:
        if options.is_typed(name):
            typed = f"--{name.replace('_', '-')}"
            raise UsageError(f"{typed} is for a model of this process: the server decides it.")
    address = parse_server(options.server, options.server_key)
    model = find_model(address, options.model)
    prepared = prepare_phrases(model, phrases)
    for text in prepared.notes:
        screen.note(text)
    lang = model.resolve_language(options.lang)
    if not model.is_ours:
        screen.note("This server sends no times of words: they are estimated, without confidence.")
    return LiveModel(
        lambda: RemoteStream(model, options.lang, limits, prepared.phrases),
        model.lookahead,
        lambda name: model.make_provenance(name, lang, prepared.about),
    )

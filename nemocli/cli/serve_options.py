"""The options of `nemocli serve`."""

from dataclasses import dataclass
from typing import Annotated

import typer

from nemocli.boosting.phrases import DEFAULT_BOOST
from nemocli.cli.options import (
    Boost,
    BoostBlank,
    ComputeUnits,
    Language,
    Lookahead,
    MaxSpeakers,
    Model,
    PhraseFile,
    PhraseTexts,
    Quiet,
    Runtime,
    SpeakerModel,
    UntrainedLookahead,
    option,
)


@dataclass(frozen=True)
class ServeOptions:
    """Serve one loaded model to many programs: OpenAI's interfaces, Wyoming, and a page.

    By default, it listens on this machine only. It ends by Ctrl-C or SIGTERM, when clients have
    finished what they have begun.
    """

    context: typer.Context
    model: Model = None
    lang: Language = "auto"
    lookahead: Lookahead = None
    untrained_lookahead: UntrainedLookahead = False
    phrase: PhraseTexts = None
    phrases: PhraseFile = None
    boost: Boost = DEFAULT_BOOST
    boost_blank: BoostBlank = False
    speakers: Annotated[
        bool,
        option(
            "Load --speaker-model too, which finds who speaks in files whose clients ask for"
            " response_format diarized_json.",
            "--speakers",
        ),
    ] = False
    max_speakers: MaxSpeakers = None
    speaker_model: SpeakerModel = None
    host: Annotated[
        str,
        option(
            "Address to listen at. Another than this machine's own needs --api-key.",
            "--host",
            variable="SERVE_HOST",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        int, option("Port to listen at; 0: any.", "--port", variable="SERVE_PORT", min=0, max=65535)
    ] = 8000
    api_key: Annotated[
        str | None,
        option(
            "Key that clients must send. In its variable, other users of this machine do not see"
            " it.",
            "--api-key",
        ),
    ] = None
    cors: Annotated[
        list[str] | None,
        option(
            "Origin of another page that may use the server, such as https://example.org; may be"
            " given several times; * for all.",
            "--cors",
            metavar="ORIGIN",
        ),
    ] = None
    max_streams: Annotated[
        int | None,
        option(
            "Live streams at once; more are refused. By default as many as this machine serves in"
            " time, by what is measured at the start.",
            "--max-streams",
            min=1,
        ),
    ] = None
    max_upload: Annotated[
        str, option("Largest upload, such as 512M or 2G.", "--max-upload", metavar="SIZE")
    ] = "512M"
    wyoming_port: Annotated[
        int | None,
        option(
            "Also serve the Wyoming protocol, for Home Assistant, at this port, usually 10300.",
            "--wyoming-port",
            min=0,
            max=65535,
        ),
    ] = None
    wyoming_host: Annotated[
        str,
        option(
            "Address for it. The protocol knows no keys: at another address than this machine's"
            " own, everyone who reaches the port may use it.",
            "--wyoming-host",
        ),
    ] = "127.0.0.1"
    runtime: Runtime = "auto"
    compute_units: ComputeUnits = None
    quiet: Quiet = False

    @property
    def speaker_names(self) -> None:
        """None: files of different people have no names in common."""

    def is_typed(self, name: str) -> bool:
        """Tell whether a field was given on the command line, not by a variable or by default."""
        source = self.context.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"

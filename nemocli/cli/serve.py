"""`nemocli serve`: one loaded model for many programs."""

import logging
import os
import sys
from collections.abc import Callable
from dataclasses import replace

import typer

from nemocli.cli.app_nap import prevent_app_nap
from nemocli.cli.file_inputs import parse_bytes
from nemocli.cli.loading import load_model, note_language, note_unspelled
from nemocli.cli.options import PREFIX, parse_lookahead, parse_phrases
from nemocli.cli.screen import Screen
from nemocli.cli.serve_options import ServeOptions
from nemocli.cli.speaker_choice import choose_speakers
from nemocli.cli.streams import say, separate_stderr
from nemocli.errors import NemocliError, UnsupportedError
from nemocli.models.spec import ModelSpec

try:
    from nemocli.server.run import open_sockets, serve
    from nemocli.server.settings import ServerSettings, is_loopback
except ModuleNotFoundError as missing:
    raise UnsupportedError(
        f"nemocli serve needs more packages: pip install 'nemocli[serve]' ({missing})."
    ) from None


def serve_model(options: ServeOptions) -> None:
    """Check the options, take the port, load the model, and serve until a signal.

    Raises typer.Exit with a code if clients were cut off in the end.
    """
    separate_stderr()
    settings = ServerSettings(
        host=options.host,
        port=options.port,
        api_key=_read_key(options.api_key),
        cors=tuple(options.cors or ()),
        max_upload=parse_bytes(options.max_upload, "--max-upload") or 0,
        lang=options.lang,
        phrases=parse_phrases(options.phrase, options.phrases, options.boost, options.boost_blank),
        wyoming_host=options.wyoming_host,
        wyoming_port=options.wyoming_port,
    )
    spec = ModelSpec(
        options.model,
        options.runtime,
        lookahead=parse_lookahead(options.lookahead),
        compute_units=options.compute_units,
        untrained_lookahead=options.untrained_lookahead,
    )
    speakers = choose_speakers(options, by_channel=False)
    screen = Screen(options.quiet)
    if settings.wyoming_port is not None and not is_loopback(settings.wyoming_host):
        screen.note(
            f"Wyoming knows no keys: everyone who reaches {settings.wyoming_host},"
            f" port {settings.wyoming_port} may use it."
        )
    sockets = open_sockets(settings)  # before the model is loaded, which takes long
    try:
        diarizer = None if speakers is None else speakers.resolve()
        transcriber = load_model(spec, screen)
        note_language(options.lang, transcriber, screen)
        note_unspelled(transcriber, settings.phrases, screen)
        if speakers is not None:
            loaded = speakers.load(diarizer, screen)
            transcriber.check_request(speakers=loaded)
            settings = replace(settings, speakers=loaded)
        with transcriber.schedule(options.max_streams) as scheduler:
            port = sockets[0].getsockname()[1]
            url = f"http://{_format_host(settings.host)}:{port}"

            def report_ready(_: Callable[[], None]) -> None:
                print(url, flush=True)
                streams = scheduler.max_streams
                screen.note(
                    f"Serving {transcriber.model_name}, up to {streams} live streams; Ctrl-C ends."
                )
                if len(sockets) > 1:
                    screen.note(f"Wyoming is at port {sockets[1].getsockname()[1]}.")

            _log_sentences(options.quiet)
            with prevent_app_nap():
                is_finished = serve(transcriber, scheduler, settings, sockets, report_ready)
    finally:
        for each in sockets:
            each.close()
    if not is_finished:
        say("Clients were cut off, since they did not finish in time.")
        raise typer.Exit(NemocliError.exit_code)


def _read_key(key: str | None) -> str | None:
    """Return the key; an empty one if its variable is empty, which is read as no variable.

    A secret that was not filled in must not open the server to everyone.
    """
    return "" if key is None and os.environ.get(f"{PREFIX}API_KEY") == "" else key


def _format_host(host: str) -> str:
    """Return a host as it stands in an address."""
    bare = host.strip("[]")
    return f"[{bare}]" if ":" in bare else bare


def _log_sentences(is_quiet: bool) -> None:
    """Print what the server logs, and not what its libraries do, which is known already."""
    logging.getLogger("nemocli.server").addHandler(_Sentences(is_quiet))
    for name in ("uvicorn", "websockets", "python_multipart"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class _Sentences(logging.Handler):
    """Prints what the server logs: failures, which say nothing about what was said."""

    def __init__(self, is_quiet: bool) -> None:
        super().__init__(logging.ERROR if is_quiet else logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        print(f"nemocli: {record.getMessage()}", file=sys.stderr, flush=True)

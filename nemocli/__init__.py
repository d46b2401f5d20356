"""Streaming speech to text with Nemotron 3.5 ASR Streaming 0.6B and its English sibling.

import nemocli

transcriber = nemocli.load()
print(transcriber.transcribe("talk.flac").text)

session = transcriber.session(lang="ja-JP")
update = session.feed(samples)  # float32, 16 kHz, mono; any number at a time
print(nemocli.join_words(update.final + update.growing))
print(session.finish().text)
"""

from nemocli.version import __version__

# All else is imported at its first use. `nemocli --help` does not need numpy, which the engine
# imports; and Ctrl-C during a slow import would print a traceback.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from os import PathLike

    from nemocli.boosting.phrases import Phrases
    from nemocli.diarization.diarizer import Diarizer
    from nemocli.diarization.options import SpeakerOptions
    from nemocli.engine.session import Session
    from nemocli.errors import (
        AudioError,
        ModelError,
        NemocliError,
        UnsupportedError,
        UsageError,
    )
    from nemocli.progress import Progress
    from nemocli.provision import convert, list_models, pull
    from nemocli.transcriber import Transcriber
    from nemocli.transcript.speakers import Speaker, Turn
    from nemocli.transcript.types import Token, Transcript, Update, Word, join_words

__all__ = [
    "AudioError",
    "Diarizer",
    "ModelError",
    "NemocliError",
    "Phrases",
    "Session",
    "Speaker",
    "SpeakerOptions",
    "Token",
    "Transcriber",
    "Transcript",
    "Turn",
    "UnsupportedError",
    "Update",
    "UsageError",
    "Word",
    "__version__",
    "convert",
    "join_words",
    "list_models",
    "load",
    "load_diarizer",
    "pull",
]

_MODULES = {
    **dict.fromkeys(
        ("AudioError", "ModelError", "NemocliError", "UnsupportedError", "UsageError"),
        "nemocli.errors",
    ),
    "Diarizer": "nemocli.diarization.diarizer",
    "Phrases": "nemocli.boosting.phrases",
    "Session": "nemocli.engine.session",
    "SpeakerOptions": "nemocli.diarization.options",
    "Transcriber": "nemocli.transcriber",
    **dict.fromkeys(("Speaker", "Turn"), "nemocli.transcript.speakers"),
    **dict.fromkeys(("convert", "list_models", "pull"), "nemocli.provision"),
    **dict.fromkeys(
        ("Token", "Transcript", "Update", "Word", "join_words"), "nemocli.transcript.types"
    ),
}


def load(
    model: "str | PathLike[str] | None" = None,
    *,
    runtime: str = "auto",
    precision: str | None = None,
    lookahead: int | None = None,
    compute_units: str | None = None,
    untrained_lookahead: bool = False,
    progress: "Progress | bool | None" = None,
) -> "Transcriber":
    """Load a model: by default the released one, as the commands do.

    `model` may be `demo`, a folder written by `nemocli convert`, a checkpoint, a .nemo file, or the
    name of a model that was pulled. `runtime` is the name of one; `auto` is the one that a model
    folder was written for, and for a checkpoint the one that `nemocli bench --choose` found to be
    the fastest for a live stream, or else the one that suits this machine. `precision`, such as
    `int8`, is what a checkpoint is converted to, once, into the cache folder; `lookahead` is 0, 3,
    6 or 13 encoder frames of 80 ms (of the English model 0, 1, 6 or 13), or with
    `untrained_lookahead` one that the model was not trained for; `compute_units`, such as `gpu`,
    are those of Core ML, MLX and Core AI. Each has a default by the runtime or the checkpoint.
    `progress` is called with a sentence before each step that takes long; True writes it to stderr,
    which a notebook shows too.

    Raises ModelError if the model is damaged or missing, with the command that gets it; UsageError
    for an unknown option; UnsupportedError for a runtime that this machine does not have.
    """
    from numbers import Integral
    from os import PathLike
    from pathlib import Path
    from types import NoneType

    from nemocli.arguments import check_argument
    from nemocli.models.spec import ModelSpec
    from nemocli.progress import report_to
    from nemocli.transcriber import load_transcriber

    check_argument("model", model, (str, PathLike, NoneType), "a path or the name of a model")
    check_argument("runtime", runtime, str, "the name of a runtime, such as 'auto' or 'onnx'")
    check_argument("precision", precision, (str, NoneType), "a name such as 'int8'")
    check_argument("lookahead", lookahead, (Integral, NoneType), "a whole number, such as 3")
    check_argument("compute_units", compute_units, (str, NoneType), "a name such as 'cpu'")
    check_argument("untrained_lookahead", untrained_lookahead, bool, "True or False")
    lookahead = None if lookahead is None else int(lookahead)
    model = Path(model) if isinstance(model, PathLike) else model
    with report_to(progress) as report:
        spec = ModelSpec(
            *(model, runtime, precision, lookahead, compute_units),
            untrained_lookahead=untrained_lookahead,
        )
        return load_transcriber(spec, report)


def load_diarizer(
    model: "str | PathLike[str] | None" = None,
    *,
    runtime: str = "auto",
    precision: str | None = None,
    progress: "Progress | bool | None" = None,
) -> "Diarizer":
    """Load a model that finds who speaks, for `Transcriber.transcribe`.

    By default it is the released one. `model` may be `demo`, a folder written by `nemocli convert`,
    a checkpoint, or the name of a model that was pulled; `runtime`, `precision` and `progress` are
    as for `load`, and so are the errors.
    """
    from os import PathLike
    from pathlib import Path
    from types import NoneType

    from nemocli.arguments import check_argument
    from nemocli.models import load_diarizer as module
    from nemocli.progress import report_to

    check_argument("model", model, (str, PathLike, NoneType), "a path or the name of a model")
    check_argument("runtime", runtime, str, "the name of a runtime, such as 'auto' or 'onnx'")
    check_argument("precision", precision, (str, NoneType), "a name such as 'int8'")
    model = Path(model) if isinstance(model, PathLike) else model
    with report_to(progress) as report:
        return module.load_diarizer(model, runtime, precision, report)


def __getattr__(name: str) -> object:
    if name in _MODULES:
        import importlib

        return getattr(importlib.import_module(_MODULES[name]), name)
    raise AttributeError(f"module 'nemocli' has no attribute {name!r}")

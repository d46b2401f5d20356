"""The written formats by name, and whole transcripts in them.

The command line's help is made from them, so this imports nothing heavy.
"""

import json
from importlib import import_module

from nemocli.transcript.cue_layout import DEFAULT_LAYOUT, CueLayout
from nemocli.transcript.json_documents import format_json
from nemocli.transcript.provenance import Provenance
from nemocli.transcript.segments import split_segments
from nemocli.transcript.types import Transcript
from nemocli.transcript.writer import WholeTranscript, Writer

__all__ = [
    "FORMATS",
    "CueLayout",
    "Provenance",
    "WholeTranscript",
    "Writer",
    "render_json_line",
    "render_whole",
]

#: The files of nemocli/transcript with WRITERS, in the order of help texts.
_MODULES = (
    "plain_text",
    "json_documents",
    "tsv",
    "subtitles",
    "rttm",
)

#: The formats by name, which is also the files' extension.
FORMATS: dict[str, type[Writer]] = {
    writer.name: writer
    for module in _MODULES
    for writer in import_module(f"nemocli.transcript.{module}").WRITERS
}


_NOTHING = Provenance(
    file="",
    model="",
    model_revision=None,
    precision="",
    runtime="",
    lookahead=0,
    requested_language="auto",
)


def render_whole(result: WholeTranscript, name: str, layout: CueLayout = DEFAULT_LAYOUT) -> str:
    """Return the document of a whole transcript, in one of the FORMATS."""
    transcript, language = result.transcript, result.about.fixed_language
    segments = split_segments(transcript.words, transcript.tokens, language)
    writer = FORMATS[name](result.about, layout)
    return "".join(writer.write_whole(transcript, segments, result.warnings))


def write_transcript(transcript: Transcript, name: str, layout: CueLayout = DEFAULT_LAYOUT) -> str:
    """Return the document of a transcript whose file and model are not known, such as srt."""
    return render_whole(WholeTranscript(_NOTHING, transcript), name, layout)


def render_json_line(result: WholeTranscript) -> str:
    """Return the JSON document of a whole transcript on a single line."""
    return format_json(json.loads(render_whole(result, "json"))) + "\n"

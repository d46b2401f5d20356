"""The command lines that stand in the documents, and why some of them are not run."""

import re
import shlex
from dataclasses import dataclass

from scripts.make_docs import ROOT

PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "examples" / "README.md",
]

#: What a test puts in the place of what a person has: the demo for any model.
SUBSTITUTES = [
    (r"nvidia/nemotron-3\.5-asr-streaming-0\.6b", "demo"),
    (r"\bCHECKPOINT\b", "demo"),
    (r"\.venv/bin/nemocli", "nemocli"),
    (r"\.venv/bin/", ""),
    (r"radio\.m3u8", "talk.flac"),
    (r"(nemocli (?:file|live))(?!.*--(?:model|server))", r"\1 --model model"),
]

#: Command lines that are not run, by how they begin, and why. Those of nemocli are parsed all the
#: same; of scripts, their options are looked for.
NOT_RUN = {
    "nemocli live --lang": "a microphone: tests/cli/test_live_microphone.py",
    "nemocli live --model demo --input": "24 s: tests/documents/test_picture.py",
    "nemocli live --output": "a microphone; tests/cli/test_live.py has these options",
    "nemocli live --on-final": "a microphone: tests/cli/test_finals_program.py",
    "nemocli live --speakers": "a microphone: tests/cli/test_speakers.py",
    "nemocli live --type": "a microphone and a window: tests/cli/test_typist.py",
    "nemocli live --list-devices": "PortAudio",
    "nemocli live --model nvidia": "a microphone: tests/cli/test_live_microphone.py",
    "nemocli convert nvidia/nemotron-speech": "the hub: tests/cli/test_english.py converts one",
    "nemocli convert nvidia/Nemotron-3": "the hub: tests/models/test_diarizer_downloads.py does it",
    "nemocli models pull": "the hub: tests/models/test_pull.py has one of its own",
    "nemocli models remove": "would remove it: tests/cli/test_models.py",
    "nemocli convert CHECKPOINT --to core": "a minute: tests/models/test_convert.py, tests/oracle",
    "nemocli file talk.mp3 --model model-coreml": "a Mac",
    "nemocli file talk.mp3 --model mlboydaisuke": "the hub: tests/models/test_pull_bundle.py",
    "nemocli file recordings/ -r --output-dir transcripts --cluster": (
        "Ray, seconds: tests/cli/test_file_cluster.py"
    ),
    "nemocli bench": "half a minute and more: tests/cli/test_bench.py has fewer repeats",
    "nemocli phrases check": "a list of phrases: tests/cli/test_phrases.py",
    "nemocli file talk.mp3 --phrases": "a list of phrases: tests/cli/test_phrases.py",
    "nemocli doctor --verify": "a minute: tests/bench/test_verify.py",
    "nemocli serve": "runs until it is ended: tests/server",
    "nemocli file meeting.flac --speakers": "a speaker model: tests/cli/test_speakers.py",
    "nemocli file call.wav --speakers": "sound of two channels: tests/cli/test_speakers.py",
    "nemocli file talk.mp3 --server": "a server: tests/server/test_remote.py",
    "nemocli live --mic": "a microphone and a loudspeaker: tests/cli/test_live_system.py",
    "nemocli live --server": "a server: tests/server/test_remote.py",
    "curl http": "a server: tests/server/test_requests.py",
    "python3 -m venv": "the network: .ci/run does it",
    ".venv/bin/pip install": "the network: .ci/run does it",
    ".venv/bin/pytest": "this is it",
    ".venv/bin/coverage": "minutes",
    ".venv/bin/mutmut": "an hour",
    ".venv/bin/ruff": ".ci/run does it",
    ".venv/bin/mypy": ".ci/run does it",
    "pytest -m": "minutes, and gigabytes of memory",
    "pip install": "the network",
    "sudo apt install": "the network, and root",
    "source .venv/bin/activate": "of the shell that is left with it",
    "python scripts/make_docs.py": "tests/documents/test_made.py",
    "python scripts/draw_terminal.py": "tests/documents/test_picture.py",
    "python examples/": "tests/examples",
    "python scripts/": "minutes or hours, and their own data",
}


@dataclass(frozen=True)
class CommandLine:
    """One, as it stands in a page."""

    page: str
    text: str

    @property
    def reason(self):
        """Why it is not run; None if it is."""
        begins = [begin for begin in NOT_RUN if self.text.startswith(begin)]
        return NOT_RUN[max(begins, key=len)] if begins else None

    @property
    def substituted(self):
        text = self.text
        for pattern, instead in SUBSTITUTES:
            text = re.sub(pattern, instead, text)
        return text


def command_lines():
    """Those in blocks of shell, each once, without the remarks behind them."""
    found = {}
    for page in PAGES:
        blocks = re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
        for line in "".join(blocks).replace("\\\n", " ").splitlines():
            text = re.sub(r"\s+#.*", "", line).strip()
            if text and not text.startswith("#"):
                found.setdefault(text, CommandLine(page.name, text))
    return list(found.values())


def inline_commands():
    """`nemocli …` in the text of pages, each once, with the page it stands in."""
    found = {}
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for command in re.findall(r"`(nemocli [^`]+)`", text):
            found.setdefault(command, page.name)
    return found


def nemocli_parts(line):
    """The arguments of each nemocli in a command line with pipes, `&&` and redirections."""
    words = shlex.shlex(line, posix=True, punctuation_chars="|&<>")
    words.wordchars += ":"  # of addresses
    parts, part = [], None
    for word in words:
        if set(word) <= set("|&<>"):
            part = None
        elif word == "nemocli" and part is None:
            part = []
            parts.append(part)
        elif part is not None:
            part.append(word)
    return parts

"""Fuzz targets: logs of earlier runs, manifests, lists, and arguments."""

import json
import os
from collections.abc import Hashable
from pathlib import Path
from random import Random

from nemocli.bench.dataset import read_utterances
from nemocli.cli.printable import make_path_printable
from nemocli.engine.languages import Languages
from nemocli.errors import NemocliError
from nemocli.jobs.claims import Claims
from nemocli.jobs.extensions import parse_extensions
from nemocli.jobs.inputs import Source
from nemocli.jobs.names import choose_names
from nemocli.jobs.output_folder import OWN_FOLDER
from nemocli.jobs.path_list import read_list
from nemocli.jobs.plan import (
    RunOptions,
    decide_by_log,
    find_changed_outputs,
    make_jobs,
    refuse_foreign,
)
from nemocli.jobs.run_log import Record, RunLog
from nemocli.jobs.settings import Settings
from nemocli.jobs.transcript_files import parse_formats
from nemocli.models.hub import parse_hub_model
from nemocli.models.measured_choices import Choice, Variant, read_choice_file
from nemocli.runtimes.kinds import KINDS
from nemocli.runtimes.machine import describe_machine
from nemocli.runtimes.system import read_system
from tests.fuzz import tiny
from tests.fuzz.mutations import damage, damage_json, damage_lines
from tests.fuzz.target import BrokenError, Target
from tests.fuzz.transcripts import ABOUT

SETTINGS = Settings(ABOUT)
DONE = Record("a.wav", "done", "a", ("txt", "srt"), SETTINGS.id, 3, 5, "0" * 64, 1.5)


def _lines() -> bytes:
    entries = [
        {"manifest": 1},
        {"settings": SETTINGS.to_json()},
        {"file": {"input": "a.wav", "state": "begun", "name": "a", "formats": ["txt"]}},
        {"documents": {"input": "a.wav", "sha256": {"a.txt": "0" * 64, "a.srt": None}}},
        {"file": _fields(DONE)},
        {"file": _fields(DONE) | {"input": "b/a.wav", "name": "b/a", "state": "failed"}},
    ]
    return b"".join(json.dumps(entry).encode() + b"\n" for entry in entries)


def _fields(record: Record) -> dict[str, object]:
    names = ("input", "state", "name", "formats", "settings", "size", "mtime_ns", "sha256")
    return {name: getattr(record, name) for name in names}


def _damage_json_lines(data: bytes, random: Random) -> bytes:
    """Lines of JSON: changed in their values, or as lines."""
    if random.random() < 0.3:
        return damage_lines(data, random, (b"{}", b"\xff", b"[" * 2000, b'{"file":{}}'))
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    changed = damage_json(lines[at], random).replace(b"\n", b" ")
    if random.random() < 0.3:
        name = random.choice(("../x", "/x", "a/../../x", "", ".", "..", "a\u0000", "x\\..\\y", "~"))
        changed = changed.replace(b'"name": "a"', b'"name": ' + json.dumps(name).encode())
    if random.random() < 0.3:
        lines.insert(at, changed)
    else:
        lines[at] = changed
    return b"\n".join(lines)


def resume(folder: Path) -> Target:
    """The log of an output folder: any line is ignored, or valid and usable."""
    own = folder / OWN_FOLDER
    own.mkdir()
    file = own / "manifest.jsonl"

    def check(data: bytes) -> Hashable:
        file.write_bytes(data)
        manifest = RunLog(own, Claims(own / "claims"))
        for known in manifest.inputs.values():
            for form in known.formats:
                _check_inside(folder, f"{known.name}.{form}")
                manifest.is_output(f"{known.name}.{form}")
        names = choose_names({"a.wav": "a.wav", "b/a.wav": "b/a.wav", "c.wav": "a.mp3"}, manifest)
        if len({name.casefold() for name in names.values()}) < 3:
            raise BrokenError(f"two inputs share a name: {names}")
        manifest.append(DONE, SETTINGS, sync=False)
        again = RunLog(own, Claims(own / "claims"))
        last = again.inputs["a.wav"].last
        if last is None or last.name != "a" or last.size != 3:
            raise BrokenError(f"what was recorded is read back as {last}")
        return len(manifest.inputs), manifest.inputs.keys() >= {"a.wav"}

    return Target([_lines(), b"", b'{"manifest": 1}\n'], _damage_json_lines, check)


def _check_inside(folder: Path, output: str) -> None:
    path = os.path.normpath(os.path.join(folder, output))
    if not path.startswith(os.path.join(folder, "")):
        raise BrokenError(f"an output at {output!r}")


def outputs(folder: Path) -> Target:
    """A log that came with sounds: nothing is written or replaced outside of their folder."""
    home = folder / "home"
    (home / OWN_FOLDER).mkdir(parents=True)
    (home / "b").mkdir()
    (home / "a.wav").write_bytes(b"abc")
    (home / "b" / "a.wav").write_bytes(b"abc")
    (folder / "x.txt").write_text("precious")
    (home / "precious.txt").write_text("precious")
    before = _files(folder)

    def check(data: bytes) -> Hashable:
        (home / OWN_FOLDER / "manifest.jsonl").write_bytes(data)
        try:
            return _write(home, data)
        finally:
            for name, content in _files(folder).items():
                if name in before and content != before[name]:
                    raise BrokenError(f"{name} was changed")
                if name not in before and not name.startswith("home/"):
                    raise BrokenError(f"{name} was written")
                if name not in before:
                    (folder / name).unlink()

    return Target([_lines(), b""], _damage_json_lines, check)


def _files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def _write(home: Path, data: bytes) -> Hashable:
    sources = [Source(home / name, False, name, str(home), name) for name in ("a.wav", "b/a.wav")]
    jobs = make_jobs(sources, str(home) if len(data) % 2 else None)
    wanted = RunOptions(SETTINGS, ("txt", "json"))
    verdicts = []
    for job in jobs:
        verdicts.append(
            (decide_by_log(job, wanted), len(find_changed_outputs(job, wanted.formats)))
        )
    refuse_foreign(jobs, wanted.formats, False, [source.path for source in sources])
    for job in jobs:
        job.output_folder.prepare()
        if job.output_folder.claim(job.key, job.name):
            try:
                job.output_folder.write(
                    job.key, job.list_outputs(wanted.formats), {"txt": b"x", "json": b"{}"}
                )
            except NemocliError:
                verdicts.append(None)
            finally:
                job.output_folder.release(job.key, job.name)
        job.output_folder.remove_abandoned([job.name])
    return tuple(verdicts)


def bench_manifest(folder: Path) -> Target:
    """A manifest of sounds with known text, in NeMo's form."""
    path = folder / "manifest.json"
    (folder / "a.wav").write_bytes(b"x")
    lines = [
        {"audio_filepath": "a.wav", "text": "Hello.", "lang": "en-US", "offset": 0.5},
        {"audio_filepath": "a.wav", "text": "", "duration": 1.5, "target_lang": "de"},
    ]
    seed = b"\n".join(json.dumps(line).encode() for line in lines)

    def check(data: bytes) -> Hashable:
        path.write_bytes(data)
        found = read_utterances(path)
        for utterance in found:
            if not utterance.path.is_file() or not isinstance(utterance.text, str):
                raise BrokenError(f"{utterance}")
            if not 0 <= utterance.offset < 1e9 or not 0 <= (utterance.duration or 0) < 1e9:
                raise BrokenError(f"{utterance}")
        return len(found), found[0].lang is None

    return Target([seed, b"\xef\xbb\xbf" + seed], _damage_json_lines, check)


def arguments(folder: Path) -> Target:
    """Lists of paths, and arguments: languages, models, formats, extensions."""
    languages = Languages(tiny.config())
    seeds = [b"en-US", b"ja_jp", b"nvidia/nemotron@main", b"txt,srt", b"a.wav\r\nb\n", b"a\0b"]

    def check(data: bytes) -> Hashable:
        paths = read_list(data)
        for path in paths:
            make_path_printable(path)
            if "\0" in path or not path:
                raise BrokenError(f"the path {path!r}")
        text = os.fsdecode(data[:200])
        hub = parse_hub_model(text)
        if hub and (".." in hub.folder.name.split(os.sep) or hub.folder.name == ""):
            raise BrokenError(f"{hub} is in {hub.folder}")
        kinds: list[object] = [min(len(paths), 3), hub is None]
        for parse in (languages.find, parse_formats, parse_extensions):
            try:
                kinds.append(type(parse(text)))
            except NemocliError as error:
                if "\n" in str(error):
                    raise
        return tuple(kinds)

    def mutate(data: bytes, random: Random) -> bytes:
        tokens = (*seeds, b"auto", b"en", b"-", b"_", b"all", b"*", b"\xff", b"../", b"\n")
        return damage(data, random, tokens, 400)

    return Target(seeds, mutate, check)


def choice(folder: Path) -> Target:
    """What `bench --choose` remembers: it is ignored, or says what can run."""
    system = read_system()
    ranked = (Variant("onnx", "int8", None), Variant("coreml", "fp16", "ane"))
    remembered = Choice("demo", "0" * 64, "2026-11-27", describe_machine(system), ranked, ranked)
    file = folder / "choice.json"

    def check(data: bytes) -> Hashable:
        file.write_bytes(data)
        found = read_choice_file(file, system)
        for variant in found.live + found.files:
            KINDS.get(variant.runtime)
            str(variant)
        return len(found.live), len(found.files), len(found.model)

    return Target([json.dumps(remembered.to_json()).encode()], damage_json, check)

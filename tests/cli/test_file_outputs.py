"""`nemocli file` with outputs in files: folders, lists, dry runs, reports, signals."""

import io
import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from nemocli.cli import file_cluster, file_model
from nemocli.transcript.formats import FORMATS
from tests.cli import fake_command
from tests.jobs.fake import SETTINGS, FakeTranscriber
from tests.jobs.runs import say
from tests.repeats import repeats
from tests.schemas import checked
from tests.terminal import Terminal
from tests.typed import FAKE, environment, nemocli


@pytest.fixture
def here(tmp_path, monkeypatch):
    """The current folder, with sounds in `in`, and no model but the fake one."""
    monkeypatch.chdir(tmp_path)
    say("a.wav", "one two")
    say("b.mp3", "three")
    say("sub/a.wav", "four")
    fake_command.use(monkeypatch.setattr)
    return tmp_path


def file(*arguments, stdin=None):
    return nemocli("file", *arguments, input=stdin)


def read_report():
    return checked(json.loads(Path("report.json").read_text()), "report")


def tree(folder):
    return sorted(
        str(path.relative_to(folder))
        for path in Path(folder).rglob("*")
        if path.is_file() and ".nemocli" not in path.parts
    )


def test_a_folder_into_a_folder(here):
    done = file("in", "-r", "--output-dir", "out", "--output-format", "srt,txt")
    assert (done.exit_code, done.stdout) == (0, "")
    assert tree("out") == [
        *("a.srt", "a.txt", "b.srt", "b.txt"),
        *("sub/a.srt", "sub/a.txt"),
    ]
    assert Path("out/sub/a.txt").read_text() == "four\n"
    lines = done.stderr.splitlines()
    assert len(lines) == 4 and lines[-1].startswith("nemocli: 3 files transcribed: 0:02 of sound")
    assert {line.partition(": ")[2] for line in lines[:3]} == {
        "in/a.wav (1.0 s of sound)",
        "in/b.mp3 (0.5 s of sound)",
        "in/sub/a.wav (0.5 s of sound)",
    }
    again = file("in", "-r", "--output-dir", "out", "--output-format", "srt,txt")
    assert again.stderr.splitlines() == [
        "nemocli: 3 of 3 files done already.",
        "nemocli: 0 files transcribed, 3 done already",
    ]
    assert file("in", "-r", "-o", "out", "--quiet").stderr == ""


def test_a_corrected_transcript_is_kept_with_a_message(here):
    command = ("in", "-r", "--output-dir", "out", "--output-format", "srt,txt")
    file(*command)
    Path("out/a.txt").write_text("One, two.\n")
    say("a.wav", "one two three")
    planned = file(*command, "--dry-run")
    assert "in/a.wav -> out/a.srt, out/a.txt (kept, since it was changed: out/a.txt)" in (
        planned.stdout
    )
    done = file(*command, "-q", "--report", "report.json")
    assert done.exit_code == 0
    assert done.stderr == (
        "nemocli: out/a.txt was changed since nemocli wrote it, and is kept; add --force to replace"
        " it.\n"
    )
    assert Path("out/a.txt").read_text() == "One, two.\n"
    assert "three" in Path("out/a.srt").read_text()
    kept = {each["file"]: each["kept"] for each in read_report()["files"]}
    assert kept == {"in/a.wav": ["out/a.txt"], "in/b.mp3": [], "in/sub/a.wav": []}
    Path("out/a.srt").write_text("")
    say("a.wav", "one")
    done = file(*command)
    assert "out/a.srt, out/a.txt were changed since nemocli wrote them, and are kept" in done.stderr
    assert "0 files transcribed, 2 done already, 1 kept as corrected" in done.stderr
    assert file(*command, "--force").exit_code == 0
    assert Path("out/a.txt").read_text() == "one\n"


def test_all_formats_beside_the_sound(here):
    assert file("in/a.wav", "--output-format", "all").exit_code == 0
    written = {f"a.{name}" for name, writer in FORMATS.items() if not writer.has_only_turns}
    assert tree("in") == sorted({*written, "a.wav", "b.mp3", "sub/a.wav"})


def test_a_folder_that_cannot_be_written_to_does_not_stop_the_others(here):
    Path("in/sub/.nemocli").touch()  # where a folder is needed
    done = file("in/a.wav", "in/sub/a.wav", "--output-format", "txt")
    assert done.exit_code == 1
    assert Path("in/a.txt").read_text() == "one two\n"
    assert "in/sub/.nemocli cannot be written" in done.stderr
    assert done.stderr.splitlines()[-1] == "nemocli: 1 of 2 files failed: in/sub/a.wav"


def test_the_format_of_stdout_is_that_of_files_too(here):
    assert file("in/a.wav", "-f", "vtt", "-o", "out").exit_code == 0
    assert tree("out") == ["a.vtt"]


def test_a_folder_to_stdout_comes_in_its_order(here):
    for n in range(40):
        say(f"many/{n:02}.wav", f"text {n}")
    done = file("in/many", "--format", "json")
    names = [json.loads(line)["file"] for line in done.stdout.splitlines()]
    assert names == [f"in/many/{n:02}.wav" for n in range(40)]
    assert file("in").stdout == "in/a.wav:\none two\n\nin/b.mp3:\nthree\n\n"


def test_a_dry_run_writes_nothing_and_loads_nothing(here, monkeypatch):
    monkeypatch.setattr(file_model.ModelChoice, "load", None)
    done = file("in", "-r", "-o", "out", "--dry-run")
    assert done.stdout.splitlines() == [
        "new             in/a.wav -> out/a.txt",
        "new             in/b.mp3 -> out/b.txt",
        "new             in/sub/a.wav -> out/sub/a.txt",
    ]
    assert done.stderr == "nemocli: 3 files would be transcribed, 0 done already.\n"
    assert done.exit_code == 0 and not Path("out").exists()
    monkeypatch.setattr(file_model.ModelChoice, "load", fake_command.load)
    file("in/a.wav", "-o", "out")
    before = Path("out/.nemocli/manifest.jsonl").read_bytes()
    done = file("in", "-o", "out", "--dry-run")
    assert done.stdout.splitlines() == [
        "done            in/a.wav",
        "new             in/b.mp3 -> out/b.txt",
    ]
    assert Path("out/.nemocli/manifest.jsonl").read_bytes() == before


@pytest.mark.parametrize("options", [[], ["-o", "out"], ["-o", "a.srt"]])
def test_a_dry_run_refuses_what_the_real_run_would(clips, tmp_path, monkeypatch, options):
    monkeypatch.chdir(tmp_path)
    done = file(clips[0].path, "--model", "demo", "--lang", "klingon", "--dry-run", *options)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "does not know the language 'klingon'" in done.stderr


def test_a_dry_run_judges_by_the_settings_that_the_model_would_have(clips, tmp_path, monkeypatch):
    """The real demo has the same settings described and loaded."""
    monkeypatch.setenv("NEMOCLI_MODEL", "demo")
    for options in (["--runtime", "numpy"], ["--lookahead", "6", "--lang", "en_us"]):
        assert file(clips[0].path, "-o", tmp_path, "-q", *options).exit_code == 0
        done = file(clips[0].path, "-o", tmp_path, "--dry-run", *options)
        assert done.stdout.startswith("done")


def test_lists_and_stdin(here):
    Path("list").write_text("in/b.mp3\nin/sub/a.wav\n")
    assert file("--from-file", "list", "-o", "out").exit_code == 0
    assert tree("out") == ["b.txt", "sub/a.txt"]
    assert file("--from-file", "-", stdin="in/a.wav\0").stdout == "one two\n"
    assert file("-", stdin="from a pipe").stdout == "from a pipe\n"
    assert (
        file("-", "-f", "json", stdin="broken").stderr
        == "nemocli: stdin is damaged: copy it again.\n"
    )
    assert file("-", "-o", "piped", stdin="from a pipe").exit_code == 0
    assert Path("piped/stdin.txt").read_text() == "from a pipe\n"
    assert (
        ": stdin (1.5 s of sound), done already"
        in file("-", "-o", "piped", stdin="from a pipe").stderr
    )
    assert "done already" not in file("-", "-o", "piped", stdin="of another").stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Name sound files, folders or patterns"),
        (["in/sub/none"], None),
        (["empty"], "There is no sound file in the folder empty"),
        (["--from-file", "none"], "The list none cannot be read"),
        (["--from-file", "empty.list"], "The list empty.list names no file"),
        (["-", "--from-file", "-"], "either a sound file or a list"),
        (["in", "--format", "srt"], "cannot share stdout as srt"),
        (["in", "-o", "out", "--output-format", "doc"], "There is no format 'doc'"),
        (["in", "-o", "empty.list"], "is not a folder"),
        (["in", "--max-memory", "much"], "--max-memory takes a size such as 2G"),
        (["in", "--report", "none/r.json"], "cannot be a report"),
        (["in", "--extensions", ","], "--extensions takes names"),
    ],
)  # fmt: skip
def test_wrong_usage_is_a_sentence(here, arguments, words):
    Path("empty").mkdir()
    Path("empty.list").touch()
    done = file(*arguments)
    if words is None:  # a missing file fails by itself
        assert done.exit_code == 1
        return
    assert (done.exit_code, done.stdout) == (2, "")
    assert words in done.stderr and done.stderr.count("\n") == 1


def test_subtitles_are_laid_out_as_asked(clips, tmp_path, monkeypatch):
    monkeypatch.setenv("NEMOCLI_MODEL", "demo")
    clip = clips[0]
    widest = lambda path: max(map(len, path.read_text().splitlines()[2::4]))  # noqa: E731
    command = [clip.path, "--lang", clip.lang, "-o", tmp_path, "--output-format", "srt"]
    assert file(*command).exit_code == 0
    srt = tmp_path / f"{clip.path.stem}.srt"
    assert widest(srt) > 12
    assert file(*command, "--max-line-width", "12", "--max-line-count", "1").exit_code == 0
    assert widest(srt) <= 12  # other settings, so it is made again
    words = file(clip.path, "--lang", clip.lang, "-f", "tsv", "--word-timestamps").stdout
    assert [line.split("\t")[2] for line in words.splitlines()[1:]] == clip.text.split()
    by_word = (clip.path, "--lang", clip.lang, "-f", "srt", "--word-timestamps")
    assert file(*by_word).stdout.count("-->") == len(clip.text.split())
    assert file(*command, "--max-line-width", "1").exit_code == 2
    assert file(*command, "--min-cue", "-1").exit_code == 2


def test_memory_is_passed_on(here, monkeypatch):
    heard = []

    class Listening(FakeTranscriber):
        def transcribe_many(self, paths, lang="auto", *, max_memory=None, **options):
            heard.append(max_memory)
            return super().transcribe_many(paths, lang, **options)

    monkeypatch.setattr(file_model.ModelChoice, "load", lambda *_: (Listening(), SETTINGS))
    for size in ("2G", "500MB", "1.5 GiB", "1000"):
        assert file("in/a.wav", "--max-memory", size).exit_code == 0
    assert file("in/a.wav", "-o", "out", "--max-memory", "64k").exit_code == 0
    assert list(dict.fromkeys(heard)) == [2 * 10**9, 500 * 10**6, 3 * 2**29, 1000, 64000]


@pytest.mark.parametrize("where", [[], ["--cluster", "local"]])
@pytest.mark.parametrize("results", [[], ["-o", "out"]])
def test_too_little_memory_is_refused_before_anything_is_begun(
    clips, tmp_path, monkeypatch, where, results
):
    def connect(address, cpus):
        raise AssertionError("no cluster is needed to see that")

    monkeypatch.setattr(file_cluster, "connect", connect)
    monkeypatch.setenv("NEMOCLI_MODEL", "demo")
    monkeypatch.chdir(tmp_path)
    done = file(clips[0].path, *results, *where, "--max-memory", "1M")
    assert done.exit_code == 2 and "--max-memory" in done.stderr
    assert not (tmp_path / "out").exists()


def test_failures_are_reported_at_once_and_listed_at_the_end(here):
    say("b.mp3", "broken")
    say("new\nline\x1b[31m.wav", "broken")
    done = file("in", "-r", "missing.wav", "-o", "out", "--report", "report.json")
    assert done.exit_code == 1
    assert tree("out") == ["in/a.txt", "in/sub/a.txt"] or tree("out") == ["a.txt", "sub/a.txt"]
    lines = done.stderr.splitlines()
    assert "nemocli: in/b.mp3 is damaged: copy it again." in lines
    assert "nemocli: in/new line [31m.wav is damaged: copy it again." in lines
    assert re.match("nemocli: 3 of 5 files failed: ", lines[-1])
    report = read_report()
    assert report["version"] == 1 and report["stopped"] is None
    assert report["settings"]["model_revision"] == "f00d" * 16
    totals = report["totals"]
    assert (totals["files"], totals["done"], totals["failed"], totals["left"]) == (5, 2, 3, 0)
    files = {each["file"]: each for each in report["files"]}
    assert files["in/a.wav"]["outputs"] == ["out/a.txt"]
    assert files["missing.wav"]["error"] == "missing.wav does not exist: check the path."
    file("in", "-r", "-o", "out", "--report", "report.json")
    states = {each["file"]: each["state"] for each in read_report()["files"]}
    assert states["in/a.wav"] == "skipped" and states["in/b.mp3"] == "failed"


def test_a_report_of_what_went_to_stdout(here):
    file("in", "--report", "report.json")
    report = read_report()
    assert [(each["file"], each["state"]) for each in report["files"]] == [
        ("in/a.wav", "done"),
        ("in/b.mp3", "done"),
    ]


# -------------------------------------------------------------------------- as a process of its own


def started(*arguments, stderr=subprocess.PIPE, seconds=0.02):
    screen = {"TERM": "xterm", "COLUMNS": 100, "LINES": 24}
    env = environment(FAKE_SECONDS=seconds, FAKE_AT_ONCE=4, **screen)
    command = [*FAKE, "file", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, env=env)


@pytest.mark.parametrize(
    ("number", "code"), repeats([(signal.SIGINT, 130), (signal.SIGTERM, 143)], 1)
)
def test_after_a_signal_files_in_progress_are_finished(here, number, code):
    for n in range(200):
        say(f"many/{n:03}.wav", f"text {n}")
    process = started("in/many", "-o", "out", "--report", "report.json", seconds=0.2)
    lines = io.TextIOWrapper(process.stderr)
    first = lines.readline()
    process.send_signal(number)
    rest = lines.read().splitlines()
    process.communicate()
    assert process.returncode == code
    assert first.startswith("1 of 200: in/many/")
    left = int(re.fullmatch(r"nemocli: Stopped with (\d+) files left; .*", rest[-1])[1])
    written = tree("out")
    assert len(written) == 200 - left and 0 < left < 200
    report = read_report()
    assert report["stopped"] == f"signal {number.value}" and report["totals"]["left"] == left
    done = file("in/many", "-o", "out")
    assert f"nemocli: {left} files transcribed, {200 - left} done already" in done.stderr


def test_a_second_signal_gives_up_files_in_progress(here):
    for n in range(40):
        say(f"many/{n:03}.wav", f"text {n}")
    process = started("in/many", "-o", "out", seconds=0.5)
    lines = io.TextIOWrapper(process.stderr)
    lines.readline()
    process.send_signal(signal.SIGINT)
    assert any("finishing" in line for line in iter(lines.readline, ""))
    process.send_signal(signal.SIGINT)
    rest = lines.read()
    process.communicate()
    assert process.returncode == 130 and "Traceback" not in rest
    assert re.search(r"Stopped with \d+ files left", rest)
    assert file("in/many", "-o", "out").exit_code == 0
    assert len(tree("out")) == 40


def test_a_disk_that_is_full_for_real(here):
    for n in range(12):
        say(f"many/{n:03}.wav", f"{n} " * 8000)
    Path("out").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", "out"]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount a small disk, and not everywhere")
    try:
        done = file("in/many", "-o", "out")
        assert done.exit_code == 1
        sentence = next(line for line in done.stderr.splitlines() if "No space left" in line)
        assert "the same command goes on with the rest" in sentence
        assert 0 < len(tree("out")) < 12
        assert not list(Path("out").rglob("*.part"))
        subprocess.run(["mount", "-o", "remount,size=4m", "out"], check=True)
        assert file("in/many", "-o", "out").exit_code == 0
        assert len(tree("out")) == 12
    finally:
        subprocess.run(["umount", "out"], check=True)


def test_bars_on_a_terminal_leave_only_messages(here):
    say("b.mp3", "broken")
    with Terminal(100) as terminal:
        process = started("in", "-r", "-o", "out", stderr=terminal.theirs, seconds=0.3)
        process.communicate()
    shown = terminal.shown.decode()
    assert process.returncode == 1
    assert re.search(r"of 3 files", shown) and "a.wav" in shown and "x" in shown
    assert "in/b.mp3 is damaged" in shown
    assert "1 of 3 files failed: in/b.mp3" in shown.splitlines()[-1]


def test_one_output_is_a_file(here):
    done = file("in/a.wav", "-o", "a.srt", "--report", "report.json")
    assert (done.exit_code, done.stdout) == (0, "")
    assert Path("a.srt").read_text().startswith("1\n00:00:00,000 --> ")
    assert read_report()["files"][0]["outputs"] == ["a.srt"]
    refused = file("in/a.wav", "-o", "a.srt")
    assert (refused.exit_code, refused.stderr) == (
        2,
        "nemocli: a.srt exists: add --force to replace it, or choose another name.\n",
    )
    Path("a.srt").chmod(0o600)
    assert file("in/a.wav", "-o", "a.srt", "--force").exit_code == 0
    assert Path("a.srt").stat().st_mode & 0o777 == 0o600
    assert "a.txt" in file("in/a.wav", "-o", "a.txt", "--dry-run").stdout
    assert not Path("a.txt").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["in", "-o", "all.srt"], "names one file, but there are 2 to transcribe"),
        (["in/a.wav", "-o", "a.srt", "--output-format", "txt"], "leave out --output-format"),
        (["in/a.wav", "-o", "none/a.srt"], "is in no folder that exists"),
        (["in/a.wav", "-o", "a.docx"], "there is no format 'docx'"),
        (["in/a.wav", "-o", "-"], "goes to stdout without --output-dir"),
        (["in/a.wav", "-o", "a.xyz", "--dry-run"], "write a.xyz/ if it is a folder"),
        (["in/a.wav", "-o", "a.srt", "-f", "json"], "a.srt and --format json contradict each"),
    ],
)
def test_one_output_that_cannot_be_is_refused_before_any_work(here, arguments, words):
    refused = file(*arguments)
    assert refused.exit_code == 2 and words in refused.stderr
    assert tree(".") == ["in/a.wav", "in/b.mp3", "in/sub/a.wav"]


def test_the_ending_of_the_one_output_may_be_in_capitals(here, monkeypatch):
    monkeypatch.setenv("NEMOCLI_FORMAT", "json")  # which is for stdout
    assert file("in/a.wav", "-o", "A.SRT").exit_code == 0
    assert Path("A.SRT").read_text().startswith("1\n00:00:00,000 --> ")
    assert file("in/a.wav", "-o", "a.txt", "-f", "txt").exit_code == 0


def test_a_folder_may_be_called_like_a_file(here):
    Path("old.srt").mkdir()
    assert file("in/a.wav", "-o", "old.srt").exit_code == 0
    assert file("in/a.wav", "-o", "new.srt/").exit_code == 0
    assert file("in/a.wav", "-o", "new.d/").exit_code == 0
    assert file("in/a.wav", "-o", "2026.11").exit_code == 0
    for folder in ("old.srt", "new.srt", "new.d", "2026.11"):
        assert tree(folder) == ["a.txt"]


def test_a_file_that_fails_has_no_output(here):
    say("a.wav", "broken")
    assert file("in/a.wav", "-o", "a.txt").exit_code == 1
    assert not Path("a.txt").exists()


def test_a_name_too_long_for_its_output_is_refused_before_the_work_and_alone(here):
    name = "x" * 251 + ".wav"
    say(name, "one")
    done = file("in", "--output-dir", "out", "--output-format", "json")
    assert done.exit_code == 1
    assert f"in/{name} is too long a name: that of its output would have 256 bytes" in done.stderr
    assert done.stderr.index("too long") < done.stderr.index("b.mp3 (0.5 s")
    assert tree("out") == ["a.json", "b.json"]
    assert file("in", "--output-dir", "out", "--output-format", "txt").exit_code == 0


def test_other_files_in_folders_are_counted(here):
    for name in ("a.txt", "notes.txt", "notes.md", "README", "cover.jpg", ".hidden", "sub/x.JPG"):
        say(name, "no sound")
    counted = "in the folders were passed over by extension"
    done = file("in", "-r")
    assert f"nemocli: 5 files {counted} (2 .jpg, 1 " in done.stderr
    assert "1 with none" in done.stderr and "1 .txt" in done.stderr  # a.txt is a.wav's
    assert counted not in file("in", "-r", "-q").stderr
    assert counted not in file("in/a.wav").stderr


@pytest.mark.parametrize(
    ("address", "advice"),
    [
        ("https://example.org/a.mp3", "download it first, such as with: curl -LO"),
        ("rtsp://camera/1", "download it first."),
        ("www.example.org/watch?v=1", "curl -LO 'https://www.example.org/watch?v=1'"),
        ("youtu.be/1", "curl -LO 'https://youtu.be/1'"),
        ("file:///tmp/a%20b.wav", "give the path itself, /tmp/a b.wav."),
    ],
)
def test_an_address_is_refused_with_advice(here, address, advice):
    for options in ([], ["--output-format", "txt"]):
        refused = file(address, *options)
        assert refused.exit_code == 2
        assert f"{address} is an address" in refused.stderr and advice in refused.stderr
        done = file("in/a.wav", address, *options)
        assert done.exit_code == 1 and f"{address} is an address" in done.stderr
    assert Path("in/a.txt").read_text() == "one two\n"
    assert not [name for name in tree(".") if ":" in name or "be" in name]

"""Names of outputs: as users expect them, never shared, and the same in the next run."""

from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.jobs.claims import Claims
from nemocli.jobs.names import choose_names
from nemocli.jobs.run_log import Record, RunLog
from tests.jobs.fake import SETTINGS


def open_log(folder):
    return RunLog(folder, Claims(folder / "claims"))


def named(paths, log):
    return choose_names({path: path for path in paths}, log)


def keep(names, log):
    for key, name in names.items():
        log.append(Record(key, "done", name, ("txt",), SETTINGS.id), SETTINGS)


def test_the_extension_goes_unless_two_would_be_the_same(tmp_path):
    paths = ["talk.mp3", "a.wav", "a.mp3", "sub/a.wav", "no_extension", "b.wav", "B.flac"]
    assert named(paths, open_log(tmp_path)) == {
        "talk.mp3": "talk",
        "a.wav": "a.wav",
        "a.mp3": "a.mp3",
        "sub/a.wav": "sub/a",
        "no_extension": "no_extension",
        "b.wav": "b.wav",
        "B.flac": "B.flac",
    }


def test_a_name_on_record_stays_whatever_comes_later(tmp_path):
    log = open_log(tmp_path)
    keep(named(["a.mp3"], log), log)
    assert named(["a.wav", "a.mp3"], log) == {"a.mp3": "a", "a.wav": "a.wav"}
    assert named(["a.wav"], log) == {"a.wav": "a.wav"}


path = st.builds(
    lambda folder, stem, extension: folder + stem + extension,
    st.sampled_from(["", "x/", "X/"]),
    st.sampled_from(["a", "A", "a.mp3", "a-2", "é"]),
    st.sampled_from(["", ".mp3", ".wav", ".MP3", ".mp3-2"]),
)


@settings(deadline=None, max_examples=50)  # each name is on the disk before it is used
@given(st.lists(st.lists(path, unique=True, max_size=8), min_size=1, max_size=4))
def test_no_two_inputs_share_a_name_in_any_runs(tmp_path_factory, runs):
    log = open_log(tmp_path_factory.mktemp("names"))
    first: dict[str, str] = {}
    for paths in runs:
        names = named(paths, log)
        keep(names, log)
        for key, name in names.items():
            assert first.setdefault(key, name) == name
    assert len({name.casefold() for name in first.values()}) == len(first)

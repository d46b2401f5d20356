"""Downloads, as typed, from a server on this machine that answers like the hub."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants

from nemocli.errors import NemocliError
from nemocli.models import hub as hub_module
from nemocli.models import pull, retries
from nemocli.models.downloads import CachedCommit
from nemocli.models.fetch import RemoteFile
from nemocli.models.hub import DEFAULT_MODEL, PIN_REPLACEMENT_FILE, PINS, HubModel
from tests.models.fake_hub import COMMIT, FakeHub, running
from tests.typed import NEMOCLI, environment, nemocli

PIN = PINS[DEFAULT_MODEL]


class Machine:
    """Runs `nemocli` with a hub's cache of its own."""

    def __init__(self, home, endpoint, monkeypatch):
        self.home, self._patch = home, monkeypatch
        # huggingface_hub reads its environment when it is imported.
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
        monkeypatch.setenv("NEMOCLI_MODELS_DIR", str(home / "models"))
        #: The pauses before new attempts, which are not waited for.
        self.pauses = []
        monkeypatch.setattr(retries, "sleep", self.pauses.append)
        self.move_hub(endpoint)

    def move_hub(self, endpoint):
        template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
        self._patch.setattr(constants, "ENDPOINT", endpoint)
        self._patch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)

    def go_offline(self):
        self._patch.setattr(constants, "HF_HUB_OFFLINE", True)

    def nemocli(self, *arguments):
        return nemocli(*arguments)

    def blobs(self):
        return sorted((self.home / "hub" / "models--someone--demo" / "blobs").glob("*"))


@pytest.fixture
def hub(demo):
    with running(FakeHub(demo)) as hub:
        yield hub


@pytest.fixture
def machine(tmp_path, hub, monkeypatch):
    return Machine(tmp_path, hub.url, monkeypatch)


def refused(done, code, *words):
    """One sentence on stderr, besides files and new attempts, and nothing on stdout."""
    assert (done.exit_code, done.stdout) == (code, ""), done.output
    lines = [line for line in done.stderr.splitlines() if "trying again in" not in line]
    said = [line for line in lines if line.startswith("nemocli: ")]
    assert len(said) == 1 and "Traceback" not in done.stderr
    for word in words:
        assert word in said[0]


def weights(hub, method="GET"):
    """Ranges of the requests for the weights."""
    return [
        span for verb, path, span in hub.requests if (verb, path[-12:]) == (method, ".safetensors")
    ]


def test_a_model_is_downloaded_once_and_used_offline(machine, hub, demo):
    done = machine.nemocli("models", "pull", "someone/demo")
    assert done.exit_code == 0, done.stderr
    folder = Path(done.stdout.strip())
    assert done.stderr == "downloading model.safetensors\n"
    assert folder == machine.home / "hub/models--someone--demo/snapshots" / COMMIT
    assert {path.name for path in folder.iterdir()} == {
        path.name for path in demo.iterdir() if path.suffix in (".json", ".safetensors")
    }
    for path in folder.iterdir():
        assert path.read_bytes() == (demo / path.name).read_bytes()
    hub.requests.clear()
    again = machine.nemocli("models", "pull", "someone/demo", "--quiet")
    assert (again.stdout, again.stderr) == (done.stdout, "")
    assert not [path for verb, path, _ in hub.requests if verb == "GET" and "/resolve/" in path]
    machine.go_offline()
    offline = machine.nemocli("models", "pull", "someone/demo")
    assert (offline.exit_code, offline.stdout) == (0, done.stdout)
    listed = machine.nemocli("models", "list").stdout
    assert f"someone/demo@{COMMIT}\n    checkpoint, 5.4 MB, in {folder}\n" in listed
    removed = machine.nemocli("models", "remove", "someone/demo", "--yes")
    assert removed.exit_code == 0, removed.stderr
    refused(machine.nemocli("models", "path", "someone/demo"), 3, "nemocli models pull someone")


def test_an_interrupted_download_goes_on(machine, hub, demo):
    size = (demo / "model.safetensors").stat().st_size
    (machine.home / "hub/models--someone--demo/blobs").mkdir(parents=True)
    partial = (
        machine.home
        / "hub/models--someone--demo/blobs"
        / (hub.sha256(demo / "model.safetensors") + ".nemocli.incomplete")
    )
    partial.write_bytes((demo / "model.safetensors").read_bytes()[: size // 2])
    done = machine.nemocli("models", "pull", "someone/demo")
    assert done.exit_code == 0, done.stderr
    assert weights(hub) == [f"bytes={size // 2}-"]
    assert not [blob for blob in machine.blobs() if "incomplete" in blob.name]
    assert machine.nemocli("models", "path", "someone/demo").stdout == done.stdout


def test_what_came_is_kept_when_the_hub_goes_away(tmp_path, demo, monkeypatch):
    repository = tmp_path / "repository"
    shutil.copytree(demo, repository)
    large = np.random.default_rng(0).bytes(24 << 20)
    (repository / "model.safetensors").write_bytes(large)
    with running(FakeHub(repository)) as hub:
        machine = Machine(tmp_path / "home", hub.url, monkeypatch)
        hub.cut_after = 15 << 20
        refused(machine.nemocli("models", "pull", "someone/demo"), 1, "models pull someone")
        refused(machine.nemocli("models", "path", "someone/demo"), 3, "models pull someone/demo")
        assert machine.pauses == [1, 2, 4, 8, 16]
        hub.status = None
        hub.requests.clear()
        done = machine.nemocli("models", "pull", "someone/demo")
        assert done.exit_code == 0, done.stderr
        assert weights(hub) == [f"bytes={15 << 20}-"]
        assert (Path(done.stdout.strip()) / "model.safetensors").read_bytes() == large


def test_the_environment_is_respected(tmp_path, hub):
    """The variables themselves, which the other tests cannot set in their own process."""
    command = [*NEMOCLI, "models", "pull", "someone/demo"]
    places = []
    for offline in ("", "1"):
        env = environment(HF_HOME=tmp_path, HF_ENDPOINT=hub.url, HF_HUB_OFFLINE=offline)
        env.pop("HF_HUB_DISABLE_TELEMETRY", None)  # nemocli sets it by itself
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env=env, timeout=60
        )
        places.append(done.stdout)
    assert places == 2 * [f"{tmp_path}/hub/models--someone--demo/snapshots/{COMMIT}\n"]
    assert [path for _, path, _ in hub.requests if "someone/demo" not in path] == []


def test_a_damaged_download_is_thrown_away(machine, hub):
    hub.wrong_hash = True
    refused(
        machine.nemocli("models", "pull", "someone/demo"), 3, "model.safetensors", "instead of ffff"
    )
    assert not machine.blobs() or all("safetensors" not in blob.name for blob in machine.blobs())
    assert not [blob for blob in machine.blobs() if "incomplete" in blob.name]


@pytest.fixture
def released(tmp_path, demo, monkeypatch):
    """A hub with the released model, which has another commit than the pin, and other weights."""
    with running(FakeHub(demo, name=DEFAULT_MODEL)) as hub:
        hub.machine = Machine(tmp_path, hub.url, monkeypatch)
        yield hub


def pull_released(hub):
    done = hub.machine.nemocli("models", "pull", DEFAULT_MODEL)
    return done, [line for line in done.stderr.splitlines() if line.startswith("nemocli: ")]


def taken(hub):
    folder = hub.machine.home / "hub" / f"models--{DEFAULT_MODEL.replace('/', '--')}"
    return json.loads((folder / PIN_REPLACEMENT_FILE).read_text())


def test_where_the_hub_has_no_pinned_revision_its_main_branch_is_taken(released, demo):
    done, said = pull_released(released)
    assert done.exit_code == 0, done.stderr
    assert done.stdout.endswith(f"/snapshots/{COMMIT}\n")
    (sentence,) = said
    assert f"no revision {PIN.revision}" in sentence and "main branch is taken" in sentence
    assert COMMIT in sentence
    assert taken(released) == {
        "revision": COMMIT,
        "instead_of": PIN.revision,
        "why": f"the hub has no revision {PIN.revision}",
        "sha256": {"model.safetensors": released.sha256(demo / "model.safetensors")},
    }


def test_what_was_taken_is_the_model_from_then_on(released, monkeypatch):
    place = pull_released(released)[0].stdout
    assert released.machine.nemocli("models", "path", DEFAULT_MODEL).stdout == place
    again, said = pull_released(released)
    assert (again.stdout, said) == (place, [])
    released.machine.go_offline()
    assert pull_released(released)[0].stdout == place
    for pin in (replace(PIN, revision="f" * 40), replace(PIN, is_verified=True)):
        monkeypatch.setitem(hub_module.PINS, DEFAULT_MODEL, pin)  # of a later version of nemocli
        assert released.machine.nemocli("models", "path", DEFAULT_MODEL).stdout == place


def test_what_was_taken_may_go_from_the_hub_too(released):
    place = Path(pull_released(released)[0].stdout.strip())
    released.commit = COMMIT[::-1]
    assert pull_released(released)[0].stdout.strip() == str(place)  # what is whole is not asked for
    (place / "model.safetensors").resolve().unlink()
    done, said = pull_released(released)
    assert done.stdout.endswith(f"/snapshots/{COMMIT[::-1]}\n")
    assert len(said) == 1 and taken(released)["revision"] == COMMIT[::-1]


def test_where_the_pinned_commit_has_another_hash_main_s_own_counts(released):
    released.commit = PIN.revision
    done, said = pull_released(released)
    assert (done.exit_code, len(said)) == (0, 1)
    assert "model.safetensors has another SHA-256" in said[0]
    assert taken(released)["revision"] == PIN.revision
    released.wrong_hash = True  # what main announces is still compared with what comes
    removed = released.machine.nemocli("models", "remove", DEFAULT_MODEL, "--yes")
    assert removed.exit_code == 0, removed.stderr
    refused_damage = released.machine.nemocli("models", "pull", DEFAULT_MODEL)
    assert refused_damage.exit_code == 3 and "is damaged" in refused_damage.stderr


@pytest.mark.parametrize("content", ["", "[]", '{"revision": "../..", "instead_of": "%s"}'])
def test_a_record_that_is_damaged_counts_as_none(released, content):
    place = pull_released(released)[0].stdout
    next(released.machine.home.rglob(PIN_REPLACEMENT_FILE)).write_text(
        content.replace("%s", PIN.revision)
    )
    assert released.machine.nemocli("models", "path", DEFAULT_MODEL).stdout == place
    again, said = pull_released(released)
    assert (again.stdout, len(said), taken(released)["revision"]) == (place, 1, COMMIT)


def test_a_verified_pin_is_strict(released, monkeypatch):
    monkeypatch.setitem(hub_module.PINS, DEFAULT_MODEL, replace(PIN, is_verified=True))
    command = ["models", "pull", DEFAULT_MODEL]
    refused(released.machine.nemocli(*command), 3, f"no revision '{PIN.revision}'")
    released.commit = PIN.revision
    refused(released.machine.nemocli(*command), 3, "not the one that nemocli knows")
    command[2] += f"@{PIN.revision}"
    refused(released.machine.nemocli(*command), 3, "not the one that nemocli knows")
    assert weights(released) == [] and not list(released.machine.home.rglob(PIN_REPLACEMENT_FILE))


def test_a_commit_that_was_asked_for_is_what_it_is(released):
    released.commit = PIN.revision
    done = released.machine.nemocli("models", "pull", f"{DEFAULT_MODEL}@{PIN.revision}")
    assert done.exit_code == 0, done.stderr
    assert "nemocli: " not in done.stderr and not list(
        released.machine.home.rglob(PIN_REPLACEMENT_FILE)
    )


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("someone/else", 3, "no model someone/else"),
        ("someone/demo@v9", 3, "no revision 'v9'"),
        ("demo", 2, "owner/name"),
    ],
)
def test_what_the_hub_does_not_have(machine, name, code, words):
    refused(machine.nemocli("models", "pull", name), code, words)


def test_no_connection(machine):
    machine.move_hub("http://127.0.0.1:9")
    refused(machine.nemocli("models", "pull", "someone/demo"), 1, "127.0.0.1:9", "run again")
    machine.go_offline()
    refused(machine.nemocli("models", "pull", "someone/demo"), 3, "HF_HUB_OFFLINE", "unset it")


@pytest.mark.parametrize(
    "address",
    ["nonsense", "http:", "ftp://hub", "https://", "http://no such host", "http://hub:port"],
)
def test_an_address_that_is_none(machine, address):
    machine.move_hub(address)
    words = f"HF_ENDPOINT is not the address of a hub: '{address}'; write https://HOST"
    refused(machine.nemocli("models", "pull", "someone/demo"), 2, words)
    assert machine.pauses == []


@pytest.mark.parametrize("status", [401, 403, 404, 500])
def test_a_hub_that_does_not_answer(machine, hub, status):
    hub.status = status
    done = machine.nemocli("models", "pull", "someone/demo")
    refused(done, 1 if status == 500 else 3, str(status))


def test_a_repository_of_something_else(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "README.md").write_text("nothing")
    with running(FakeHub(tmp_path / "other")) as hub:
        machine = Machine(tmp_path / "home", hub.url, monkeypatch)
        refused(machine.nemocli("models", "pull", "someone/demo"), 3, ".nemo")


def test_an_archive_alone_is_downloaded_too(tmp_path, demo_archive, monkeypatch):
    (tmp_path / "repository").mkdir()
    shutil.copy(demo_archive, tmp_path / "repository" / "nemotron.nemo")
    with running(FakeHub(tmp_path / "repository")) as hub:
        machine = Machine(tmp_path / "home", hub.url, monkeypatch)
        done = machine.nemocli("models", "pull", "someone/demo")
        assert done.stdout.endswith(f"{COMMIT}/nemotron.nemo\n"), done.stderr
        assert f"someone/demo@{COMMIT}" in machine.nemocli("models", "list").stdout


def test_a_full_disk_is_noticed_before(tmp_path, monkeypatch):
    few = type("Usage", (), {"free": 1000})
    monkeypatch.setattr(shutil, "disk_usage", lambda path: few)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    files = [RemoteFile("model.safetensors", 5_000_000, "0" * 64)]
    with pytest.raises(NemocliError, match=r"0\.01 GB .*HF_HOME"):
        pull._check_space(CachedCommit(HubModel("a/b"), COMMIT), files)


@pytest.mark.parametrize("announced", ["../../../climbed", "/tmp/climbed", "a" * 63, "A" * 64, ""])
def test_a_hash_that_would_be_a_path_is_none(hub, machine, announced):
    """Files are kept under their hashes."""
    hub.wrong_hash = announced
    refused(machine.nemocli("models", "pull", "someone/demo", "-q"), 3, "describes the files")
    assert not list(machine.home.rglob("*climbed*")) and machine.blobs() == []


@pytest.mark.parametrize(
    ("proxy", "code", "words"),
    [
        ("socks5://127.0.0.1:9", 4, "is a SOCKS proxy, for which a package is missing"),
        ("socks4://127.0.0.1:9", 2, "write http://HOST:PORT or socks5://HOST:PORT"),
    ],
)
def test_a_proxy_that_the_client_cannot_use(tmp_path, proxy, code, words):
    """In a process of its own, where the package is not there and the client is made anew."""
    (tmp_path / "socksio.py").write_text("raise ImportError('not here')")
    own = environment(ALL_PROXY=proxy, HF_HOME=tmp_path, HF_ENDPOINT="http://hub.invalid")
    own = {
        k: v for k, v in own.items() if k.lower() not in ("http_proxy", "https_proxy", "no_proxy")
    }
    own["PYTHONPATH"] = f"{tmp_path}:{own['PYTHONPATH']}"
    command = [*NEMOCLI, "models", "pull", "someone/demo"]
    done = subprocess.run(command, env=own, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("nemocli: The proxy of this environment")
    assert words in done.stderr and done.stderr.count("\n") == 1
    if code == 4:
        assert done.stderr.endswith("with: pip install socksio\n")

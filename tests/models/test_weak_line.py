"""Downloads from a hub that misbehaves, over a line that breaks: whole, or kept and told."""

import json
import os
import shutil
import tempfile
from collections import deque
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import constants, hf_hub_download
from hypothesis import given, settings
from hypothesis import strategies as st

from nemocli.errors import ModelError, NemocliError, UsageError
from nemocli.models import retries
from nemocli.models.downloads import CachedCommit, remove_revision
from nemocli.models.hub import HubModel
from nemocli.models.hub_records import choose_records_path, read_hub_records
from nemocli.models.integrity import describe_damage
from nemocli.models.pull import pull
from tests.models.fake_hub import COMMIT, SIGNATURE, FakeHub, Fault, running
from tests.network.broken import sound_files, write

#: Bytes of the weights, which are only carried here.
SIZE = 300_000

#: Bytes that a line which is cut may take with it, of those that left the hub. A server that only
#: ends takes none.
LOST = 1 << 20

MODEL = HubModel("someone/demo")


class Client:
    """Downloads from a hub into a cache of its own, and keeps what is said."""

    def __init__(self, hub, home):
        self.hub, self.home, self.notes, self.pauses, self.bars = hub, home, [], [], []
        self.content = (hub.folder / "model.safetensors").read_bytes()

    def pull(self, model=MODEL):
        return pull(model, lambda *bar: self.bars.append(bar), self.notes.append)

    def fails(self, kind=NemocliError, model=MODEL):
        """Pull, and return the sentence; no secret is in it or was said."""
        with pytest.raises(kind) as caught:
            self.pull(model)
        said = "\n".join([*self.notes, str(caught.value)])
        assert "ecret" not in said and "/resolve/" not in said and "?" not in said
        return str(caught.value)

    def kept(self):
        """Bytes of the weights that are on the disk, if they are the file's own."""
        partials = list(self.home.rglob("*.incomplete"))
        found = b"".join(path.read_bytes() for path in partials)
        assert self.content.startswith(found)
        return len(found)

    def is_whole(self, folder):
        names = {path.name for path in self.hub.files()}
        assert {path.name for path in folder.iterdir()} == names
        assert all((folder / n).read_bytes() == (self.hub.folder / n).read_bytes() for n in names)
        assert not list(self.home.rglob("*.incomplete"))
        return True


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("repository") / "files", sound_files())
    (folder / "model.safetensors").write_bytes(np.random.default_rng(3).bytes(SIZE))
    return folder


@pytest.fixture
def hub(repository):
    """A hub of its own for each test, which no late request of another test reaches."""
    with running(FakeHub(repository)) as hub:
        yield hub


@pytest.fixture
def client(hub, tmp_path, monkeypatch):
    return connect(hub, tmp_path, monkeypatch)


def connect(hub, home, monkeypatch):
    template = hub.url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("NEMOCLI_CACHE_DIR", str(home / "cache"))
    client = Client(hub, home)
    monkeypatch.setattr(retries, "sleep", client.pauses.append)
    return client


#: Breaks after any byte, or before any: as a server that ends, and as a line that is cut.
BREAKS = st.lists(
    st.builds(
        Fault,
        cut=st.one_of(st.integers(0, SIZE), st.sampled_from([0, 1, 65536, SIZE - 1])),
        reset=st.booleans(),
        chunked=st.booleans(),
    ),
    max_size=6,
)


@settings(max_examples=20, deadline=None, database=None)
@given(breaks=BREAKS, link=st.sampled_from([None, "here", "elsewhere"]), split=st.integers(0, 6))
def test_breaks_at_any_byte(repository, breaks, link, split):
    check_breaks(repository, breaks, link, split)


@pytest.mark.slow
@settings(max_examples=400, deadline=None, database=None)
@given(breaks=BREAKS, link=st.sampled_from([None, "here", "elsewhere"]), split=st.integers(0, 6))
def test_breaks_at_any_byte_at_length(repository, breaks, link, split):
    check_breaks(repository, breaks, link, split)


def check_breaks(repository, breaks, link, split):
    """In one run, or in two: the second goes on where the hub went away from the first."""
    lost = sum(LOST for each in breaks if each.reset)
    with (
        running(FakeHub(repository)) as hub,
        pytest.MonkeyPatch.context() as patch,
        tempfile.TemporaryDirectory() as home,
    ):
        hub.faults, hub.link = deque(breaks), link
        client = connect(hub, Path(home), patch)
        if split < len(breaks):
            hub.faults = deque([*breaks[:split], *6 * [Fault(status=503)]])
            with suppress(NemocliError):  # unless all of it came with the last break
                client.pull()
            is_all = list(client.home.rglob("snapshots/*/model.safetensors"))
            kept = SIZE if is_all else client.kept()
            assert kept <= hub.sent <= kept + lost
            hub.faults = deque(breaks[split:])
        assert client.is_whole(client.pull())
        assert SIZE <= hub.sent <= SIZE + lost
        assert not [note for note in client.notes if "ecret" in note]


def test_what_was_kept_is_shown_and_told(client, hub):
    hub.faults.extend([Fault(cut=SIZE // 2), Fault(cut=100)])
    client.pull()
    here = [have for _, have, _ in client.bars]
    assert here[0] == 0 and here == sorted(here) and here[-1] == SIZE
    assert client.bars[0][0::2] == ("model.safetensors", SIZE)
    sentence = "model.safetensors: the connection broke; trying again in 1 s."
    assert client.notes == 2 * [sentence] and client.pauses == [1, 1]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("where", ["api", "file", "weights"])
def test_what_passes_is_tried_again(client, hub, status, where):
    if where == "weights":
        hub.faults.append(Fault(status=status))
    else:
        hub.statuses.extend([status] if where == "api" else [None, None, status, status])
    assert client.is_whole(client.pull())
    assert client.pauses == ([1, 2] if where == "file" else [1])
    assert len(client.notes) == len(client.pauses) and str(status) in client.notes[0]


def test_a_hub_that_is_busy_says_how_long(client, hub):
    hub.faults.append(Fault(status=429, headers={"Retry-After": "42"}))
    hub.statuses.append((429, {"Retry-After": "7"}))
    assert client.is_whole(client.pull())
    assert client.pauses == [7, 42] and "again in 42 s" in client.notes[1]


def test_a_hub_that_is_out_of_order_is_done_without(client, hub):
    folder = client.pull()
    hub.statuses.append((503, {"Retry-After": "Fri, 31 Dec 1999 23:59:59 GMT"}))
    assert client.pull() == folder and client.pauses == []


@pytest.mark.parametrize("where", ["api", "weights"])
def test_a_wait_that_is_too_long_is_left_to_the_person(client, hub, where):
    far = (429, {"Retry-After": "3600"})
    if where == "api":
        hub.statuses.append(far)
    else:
        hub.faults.append(Fault(cut=SIZE // 2))
        hub.always = Fault(status=429, headers={"Retry-After": "3600"})
    sentence = client.fails()
    assert "429" in sentence and client.kept() == (0 if where == "api" else SIZE // 2)
    if where == "api":
        assert client.pauses == [] and "in 60 minutes" in sentence


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_hub_that_is_out_of_order_for_ever(client, hub, status):
    hub.faults.append(Fault(cut=SIZE // 3))
    hub.always = Fault(status=status)
    sentence = client.fails()
    assert str(status) in sentence and "what has come is kept" in sentence
    assert client.pauses == [1, 2, 4, 8, 16]
    assert client.kept() == SIZE // 3
    hub.always = Fault()
    assert client.is_whole(client.pull()) and hub.sent == SIZE


def test_a_line_that_falls_silent(client, hub, monkeypatch):
    class Bars(list):
        """Waits for a second only where the hub is about to stall: others may be slow to answer."""

        def append(self, bar):
            super().append(bar)
            monkeypatch.setattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", 1 if hub.faults else 60)

    client.bars = Bars()
    hub.faults.extend([Fault(cut=1000, stall=True), Fault(cut=0, stall=True)])
    assert client.is_whole(client.pull())
    assert all("does not answer any more" in note for note in client.notes)
    assert client.pauses == [1, 1] or client.pauses == [1, 2]
    assert hub.sent == SIZE


@pytest.mark.parametrize(
    "wrong",
    [
        Fault(ignores_range=True),
        Fault(ignores_range=True, chunked=True),
        Fault(status=416),
        Fault(shift=1),
        Fault(shift=-1000),
    ],
    ids=["no range", "no length", "416", "later", "earlier"],
)
@pytest.mark.parametrize("is_always", [False, True])
def test_other_parts_than_were_asked_for(client, hub, wrong, is_always):
    """Where the rest is never sent, all of it is, and what is here is compared and kept."""
    hub.faults.append(Fault(cut=SIZE // 2))
    if not is_always:
        hub.faults.append(wrong)
        assert client.is_whole(client.pull())
        return
    if wrong.status == 416 or wrong.shift > 0:

        class Choosy(deque):
            """Refuses each request for the rest, and answers others."""

            def __bool__(self):
                return True

            def popleft(self):
                if super().__len__():
                    return super().popleft()
                return wrong if hub.requests[-1][2] else Fault()

        hub.faults = Choosy(hub.faults)
    else:
        hub.always = wrong
    assert client.is_whole(client.pull())
    assert hub.sent <= 3 * SIZE  # the parts that were sent instead among them


@pytest.mark.parametrize("page", [Fault(body=b"<p>log in"), Fault(body=b"<p>log in", chunked=True)])
@pytest.mark.parametrize("kept", [0, SIZE // 2])
def test_the_page_of_a_hotel_does_not_spoil_what_has_come(client, hub, page, kept):
    page.ignores_range = True
    hub.faults.extend([Fault(cut=kept), page] if kept else [page])
    assert client.is_whole(client.pull())
    hub.always = page
    again = Client(hub, client.home / "other")
    constants.HF_HUB_CACHE = str(again.home)
    hub.faults.extend([Fault(cut=kept)] if kept else [])
    sentence = again.fails()
    assert "kept" in sentence or "is damaged" in sentence
    if kept:
        assert again.kept() == kept


def test_more_than_was_announced_is_refused(client, hub):
    hub.always = Fault(body=client.content + b"more", chunked=True)
    assert "sends more than was announced" in client.fails()


def test_a_wrong_hash_is_never_used(client, hub):
    hub.always = Fault(body=bytes(SIZE))
    sentence = client.fails(ModelError)
    assert "is damaged" in sentence and client.kept() == 0
    assert hub.sent == SIZE  # what came in one piece would come so again


def test_what_was_kept_and_is_damaged_is_fetched_again_once(client, hub):
    hub.always = Fault(status=503)
    hub.faults.append(Fault(cut=SIZE // 2))
    client.fails()
    (partial,) = client.home.rglob("*.incomplete")
    partial.write_bytes(bytes(SIZE // 4))
    hub.always = Fault()
    assert client.is_whole(client.pull())
    assert "is damaged as it was kept" in client.notes[-1]


@pytest.mark.parametrize("link", ["here", "elsewhere"])
def test_a_link_that_has_expired_is_asked_for_anew(client, hub, link):
    hub.link = link
    hub.faults.append(Fault(cut=SIZE // 2))
    client.pull()
    shutil.rmtree(client.home / "hub")
    hub.expired = 2
    if link == "elsewhere":
        assert client.is_whole(client.pull())
    else:  # the hub itself says that it is not for this person
        assert "does not give" in client.fails(ModelError)
    assert not [note for note in client.notes if SIGNATURE in note or "/signed" in note]


@pytest.mark.parametrize("link", [None, "here", "elsewhere"])
def test_the_token_stays_with_the_hub(client, hub, link):
    hub.link = link
    assert client.is_whole(client.pull())
    own, other = hub.url.partition("//")[2], hub.other.partition("//")[2]
    tokens = {host: {token for at, _, token in hub.seen if at == host} for host in (own, other)}
    assert tokens[own] == {"Bearer hf_secret"}
    assert tokens[other] == ({None} if link == "elsewhere" else set())


def test_a_repository_that_was_renamed(client, hub):
    hub.old_name = "formerly/called"
    assert client.is_whole(client.pull(HubModel("formerly/called")))


def test_a_gated_repository(client, hub):
    hub.always = Fault(status=403, headers={"X-Error-Code": "GatedRepo"})
    assert "asks for agreement" in client.fails(ModelError)


# ------------------------------------------------------------------------------- what is refused


def test_another_architecture_is_refused_before_its_weights(client, hub, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(hub.folder, other)
    config = json.loads((other / "config.json").read_text()) | {"model_type": "whisper"}
    (other / "config.json").write_text(json.dumps(config))
    hub.folder = other
    sentence = client.fails(ModelError)
    assert "'whisper'" in sentence and "not for nemocli" in sentence
    assert "model.safetensors" not in hub.fetched()
    assert not list((client.home / "hub").glob("models--*"))
    hub.requests.clear()
    hub.config = {"model_type": "whisper"}  # so the hub itself says it
    assert "'whisper'" in client.fails(ModelError) and hub.fetched() == []


@pytest.mark.parametrize("name", ["processor_config.json", "tokenizer.json", "model.safetensors"])
def test_a_repository_without_a_file_is_refused_before_any(client, hub, tmp_path, name):
    other = tmp_path / name
    shutil.copytree(hub.folder, other)
    (other / name).unlink()
    hub.folder = other
    assert f"it lacks {name}" in client.fails(ModelError)
    assert hub.fetched() == []


@pytest.fixture
def sharded(hub, tmp_path):
    """A repository of two shards, and one that no index names."""
    other = tmp_path / "sharded"
    shutil.copytree(hub.folder, other)
    (other / "model.safetensors").unlink()
    for name in ("a-1.safetensors", "a-2.safetensors", "consolidated.safetensors"):
        (other / name).write_bytes(name.encode() * 1000)
    weights = {"weight_map": {"x": "a-1.safetensors", "y": "a-2.safetensors"}}
    (other / "model.safetensors.index.json").write_text(json.dumps(weights))
    hub.folder = other
    return other


def test_only_the_shards_of_the_index_are_fetched(client, hub, sharded):
    client.pull()
    fetched = [name for name in hub.fetched() if name.endswith(".safetensors")]
    assert fetched == ["a-1.safetensors", "a-2.safetensors"]


@pytest.mark.parametrize("damage", ["missing", "climbing"])
def test_an_index_that_names_what_is_not_there(client, hub, sharded, damage):
    if damage == "missing":
        (sharded / "a-2.safetensors").unlink()
    else:
        (sharded / "model.safetensors.index.json").write_text('{"weight_map": {"x": "../a"}}')
    client.fails(ModelError)
    assert not [name for name in hub.fetched() if name.endswith(".safetensors")]


# ------------------------------------------------------------------------------------- the cache


@pytest.mark.parametrize("name", list(sound_files()))
@pytest.mark.parametrize("damage", ["truncated", "flipped", "missing"])
@pytest.mark.parametrize("revision", [None, COMMIT])
def test_a_damaged_file_is_fetched_again(client, hub, name, damage, revision):
    model = HubModel(MODEL.name, revision)
    folder = client.pull(model)
    blob = (folder / name).resolve()
    content = blob.read_bytes()
    if damage == "missing":
        blob.unlink()
    else:
        flipped = bytes([content[0] ^ 1]) + content[1:]
        blob.write_bytes(content[:-7] if damage == "truncated" else flipped)
    hub.requests.clear()
    client.notes.clear()
    assert client.is_whole(client.pull(model))
    assert hub.fetched() == [name]
    assert damage == "missing" or "is damaged and is downloaded again" in client.notes[0]


def test_a_commit_that_is_whole_is_not_asked_for(client, hub):
    pinned = HubModel(MODEL.name, COMMIT)
    folder = client.pull(pinned)
    hub.requests.clear()
    assert client.pull(pinned) == folder and hub.requests == []


def test_a_branch_that_is_here_does_without_a_connection(client, hub, monkeypatch):
    folder = client.pull()
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert client.pull() == folder and client.pauses == []
    assert client.notes == [f"The hub cannot be reached now; {MODEL} is used as it is here."]
    (folder / "config.json").resolve().write_bytes(b"{")
    assert "failed" in client.fails()


def test_the_cache_is_huggingface_hub_s_own(client, hub):
    """What it downloaded is used as it is, and what nemocli downloaded, by it."""
    names = [path.name for path in hub.files()]
    for name in names:
        hf_hub_download(MODEL.name, name, endpoint=hub.url)
    hub.requests.clear()
    folder = client.pull()
    assert client.is_whole(folder) and hub.fetched() == []
    shutil.rmtree(client.home / "hub")
    client.pull()
    found = hf_hub_download(MODEL.name, "config.json", local_files_only=True)
    assert Path(found).read_bytes() == (hub.folder / "config.json").read_bytes()


def test_a_cache_that_may_only_be_read(client, hub, monkeypatch):
    folder = client.pull()

    def refuse(*arguments, **options):
        raise OSError(30, "Read-only file system")

    for name in ("mkdir", "touch", "write_text", "unlink", "symlink_to", "replace"):
        monkeypatch.setattr(Path, name, refuse)
    assert client.pull() == folder
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert client.pull() == folder


@pytest.mark.parametrize("is_said", [True, False])
def test_without_links_nothing_is_stored_twice(client, hub, monkeypatch, is_said):
    if is_said:
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    else:
        monkeypatch.setattr(os, "symlink", lambda *arguments, **options: os.stat("/nowhere"))
    folder = client.pull()
    assert client.is_whole(folder) and not any(path.is_symlink() for path in folder.iterdir())
    sizes = [path.stat().st_size for path in client.home.rglob("*") if path.is_file()]
    assert sum(sizes) < SIZE + 100_000
    hub.requests.clear()
    assert client.pull() == folder and hub.fetched() == []
    (folder / "model.safetensors").write_bytes(client.content[:1000])
    assert client.is_whole(client.pull())
    assert hub.requests[-1][2] == "bytes=1000-"
    hub.commit = COMMIT[::-1]  # the same weights in another commit
    hub.requests.clear()
    newer = client.pull()
    assert client.is_whole(newer) and "model.safetensors" not in hub.fetched()
    assert (newer / "model.safetensors").samefile(folder / "model.safetensors")
    assert remove_revision(CachedCommit(MODEL, newer.name)) == []
    assert not choose_records_path(newer).exists() and choose_records_path(folder).exists()


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_without_links_damage_is_found_too(client, hub, monkeypatch, name):
    """No blob's name tells the hashes then, so they are kept beside the folder."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_SYMLINKS", True)
    folder = client.pull()
    assert {n: r.bytes for n, r in read_hub_records(folder).items()} == {
        path.name: path.stat().st_size for path in hub.files()
    }
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(bytes([content[0] ^ 1]) + content[1:])
    assert describe_damage(folder)[0].startswith(f"{folder / name} is damaged; ")
    assert client.is_whole(client.pull())
    for kept in (b"", b"[]", b"{", b'{"config.json": [1, "x"]}', b'{"config.json": 3}'):
        choose_records_path(folder).write_bytes(kept)
        assert read_hub_records(folder) == {}
        client.pull()
        assert read_hub_records(folder)


def test_a_token_that_none_can_be(client, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_tökén")
    assert "letters that no token has" in client.fails(UsageError)

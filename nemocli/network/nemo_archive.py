"""Read the members of a `.nemo` archive: a tar of settings, weights, and perhaps a tokenizer."""

import hashlib
import mmap
import tarfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Never

from nemocli.errors import ModelError
from nemocli.network.nemo_config import read_yaml
from nemocli.network.torch_file import TorchFile

CONFIG = "model_config.yaml"
WEIGHTS = "model_weights.ckpt"

#: What the tarfile module raises for a damaged archive.
_DAMAGED = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError, OSError)

#: The most bytes that the settings, or the tokenizer, may have: ten times what they take.
MAX_MEMBER_BYTES = 8 << 20

#: The most members that an archive may have: it has about ten.
MAX_MEMBERS = 1000


class NemoArchive:
    """An archive, which stays open, mapped into memory: `names` of its members, `settings`.

    Raises ModelError, naming the archive and what is wrong with it, if it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            with path.open("rb") as file:
                self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise ModelError(f"There is no file {path}.") from None
        except OSError as error:
            raise ModelError(f"The archive {path} cannot be read: {error.strerror}.") from None
        except ValueError:  # what mmap raises for an empty file
            self._refuse("is empty")
        with _open_tar(path) as tar:
            self._members = _list_members(tar, path)

    @property
    def names(self) -> list[str]:
        """The members' names."""
        return list(self._members)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the archive, in hexadecimal."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The values of model_config.yaml. Raises ModelError if there are none."""
        try:
            settings = read_yaml(self.read(CONFIG))
        except (ValueError, RecursionError):
            self._refuse(f"has a {CONFIG} that is not valid YAML")
        if not isinstance(settings, dict):
            self._refuse(f"has a {CONFIG} without settings")
        return settings

    def open_weights(self) -> TorchFile:
        """Open the weights. Raises ModelError if they are missing or damaged."""
        weights = self._find_member(WEIGHTS)
        with _open_tar(self.path) as tar:
            file: IO[bytes] | None = tar.extractfile(weights)
            if file is None:
                self._refuse(f"lacks {WEIGHTS}")
            return TorchFile(file, self._get_data(weights), str(self.path))

    def read(self, name: str) -> bytes:
        """Read a small member. Raises ModelError if it is missing, or has too many bytes."""
        member = self._find_member(name)
        if member.size > MAX_MEMBER_BYTES:
            self._refuse(f"has a {name} of more than {MAX_MEMBER_BYTES >> 20} MB")
        return bytes(self._get_data(member))

    def _find_member(self, name: str) -> tarfile.TarInfo:
        member = self._members.get(name)
        if member is None or not member.isreg() or member.sparse is not None:
            self._refuse(f"lacks the file {name}")
        return member

    def _get_data(self, member: tarfile.TarInfo) -> memoryview:
        data = memoryview(self._map)[member.offset_data : member.offset_data + member.size]
        if len(data) != member.size:
            self._refuse("is truncated")
        return data

    def _refuse(self, what: str) -> Never:
        raise ModelError(f"The archive {self.path} {what}; download it again.")


#: How files begin that users may give for a model by mistake: WAV, FLAC, Ogg, MP3, Matroska.
_SOUND = (b"RIFF", b"fLaC", b"OggS", b"ID3", b"\xff\xfb", b"\x1aE\xdf\xa3")


def _open_tar(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path, "r:")
    except _DAMAGED:
        with path.open("rb") as file:
            head = file.read(12)
    if head.startswith(b"\x1f\x8b"):
        raise ModelError(
            f"The archive {path} is compressed; decompress it first, such as by"
            f" 'gunzip < {path.name} > plain-{path.name}', and give the result."
        )
    if head.startswith(_SOUND) or head[4:8] == b"ftyp":
        raise ModelError(
            f"The file {path} is sound, not a model: give a name from 'nemocli models list', or the"
            " path of a model."
        )
    raise ModelError(f"The file {path} is not a .nemo archive, or is truncated; download it again.")


def _list_members(tar: tarfile.TarFile, path: Path) -> Mapping[str, tarfile.TarInfo]:
    members: dict[str, tarfile.TarInfo] = {}
    try:
        for number, member in enumerate(tar):
            if number == MAX_MEMBERS:
                raise ModelError(f"The archive {path} has more than {MAX_MEMBERS} members.")
            if member.size < 0:  # which leads back to the same header, endlessly
                raise tarfile.ReadError("a member smaller than nothing")
            members[member.name.removeprefix("./")] = member
        return members
    except _DAMAGED:
        raise ModelError(
            f"The archive {path} is truncated or damaged; download it again."
        ) from None

"""Damage to archives: in their members, their headers, and their bytes."""

import io
import tarfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from random import Random

from tests.fuzz.mutations import Mutate, damage

#: Names that lead elsewhere, or to what is there already.
NAMES = (
    "../x",
    "/etc/passwd",
    "x",
    "",
    "a/b",
    "./model_config.yaml",
    "\ud800",
    "é" * 120,
    "x" * 99,
)


def damage_zip(data: bytes, random: Random, mutate: Callable[[str], Mutate]) -> bytes:
    """A zip archive with a member changed by `mutate(name)`, left out, renamed or packed."""
    if random.random() < 0.2:
        return damage(data, random, (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"PK\x06\x06"))
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [(entry.filename, archive.read(entry)) for entry in archive.infolist()]
    except Exception:  # damaged before, in any way
        return damage(data, random)
    method = zipfile.ZIP_STORED
    if members and random.random() < 0.93:
        at = random.randrange(len(members)) if random.random() < 0.5 else 0
        name, content = members[at]
        members[at] = name, mutate(name)(content, random)
    if members and random.random() < 0.15:
        at = random.randrange(len(members))
        what = random.randrange(4)
        if what == 0:
            del members[at]
        elif what == 1:
            members.append((members[at][0], members[random.randrange(len(members))][1]))
        elif what == 2:
            members[at] = random.choice(NAMES), members[at][1]
        else:
            method = zipfile.ZIP_DEFLATED
    content = io.BytesIO()
    try:
        with warnings.catch_warnings(), zipfile.ZipFile(content, "w", method) as archive:
            warnings.simplefilter("ignore")  # of names that are there twice
            for name, member in members:
                archive.writestr(zipfile.ZipInfo(name), member, method)
    except (ValueError, UnicodeError):  # a name that zipfile refuses to write
        return damage(data, random)
    return content.getvalue()


#: Fields of a tar header: offset and length.
_FIELDS = ((0, 100), (124, 12), (156, 1), (157, 100), (257, 8), (345, 155), (386, 96), (482, 13))
_FIELDS += ((124, 12), (124, 12), (156, 1), (100, 8))
_KINDS = b"0\x0012345678LKxgSDVXN"


def damage_tar(data: bytes, random: Random, mutate: Callable[[str], Mutate]) -> bytes:
    """A tar archive with a member, a header, or its bytes changed; sums of headers are right."""
    what = random.random()
    if what < 0.1:
        return damage(data, random)
    if what < 0.35:
        return _damage_headers(bytearray(data), random)
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            members = [(m, archive.extractfile(m).read()) for m in archive if m.isreg()]  # type: ignore[union-attr]
    except Exception:
        return damage(data, random)
    if not members:
        return damage(data, random)
    at = random.randrange(len(members))
    info, content = members[at]
    members[at] = info, mutate(info.name)(content, random)
    if random.random() < 0.1:
        what_else = random.randrange(4)
        if what_else == 0:
            del members[at]
        elif what_else == 1:
            members.append(members[random.randrange(len(members))])
        elif what_else == 2:
            info.name = random.choice(NAMES)
        else:
            info.pax_headers = dict(_pax(random))
    changed = io.BytesIO()
    formats = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)
    try:
        with tarfile.open(fileobj=changed, mode="w:", format=random.choice(formats)) as archive:
            for info, content in members:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    except (ValueError, UnicodeError):
        return damage(data, random)
    return changed.getvalue()


def _pax(random: Random) -> Mapping[str, str]:
    keys = ("size", "path", "linkpath", "GNU.sparse.size", "GNU.sparse.realsize", "hdrcharset")
    keys += ("GNU.sparse.major", "GNU.sparse.minor", "GNU.sparse.map", "GNU.sparse.name", "mtime")
    values = ("-1", "-512", "0", "1", "99999999999999999999", "x", "1e999", "nan", "\x00", "1,2,3")
    return {random.choice(keys): random.choice(values) for _ in range(random.choice((1, 2, 3)))}


def _damage_headers(data: bytearray, random: Random) -> bytes:
    headers = [at for at in range(0, len(data) - 511, 512) if data[at + 257 : at + 262] == b"ustar"]
    if not headers:
        return damage(bytes(data), random)
    for _ in range(random.choice((1, 1, 2))):
        at = random.choice(headers)
        start, length = random.choice(_FIELDS)
        data[at + start : at + start + length] = _field(length, random)
        data[at + 148 : at + 156] = b" " * 8
        data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
        if random.random() < 0.2:
            data[at:at] = data[at : at + 512]
    return bytes(data)


def _field(length: int, random: Random) -> bytes:
    if length == 1:
        return bytes([random.choice(_KINDS)])
    number = random.choice((0, 1, 511, 512, 513, 2**20, 2**33 - 1))
    forms = (
        b"%o" % number,
        b"-%o" % number,
        b"\xff" * length,  # less than nothing, in base 256
        b"\x80" + b"\xff" * (length - 1),
        (-number * 512).to_bytes(length, "big", signed=True),
        b"9" * length,
        b"x" * length,
        b"\xff\xfe",
        b"",
        b"model_weights.ckpt",
    )
    return random.choice(forms)[:length].ljust(length, b"\0")

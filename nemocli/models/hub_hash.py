"""The hashes that the hub calls files by, and whether a file has one."""

import hashlib
import re
from pathlib import Path

#: Of a large file, and of a small one.
SHA256, SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


def is_hash(name: str) -> bool:
    """Whether a name is one that the hub gives to files."""
    return bool(SHA256.fullmatch(name) or SHA1.fullmatch(name))


def has_hash(path: Path, expected: str) -> bool:
    """Whether a file has a hash: a SHA-256, or a SHA-1 of git's kind or of the plain content."""
    return expected in hash_file(path, expected)


def hash_file(path: Path, like: str) -> tuple[str, ...]:
    """The hashes of a file that are of the kind of `like`: SHA-256, or SHA-1.

    The hub gives small files what git calls them, and mirrors that make their own the plain one.
    """
    with path.open("rb") as file:
        if SHA256.fullmatch(like):
            return (hashlib.file_digest(file, "sha256").hexdigest(),)
        plain = hashlib.sha1(usedforsecurity=False)
        git = hashlib.sha1(b"blob %d\0" % path.stat().st_size, usedforsecurity=False)
        while block := file.read(1 << 20):
            plain.update(block)
            git.update(block)
        return git.hexdigest(), plain.hexdigest()

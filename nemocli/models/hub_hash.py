"""Hashes that the hub names files by: compute and compare them."""

import hashlib
import re
from pathlib import Path

#: Forms of the hash of a large file, and of a small one.
SHA256, SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")


def is_hash(name: str) -> bool:
    """Return whether a name has the form of a hash that the hub names files by."""
    return bool(SHA256.fullmatch(name) or SHA1.fullmatch(name))


def has_hash(path: Path, expected: str) -> bool:
    """Return whether a file has this SHA-256, or this SHA-1 of its content or in git's form."""
    return expected in hash_file(path, expected)


def hash_file(path: Path, like: str) -> tuple[str, ...]:
    """Return a file's hashes of the same kind as `like`: the SHA-256, or two kinds of SHA-1.

    For small files the hub has git's SHA-1, and some mirrors the SHA-1 of the plain content.
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

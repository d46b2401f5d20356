"""Forms as servers read them (multipart/form-data)."""

import secrets
from collections.abc import Iterable


class Form:
    """The fields of a form, and what is written around a file in it."""

    def __init__(self, fields: Iterable[tuple[str, str]]) -> None:
        self._boundary = secrets.token_hex(16)
        self._parts = [self._begin_part(f'name="{name}"') + text + "\r\n" for name, text in fields]

    @property
    def content_type(self) -> str:
        """The header that belongs to it."""
        return f"multipart/form-data; boundary={self._boundary}"

    def encode(self) -> bytes:
        """Return the form without a file."""
        return "".join((*self._parts, f"--{self._boundary}--\r\n")).encode()

    def encode_around_file(self, ending: str) -> tuple[bytes, bytes]:
        """Return what comes before and behind a file, whose own name is not sent."""
        begin = self._begin_part(
            f'name="file"; filename="{name_upload(ending)}"',
            "Content-Type: application/octet-stream\r\n",
        )
        return "".join((*self._parts, begin)).encode(), f"\r\n--{self._boundary}--\r\n".encode()

    def _begin_part(self, about: str, more: str = "") -> str:
        return f"--{self._boundary}\r\nContent-Disposition: form-data; {about}\r\n{more}\r\n"


def name_upload(ending: str) -> str:
    """Return the name under which a file with an ending such as `.wav` is sent."""
    return f"sound{ending}" if ending[1:].isalnum() and ending.isascii() else "sound"

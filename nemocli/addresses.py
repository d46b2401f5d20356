"""Advice for internet addresses that were given in place of a path."""

import re
from urllib.parse import unquote

#: An address as it was typed, or with the double slash shortened, as pathlib does.
_ADDRESS = re.compile(
    r"(?P<scheme>https?|ftps?|sftp|scp|rtsps?|rtmps?|wss?|s3|gs|hf|smb|file):/{1,3}(?P<rest>[^/].*)",
    re.IGNORECASE | re.DOTALL,
)
#: An address without its scheme, as browsers show it.
_SHOWN_ADDRESS = re.compile(
    r"(www\.[^/\s]+\.[a-z]+|(m\.)?youtube\.com|youtu\.be)(/.*)?", re.I | re.S
)


def advise_on_address(text: str) -> str | None:
    """Return a sentence that says what to do instead if `text` is an address; None if it is not."""
    match = _ADDRESS.fullmatch(f"https://{text}" if _SHOWN_ADDRESS.fullmatch(text) else text)
    if match is None:
        return None
    scheme, rest = match["scheme"].lower(), match["rest"]
    if scheme == "file":
        return f"{text} is an address, not a path: give the path itself, /{unquote(rest)}."
    address = f"{match['scheme']}://{rest}"
    how = f", such as with: curl -LO '{address}'" if scheme in ("http", "https", "ftp") else "."
    return f"{address} is an address, and nemocli opens files: download it first{how}"

"""What the user of the server chose."""

import ipaddress
import re
from dataclasses import dataclass, field

from nemocli.boosting.phrases import Phrases
from nemocli.diarization.options import SpeakerOptions
from nemocli.errors import UsageError

#: Names by which a browser on this machine reaches a server that listens on a loopback address.
LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")

#: An origin as browsers write it: everything in lower case, and hosts in ASCII.
_ORIGIN = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://([a-z0-9._~-]+|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?"
)


@dataclass(frozen=True)
class ServerSettings:
    """Where the server listens, whom it serves, and its limits. Raises UsageError."""

    host: str = "127.0.0.1"
    port: int = 8000
    #: What clients must send; None allows everyone who can reach the server.
    api_key: str | None = None
    #: Origins of other pages whose scripts may use the server; `*` allows all.
    cors: tuple[str, ...] = ()
    #: The most bytes of a file that is uploaded.
    max_upload: int = 512_000_000
    #: The language of requests that name none.
    lang: str = "auto"
    #: Names and terms that are preferred in every request.
    phrases: Phrases = field(default_factory=lambda: Phrases(()))
    #: Where Wyoming's clients are served; no port: nowhere.
    wyoming_host: str = "127.0.0.1"
    wyoming_port: int | None = None
    #: What finds who speaks in files; None: nothing does.
    speakers: SpeakerOptions | None = None

    def __post_init__(self) -> None:
        if self.api_key is None and not is_loopback(self.host):
            raise UsageError(
                f"--host {self.host} can be reached from other machines: choose a key for them by"
                " NEMOCLI_API_KEY or --api-key, or leave out --host."
            )
        if self.api_key is not None and not (self.api_key.isascii() and self.api_key.strip()):
            raise UsageError(
                "--api-key or NEMOCLI_API_KEY takes a key of ASCII characters that is not empty."
            )
        for origin in self.cors:
            if not _is_origin(origin):
                raise UsageError(
                    "--cors takes an origin as browsers send it, such as https://example.org or"
                    " http://localhost:3000: a scheme and a host in lower case, without the"
                    f" scheme's usual port and without a path; not {origin[:200]!r}."
                )
        if self.max_upload < 1:
            raise UsageError("--max-upload takes a size of at least one byte, such as 512M.")
        for port in (self.port, self.wyoming_port):
            if port is not None and not 0 <= port <= 65535:
                raise UsageError(f"A port must be from 0 to 65535, not {port}.")


def _is_origin(text: str) -> bool:
    """Tell whether a browser may send a text as its page's origin; `*` stands for all of them."""
    match = _ORIGIN.fullmatch(text)
    usual = {"http": "80", "https": "443"}
    return text in ("*", "null") or (
        match is not None and (match["port"] is None or match["port"] != usual.get(match["scheme"]))
    )


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches a server that listens on `host`."""
    name = host.strip("[]").lower()
    if name == "localhost":
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

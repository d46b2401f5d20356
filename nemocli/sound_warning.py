"""A warning about a transcript: something is wrong with its sound, or with its language."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SoundWarning:
    """Something that is wrong with a file's sound, clock or header, or with its language."""

    #: "damage": bytes that cannot be decoded; "gap": sound that is missing by the file's clock;
    #: "clock": times that jump, stand still or drift; "cut": an end before the header's length;
    #: "length": a header with a wrong length; "channels": channels that cancel each other out;
    #: "level": floats in the range of integers, or very quiet; "empty": no words; "language": one
    #: that the model needs to be adapted to; "server": what a server says of its answer.
    kind: str
    #: Where it begins, in seconds on the sound's clock.
    at_s: float
    #: One sentence for the user.
    message: str

    def to_json(self) -> dict[str, Any]:
        """Return its members in JSON."""
        return {"kind": self.kind, "at": self.at_s, "message": self.message}

"""What is wrong with a sound that was transcribed all the same."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class SoundWarning:
    """Something that a file's sound lacks, or where its clock or its header is untrue."""

    #: "damage": bytes that cannot be decoded; "gap": sound that is missing by the file's clock;
    #: "clock": times that jump, stand still or drift; "cut": an end before the promised one;
    #: "length": a header with an untrue length; "channels": those that cancel each other out;
    #: "level": floats in the range of integers; "empty": no words.
    kind: str
    #: Seconds on the sound's clock where it begins.
    at_s: float
    #: One sentence.
    message: str

    def to_json(self) -> dict[str, Any]:
        """Give it as programs read it."""
        return {"kind": self.kind, "at": self.at_s, "message": self.message}

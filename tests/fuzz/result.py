"""Result of a run of a target."""

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field


@dataclass
class Finding:
    """A kind of failure, and the smallest input that causes it."""

    kind: str
    detail: str
    data: bytes


@dataclass
class Result:
    """Counts, costs and findings; `add` puts two runs together."""

    cases: int = 0
    accepted: int = 0
    seconds: float = 0.0
    #: How often each refusal was met, by the lines of nemocli it came through.
    refusals: Counter[Hashable] = field(default_factory=Counter)
    #: Bytes that a case took beyond what the process had, and seconds of processor time, at most.
    memory: int = 0
    slowest: float = 0.0
    findings: dict[str, Finding] = field(default_factory=dict)
    #: Inputs that went another way than all before.
    kept: list[bytes] = field(default_factory=list)

    def add(self, other: "Result") -> None:
        self.cases += other.cases
        self.accepted += other.accepted
        self.seconds += other.seconds
        self.refusals += other.refusals
        self.memory = max(self.memory, other.memory)
        self.slowest = max(self.slowest, other.slowest)
        self.findings |= other.findings
        self.kept += other.kept

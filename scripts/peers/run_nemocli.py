"""nemocli in a process of its own; see worker.py."""

import sys
import time
from pathlib import Path

import worker

sys.path.insert(0, str(Path(__file__).parents[2]))
import nemocli


class Nemocli:
    libraries = ("onnxruntime", "numpy")

    def __init__(self, model: str, lookahead: int, threads: int) -> None:
        # nemocli sets its threads itself: it has no option for them.
        self.transcriber = nemocli.load(model, lookahead=lookahead)

    def stream(self, samples: worker.Samples) -> tuple[list[float], list[int]]:
        session, chunks = self.transcriber.session(), []
        for packet in worker.packets(samples, self.transcriber.lookahead):
            began = time.perf_counter()
            session.feed(packet)
            chunks.append(time.perf_counter() - began)
        return chunks, [token.id for token in session.finish().tokens]

    def paced(self, samples: worker.Samples, paces: list[worker.Pace]) -> None:
        (pace,) = paces
        session = self.transcriber.session(keep_transcript=False)
        for end in range(worker.PACKET, len(samples) + 1, worker.PACKET):
            pace.wait(end)
            frames = session.frames
            session.feed(samples[end - worker.PACKET : end])
            if session.frames > frames:  # a packet is shorter than a chunk
                pace.record(end)

    def files(self, paths: list[str]) -> list[list[int]]:
        found = {}
        for outcome in self.transcriber.transcribe_many(paths):
            if outcome.transcript is None:
                raise outcome.error
            found[str(outcome.path)] = [token.id for token in outcome.transcript.tokens]
        return [found[path] for path in paths]

    files_by_chunk = worker.Peer.files_by_chunk


if __name__ == "__main__":
    worker.serve(Nemocli)

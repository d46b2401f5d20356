"""sherpa-onnx's streaming recognizer, int8 on the CPU, in a process of its own; see worker.py.

Files are done as in sherpa-onnx's own example for files: a stream for each, and the streams that
have a chunk ready are decoded together.
"""

import time
from pathlib import Path

import numpy as np
import sherpa_onnx
import worker

#: Samples of silence that each stream begins with. Its front end centres mel frames 80 samples
#: later than NeMo does, and its recognizer leaves out the first two encoder frames, made of 16 mel
#: frames. So its chunks begin where those of the others do.
BEFORE = 80 + 16 * 160

#: Samples of silence behind the sound, without which the last chunk would never be complete.
AFTER = round(0.66 * worker.RATE)


class SherpaOnnx:
    libraries = ("sherpa-onnx", "numpy")

    def __init__(self, model: str, lookahead: int, threads: int) -> None:
        folder = Path(model)
        tokens = folder / "tokens.txt"
        self.recognizer = sherpa_onnx.OnlineRecognizer.from_transducer(
            tokens=str(tokens),
            encoder=str(folder / "encoder.int8.onnx"),
            decoder=str(folder / "decoder.int8.onnx"),
            joiner=str(folder / "joiner.int8.onnx"),
            num_threads=threads,
        )
        self.lookahead = lookahead
        lines = tokens.read_text(encoding="utf-8").splitlines()
        self.ids = {line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in lines}

    def stream(self, samples: worker.Samples) -> tuple[list[float], list[int]]:
        stream, chunks = self._stream(), []
        silence = np.zeros(AFTER, np.float32)
        for packet in worker.packets(np.concatenate([samples, silence]), self.lookahead):
            began, decoded = time.perf_counter(), 0
            stream.accept_waveform(worker.RATE, packet)
            while self.recognizer.is_ready(stream):
                self.recognizer.decode_stream(stream)
                decoded += 1
            # The first packet is too short for a chunk.
            chunks += [(time.perf_counter() - began) / decoded] * decoded if decoded else []
        return chunks, self._tokens(stream)

    def paced(self, samples: worker.Samples, paces: list[worker.Pace]) -> None:
        """As its server does: the streams that have a chunk ready are decoded together."""
        first, chunk = self._first_chunk(), (self.lookahead + 1) * worker.RATE * 80 // 1000
        streams = [self._stream() for _ in paces]
        fed, done = [0] * len(paces), [0] * len(paces)
        until = len(samples) // worker.PACKET * worker.PACKET
        while True:
            now = time.monotonic()
            for n, (stream, pace) in enumerate(zip(streams, paces, strict=True)):
                while fed[n] < until and pace.due(fed[n] + worker.PACKET) <= now:
                    packet = samples[fed[n] : fed[n] + worker.PACKET]
                    stream.accept_waveform(worker.RATE, packet)
                    fed[n] += worker.PACKET
            ready = [n for n, stream in enumerate(streams) if self.recognizer.is_ready(stream)]
            if ready:
                self.recognizer.decode_streams([streams[n] for n in ready])
                for n in ready:
                    paces[n].record(first + done[n] * chunk)
                    done[n] += 1
            elif min(fed) == until:
                return
            else:
                begun = zip(paces, fed, strict=True)
                waits = [pace.due(end + worker.PACKET) for pace, end in begun if end < until]
                time.sleep(max(0.0, min(waits) - time.monotonic()))

    def _first_chunk(self) -> int:
        """Return the samples that it needs for its first chunk."""
        stream, samples, step = self._stream(), 0, 80
        while not self.recognizer.is_ready(stream):
            stream.accept_waveform(worker.RATE, np.zeros(step, np.float32))
            samples += step
        return samples

    def files(self, paths: list[str]) -> list[list[int]]:
        streams = [self._stream() for _ in paths]
        for stream, path in zip(streams, paths, strict=True):
            stream.accept_waveform(worker.RATE, worker.read_wav(path))
            stream.accept_waveform(worker.RATE, np.zeros(AFTER, np.float32))
            stream.input_finished()
        while ready := [stream for stream in streams if self.recognizer.is_ready(stream)]:
            self.recognizer.decode_streams(ready)
        return [self._tokens(stream) for stream in streams]

    files_by_chunk = worker.Peer.files_by_chunk

    def _stream(self) -> sherpa_onnx.OnlineStream:
        stream = self.recognizer.create_stream()
        stream.accept_waveform(worker.RATE, np.zeros(BEFORE, np.float32))
        return stream

    def _tokens(self, stream: sherpa_onnx.OnlineStream) -> list[int]:
        found = self.recognizer.get_result_all(stream).tokens
        return [self.ids[token.replace(" ", "▁")] for token in found]


if __name__ == "__main__":
    worker.serve(SherpaOnnx)

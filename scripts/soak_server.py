#!/usr/bin/env python
"""Let bad clients use a server for a long time, and tell whether it stays as it was.

    python scripts/soak_server.py --minutes 60
    python scripts/soak_server.py --minutes 5 --every 10 --pause 0.2

It starts `nemocli serve` with the demo, and sends it a client every --pause seconds: some read
slowly or not at all, leave a connection half open, vanish in the middle, or send malformed
messages; and between them are good ones, whose text must be right. At intervals it prints what the
server has: resident memory, threads, open files, live streams, files in work, uploads on the disk,
and the processor's load. At the end, all clients leave. The exit code is 1 if memory, threads or
open files grew, or if anything is left. It reads /proc, so it needs Linux.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from websockets.asyncio.client import connect

from nemocli.audio.sound import open_sound
from tests.server.running import form
from tests.sounds import pcm

CLIPS = Path(__file__).parents[1] / "assets" / "clips"

#: Seconds that a client which does nothing stays: longer than the server's limits.
STAY_S = 100.0

#: The most clients at once.
MAX_CLIENTS = 60

#: By how much memory may be larger in the last third than in the one before: bytes, and a share.
SPARE_BYTES, SPARE_SHARE = 6_000_000, 0.03

#: Seconds after the last client in which the server has to be as it was.
SETTLE_S = 130.0


@dataclass(frozen=True)
class Sample:
    """What the server has at a moment."""

    minutes: float
    memory_mb: float
    threads: int
    files: int
    streams: int
    requests: int
    uploads: int
    load_percent: float


HEADS = ("minute", "memory, MB", "threads", "open files", "streams", "files in work", "uploads")
HEADS += ("processor, %",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--every", type=float, default=60, help="seconds between two samples")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two clients")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "nemocli", "serve", "--model", "demo", "--port", "0"]
        command += ["--wyoming-port", "0", "--max-streams", "64"]
        environment = os.environ | {"TMPDIR": folder}
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        ) as server:
            try:
                soak = Soak(server, Path(folder), random.Random(options.seed))
                faults = asyncio.run(soak.run(60 * options.minutes, options.every, options.pause))
            finally:
                server.terminate()
    print("\nclients: " + ", ".join(f"{count} {kind}" for kind, count in soak.counts.items()))
    for fault in faults:
        print(f"FAULT: {fault}")
    print("" if faults else "flat, and nothing was left.")
    raise SystemExit(1 if faults else 0)


class Soak:
    """A server, and the clients that it is sent."""

    def __init__(self, server: "subprocess.Popen[str]", folder: Path, rng: random.Random) -> None:
        assert server.stdout is not None and server.stderr is not None
        self._pid = server.pid
        self._folder = folder
        self._rng = rng
        self._url = server.stdout.readline().strip()
        if not self._url:
            raise SystemExit(f"The server did not start: {server.stderr.read()}")
        self._port = int(self._url.rsplit(":", 1)[1])
        self._wyoming = _find_port(server.stderr)
        os.set_blocking(server.stderr.fileno(), False)
        self._stderr = server.stderr
        self._clip = sorted(CLIPS.glob("en-US-*.flac"))[0].read_bytes()
        sound = open_sound(sorted(CLIPS.glob("en-US-*.flac"))[0])
        self._sound = b"".join(pcm(packet) for packet in sound)
        self._began = time.monotonic()
        self._busy_before: tuple[float, float] | None = None
        self._texts: dict[str, str] = {}
        self.counts: Counter[str] = Counter()
        self.faults: list[str] = []

    async def run(self, seconds: float, every_s: float, pause_s: float) -> Sequence[str]:
        """Send clients; return what is wrong with the server."""
        print(f"| {' | '.join(HEADS)} |\n|{'---|' * len(HEADS)}", flush=True)
        samples, clients = [], set()
        sample_at = 0.0
        while (passed := time.monotonic() - self._began) < seconds:
            if passed >= sample_at:
                samples.append(await self._show())
                sample_at += every_s
            if len(clients) < MAX_CLIENTS:
                client = asyncio.ensure_future(self._send_client())
                clients.add(client)
                client.add_done_callback(clients.discard)
            await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.5))
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        last = await self._show()
        until = time.monotonic() + SETTLE_S
        while (last.streams or last.requests or last.uploads) and time.monotonic() < until:
            await asyncio.sleep(5)
            last = self._sample()
        await self._show()
        if last.streams or last.requests or last.uploads:
            self.faults.append("streams, files or uploads are left after the last client")
        with contextlib.suppress(TypeError):  # nothing was written
            if said := self._stderr.read():
                self.faults.append(f"the server wrote {said[:500]!r}")
        return [*self.faults, *find_growth(samples)]

    async def _show(self) -> Sample:
        sample = self._sample()
        cells = (f"{value:.1f}" if isinstance(value, float) else value for value in astuple(sample))
        print(f"| {' | '.join(map(str, cells))} |", flush=True)
        return sample

    def _sample(self) -> Sample:
        place = Path(f"/proc/{self._pid}")
        fields = (place / "stat").read_text().rpartition(")")[2].split()
        busy = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        now = time.monotonic()
        before, at = self._busy_before or (busy, now)
        self._busy_before = busy, now
        with urllib.request.urlopen(f"{self._url}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        metrics = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        return Sample(
            (now - self._began) / 60,
            int((place / "statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6,
            len(os.listdir(place / "task")),
            len(os.listdir(place / "fd")),
            int(metrics["nemocli_live_streams"]),
            int(metrics["nemocli_file_requests"]),
            sum(1 for _ in self._folder.rglob("upload-*")),
            100 * (busy - before) / max(1e-6, now - at),
        )

    # -------------------------------------------------------------------------------------- clients

    async def _send_client(self) -> None:
        kinds: dict[str, tuple[Callable[[], Awaitable[None]], float]] = {
            "good files": (self._good_file, 1),
            "good streams": (self._good_stream, 1),
            "slow readers": (self._read_slowly, 2),
            "half-open": (self._leave_half_open, 3),
            "vanished": (self._vanish, 4),
            "malformed": (self._send_malformed, 6),
        }
        (kind,) = self._rng.choices(list(kinds), [share for _, share in kinds.values()])
        self.counts[kind] += 1
        try:
            await kinds[kind][0]()
        except (OSError, EOFError, asyncio.IncompleteReadError):
            if kind.startswith("good"):
                self.faults.append(f"{kind}: the connection was lost")
        except Exception as error:
            if "websockets" not in type(error).__module__ or kind.startswith("good"):
                self.faults.append(f"{kind}: {error!r}")

    async def _good_file(self) -> None:
        reader, writer = await self._open(self._post(self._clip))
        head = await reader.readuntil(b"\r\n\r\n")
        body = await reader.read()
        writer.close()
        self._check("file", head.split()[1] == b"200" and json.loads(body)["text"])

    async def _good_stream(self) -> None:
        async with connect(f"ws://127.0.0.1:{self._port}/v1/realtime") as client:
            await client.send(update(turn_detection=None, rate=16000))
            for at in range(0, len(self._sound), 6400):
                await client.send(self._sound[at : at + 6400])
            await client.send('{"type": "input_audio_buffer.commit"}')
            async for message in client:
                event = json.loads(message)
                if event["type"].endswith((".completed", "error")):
                    self._check("stream", event.get("transcript"))
                    return

    def _check(self, kind: str, text: object) -> None:
        if not text or self._texts.setdefault(kind, str(text)) != text:
            self.faults.append(f"a good {kind} got {text!r}")

    async def _read_slowly(self) -> None:
        """Ask for much, and read a byte a second, or nothing."""
        if self._rng.random() < 0.5:
            async with connect(f"ws://127.0.0.1:{self._port}/v1/realtime", max_queue=1) as client:
                for _ in range(60):  # whose answers fill all buffers
                    await client.send(update(rate=16000, transcription={"model": "x" * 100_000}))
                    await client.send(self._sound[:6400])
                await asyncio.sleep(STAY_S)
        else:
            reader, writer = await self._open(self._post(self._clip, ("stream", "true")))
            for _ in range(round(STAY_S / 2)):
                await reader.read(1)
                await asyncio.sleep(1)
            writer.transport.abort()

    async def _leave_half_open(self) -> None:
        """Begin something, and say no more."""
        whole = self._post(self._clip)
        handshake = f"GET /v1/realtime HTTP/1.1\r\nhost: 127.0.0.1:{self._port}\r\nupgrade: web"
        begun, port = self._rng.choice(
            [
                (b"", self._port),
                (b"GET / HT", self._port),
                (whole[: self._rng.randrange(1, len(whole))], self._port),
                (handshake.encode(), self._port),
                (b"", self._wyoming),
                (
                    b'{"type": "audio-chunk", "payload_length": 50000}\n' + bytes(99),
                    self._wyoming,
                ),
                (b'{"type": "audio-sta', self._wyoming),
            ]
        )
        reader, writer = await self._open(begun, port)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STAY_S):
                await reader.read()
        writer.transport.abort()

    async def _vanish(self) -> None:
        """Reset the connection in the middle: of an upload, an answer, a stream, an utterance."""
        whole = self._post(self._clip, ("stream", "true"))
        if self._rng.random() < 0.4:
            sent = whole[: self._rng.randrange(1, len(whole))]
            _, writer = await self._open(self._rng.choice([whole, sent]))
        elif self._rng.random() < 0.5:
            frame = {"type": "audio-chunk", "payload_length": len(self._sound)}
            _, writer = await self._open(json.dumps(frame).encode() + b"\n", self._wyoming)
            writer.write(self._sound[: self._rng.randrange(len(self._sound) + 1)])
        else:
            client = await connect(f"ws://127.0.0.1:{self._port}/v1/realtime")
            await client.send(update(rate=16000))
            await client.send(self._sound)
            await asyncio.sleep(self._rng.random())
            client.transport.abort()
            return
        await writer.drain()
        await asyncio.sleep(self._rng.random() / 2)
        sock = writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def _send_malformed(self) -> None:
        if self._rng.random() < 0.4:
            async with connect(f"ws://127.0.0.1:{self._port}/v1/realtime") as client:
                for _ in range(5):
                    await client.send(self._rng.choice(MALFORMED_EVENTS))
                    await client.send(self._rng.randbytes(self._rng.randrange(5000)))
                async with asyncio.timeout(60):
                    while True:
                        await client.recv()
                        if not self._rng.randrange(6):
                            return
        is_frame = self._rng.random() < 0.5
        data = self._rng.choice(MALFORMED_FRAMES if is_frame else MALFORMED_REQUESTS)
        if not is_frame:
            cut = self._rng.randrange(len(self._clip))
            noise = self._rng.randbytes(200)
            data = self._rng.choice([data, self._post(self._clip[:cut] + noise), self._post(noise)])
        reader, writer = await self._open(data, self._wyoming if is_frame else self._port)
        writer.write_eof()
        async with asyncio.timeout(120):
            await reader.read()
        writer.close()

    async def _open(
        self, data: bytes, port: int | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port or self._port)
        writer.write(data)
        await writer.drain()
        return reader, writer

    def _post(self, sound: bytes, *fields: tuple[str, str]) -> bytes:
        body, boundary = form(sound, [("model", "any"), *fields])
        head = (
            "POST /v1/audio/transcriptions HTTP/1.1\r\nconnection: close\r\n"
            f"host: 127.0.0.1:{self._port}\r\ncontent-length: {len(body)}\r\n"
            f"content-type: multipart/form-data; boundary={boundary}\r\n\r\n"
        )
        return head.encode() + body


MALFORMED_EVENTS = (
    *("", "{", "[]", "5", '{"type": 5}', '{"type": "response.create"}', "[" * 9999),
    '{"type": "input_audio_buffer.append", "audio": "*"}',
    '{"type": "session.update", "session": {"audio": {"input": {"format": 5}}}}',
    '{"type": "session.update", "session": {"audio": {"input": {"turn_detection": []}}}}',
    '{"type": "input_audio_buffer.commit"}',
    '{"type": "input_audio_buffer.clear"}',
)
MALFORMED_FRAMES = (
    *(b"\n", b"{}\n", b"x" * 70_000, b'{"type": []}\n', b'{"type": "audio-stop"}\n'),
    b'{"type": "audio-start", "data": {"rate": 1}}\n',
    b'{"type": "audio-chunk", "payload_length": 99999999}\n',
    b'{"type": "audio-chunk", "data_length": 4}\nnull',
)
MALFORMED_REQUESTS = (
    *(b"\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n"),
    b"\x16\x03\x01" + bytes(200),
    b"GET / HTTP/1.1\r\nhost: localhost\r\n" + b"x: y\r\n" * 5000 + b"\r\n",
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
    b"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: localhost\r\ncontent-length: 5\r\n\r\nx",
    b"GET /v1/realtime HTTP/1.1\r\nhost: localhost\r\nupgrade: websocket\r\n\r\n",
)


def update(rate: int, **given: object) -> str:
    """Return an event that sets a rate, and other settings of the sound that comes."""
    settings = {"format": {"type": "audio/pcm", "rate": rate}, **given}
    return json.dumps({"type": "session.update", "session": {"audio": {"input": settings}}})


def find_growth(samples: Sequence[Sample]) -> list[str]:
    """Compare the last third of the samples with the one before; return what grew."""
    third = len(samples) // 3
    if not third:
        return ["there are too few samples to compare: let it run for longer"]
    before, last = samples[third : 2 * third], samples[2 * third :]
    spare = {
        "memory_mb": lambda most: SPARE_BYTES / 1e6 + SPARE_SHARE * most,
        "threads": lambda _: 2,
        "files": lambda _: 15,  # clients that are just there
    }
    found = []
    for name, allowed in spare.items():
        then, now = (max(getattr(each, name) for each in part) for part in (before, last))
        if now > then + allowed(then):
            found.append(f"{name} grew from {then:.1f} to {now:.1f}")
    return found


def _find_port(stderr: "subprocess.IO[str]") -> int:
    while line := stderr.readline():
        if "Wyoming is at port" in line:
            return int(line.split("port")[1].strip(" .\n").split()[0])
    raise SystemExit("The server did not say where Wyoming is.")


if __name__ == "__main__":
    main()

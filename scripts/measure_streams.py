#!/usr/bin/env python
"""Find how many live streams one server has in time, beside one process for each stream.

    python scripts/measure_streams.py MODEL
    python scripts/measure_streams.py --work DIR --peer transformers --peer sherpa-onnx
    python scripts/measure_streams.py demo --streams 4,32 --processes 2 --seconds 10 --warm-up 2

Each stream has the same sound at the pace of real time, in packets of 50 ms; streams begin at
different moments of a second. The lag of a chunk is the time from the moment when the packet with
its last sample was complete until its result is there: at the client of a server, or behind the
call in a process. Both ways count all chunks that were complete in the same span: after --warm-up
seconds, until --seconds. Processes load their models first, and begin together.

A number of streams is in time if the 95th percentile of the lags is under the length of a chunk.
The largest such number is searched for, or those of --streams and --processes are measured.

Each row says how busy the machine was before: its load average of a minute, which sinks slowly
behind a row. A server's rows also say which part of a core the clients used, all of which are this
process; those of the other rows are part of the processes.

--peer measures other recognizers too, with the same random checkpoint in DIR, where
compare_peers.py and this script keep their environments and models. transformers has a process for
each stream: its streaming loop could only share a batch among streams that began together.
sherpa-onnx is measured both ways: a process for each stream, and one process that decodes together
what is ready, as its server does (without the network).
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from nemocli.network.graphs import count_chunk_rows
from scripts.peers import machine, models, runs, sounds
from scripts.peers.worker import PACKET, RATE, Pace

#: Samples between two mel rows, and those behind a row's centre that it needs.
HOP, BEHIND = 160, 200

#: Streams begin within so many seconds, and this long after all is ready.
SPREAD_S, SOON_S = 1.0, 0.5

#: Where a search begins, and its steps: for a server, for its processes, and for peers.
SERVER_STEPS, PROCESS_STEPS, PEER_STEPS = (16, 8), (4, 2), (1, 1)


@dataclass(frozen=True)
class Row:
    """Lags in seconds of all chunks in the span.

    If they are known: streams per call, and cores that the clients used. With `is_lost`, there are
    chunks without a result.
    """

    lags: Sequence[float]
    batch: float | None = None
    clients: float | None = None
    is_lost: bool = False

    def is_in_time(self, chunk_s: float) -> bool:
        if not self.lags or self.is_lost:
            return False
        return float(np.percentile(self.lags, 95)) < chunk_s


@dataclass(frozen=True)
class Span:
    """The seconds of a measurement that count, from the moment when streams begin."""

    warm_up: float
    seconds: float

    def select(self, began: float, lags: Sequence[tuple[float, float]]) -> list[float]:
        """Return the lags of chunks that were complete in the span; `began` as time.monotonic()."""
        first, last = began + self.warm_up, began + self.seconds
        return [lag for due, lag in lags if first <= due < last]


def main() -> None:
    options = parse()
    span = Span(options.warm_up, options.seconds)
    chunk_s = 0.08 * (options.lookahead + 1)
    model = options.model or models.for_nemocli(
        options.work, options.size, "int8", options.lookahead
    )
    print(f"| {' | '.join(COLUMNS)} |\n|{len(COLUMNS) * '---|'}")
    with tempfile.TemporaryDirectory() as folder:
        wav = sounds.write_sound(Path(folder), options.seconds + SPREAD_S, 0)

        def find(what: str, counts: Sequence[int] | None, steps: tuple[int, int], measure: Measure):
            def show(count: int) -> bool:
                load = os.getloadavg()[0]
                row = measure(count)
                report(f"{count}, {what}", row, chunk_s, load)
                return row.is_in_time(chunk_s)

            if counts is None:
                return find_most(show, *steps, options.most)
            return max((count for count in counts if show(count)), default=0)

        own = runs.PeerRun("nemocli", Path(sys.executable), "run_nemocli.py", Path(model), "paced")
        lookahead = options.lookahead
        one = find(
            "one server",
            options.streams,
            SERVER_STEPS,
            lambda count: run_server(str(model), lookahead, count, wav, span),
        )
        each = find(
            "a process each",
            options.processes,
            PROCESS_STEPS,
            lambda count: run_processes(own, lookahead, count, 1, wav, span),
        )
        found = {"nemocli, one server": one, "nemocli, a process each": each}
        for peer in plan_peers(options):
            found[f"{peer.name}, a process each"] = find(
                f"{peer.name}, a process each",
                options.processes,
                PEER_STEPS,
                lambda count, peer=peer: run_processes(peer, lookahead, count, 1, wav, span),
            )
            if peer.script == "run_sherpa.py":
                found[f"{peer.name}, one process"] = find(
                    f"{peer.name}, one process",
                    options.streams,
                    PEER_STEPS,
                    lambda count, peer=peer: run_processes(peer, lookahead, 1, count, wav, span),
                )
    print()
    for what, count in found.items():
        ratio = f", a ratio of {one / count:.1f}" if count else ""
        print(f"{what}: {count} streams in time{ratio}")


Measure = Callable[[int], Row]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="by default the one in DIR")
    parser.add_argument("--streams", type=numbers, help="numbers to measure instead of a search")
    parser.add_argument("--processes", type=numbers, help="the same for processes")
    parser.add_argument("--most", type=int, default=64, help="where a search ends")
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--warm-up", type=float, default=10)
    parser.add_argument("--lookahead", type=int, default=3, choices=(0, 3, 6, 13))
    parser.add_argument("--peer", action="append", default=[], choices=PEERS)
    parser.add_argument("--work", type=Path, metavar="DIR", help="folder for peers and models")
    parser.add_argument("--size", choices=("full", "small"), default="full")
    options = parser.parse_args()
    if options.work is None and (options.peer or options.model is None):
        parser.error("give a MODEL, or --work for the random checkpoint and for peers")
    return options


PEERS = ("transformers", "sherpa-onnx")


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def plan_peers(options: argparse.Namespace) -> list[runs.PeerRun]:
    if not options.peer:
        return []
    planned = runs.plan(
        options.work, options.size, options.lookahead, "paced", options.peer, fp32=False
    )
    return planned[1:]  # the first is nemocli


def find_most(is_in_time: Callable[[int], bool], first: int, step: int, most: int) -> int:
    """Return the largest number that is in time, if those above it are not: 0 if not even 1 is."""
    best, failed = 0, most + 1
    count = min(first, most)
    while count < failed:
        if is_in_time(count):
            best, count = count, min(count + step, most) if count < most else failed
        else:
            failed = count
    while failed - best > 1:
        middle = (best + failed) // 2
        if is_in_time(middle):
            best = middle
        else:
            failed = middle
    return best


COLUMNS = (
    "streams",
    "chunks",
    "median lag, ms",
    "mean",
    "p95",
    "most",
    "streams per call",
    "cores of clients",
    "load before",
    "in time",
)


def report(what: str, row: Row, chunk_s: float, load: float) -> None:
    cells = [what, str(len(row.lags))]
    if row.lags:
        figures = (np.median(row.lags), np.mean(row.lags), np.percentile(row.lags, 95))
        cells += [f"{1000 * figure:.0f}" for figure in (*figures, max(row.lags))]
    else:
        cells += 4 * ["-"]
    cells += ["-" if value is None else f"{value:.2f}" for value in (row.batch, row.clients)]
    cells += [f"{load:.1f}", "yes" if row.is_in_time(chunk_s) else "no"]
    print(f"| {' | '.join(cells)} |", flush=True)


def chunk_ends(lookahead: int, samples: int) -> list[int]:
    """Return the samples that each chunk of a stream needs, up to so many."""
    frames = lookahead + 1
    ends, rows = [], count_chunk_rows(frames, first=True)
    while (end := HOP * (rows - 1) + BEHIND) <= samples:
        ends.append(end)
        rows += count_chunk_rows(frames, first=False)
    return ends


# --------------------------------------------------------------------------------------- a server


def run_server(model: str, lookahead: int, count: int, wav: Path, span: Span) -> Row:
    """Run so many streams through a server of their own."""
    command = [sys.executable, "-m", "nemocli", "serve", "--model", model, "--port", "0"]
    command += ["--lookahead", str(lookahead), "--max-streams", str(count), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            raise SystemExit("The server did not start; what it printed is above.")
        try:
            return asyncio.run(send_all(url, lookahead, count, wav, span))
        finally:
            server.terminate()


async def send_all(url: str, lookahead: int, count: int, wav: Path, span: Span) -> Row:
    samples = sounds.read_sound(wav)
    began = time.monotonic() + SOON_S
    paces = [Pace(began + SPREAD_S * n / count) for n in range(count)]
    ends = chunk_ends(lookahead, len(samples) // 2 // PACKET * PACKET)
    before: dict[str, float] = {}

    async def note_metrics() -> None:
        await asyncio.sleep(began + span.warm_up - time.monotonic())
        before.update(await asyncio.to_thread(read_metrics, url))

    noting = asyncio.ensure_future(note_metrics())
    used, since = time.process_time(), time.monotonic()
    await asyncio.gather(*(send(url, samples, pace, ends) for pace in paces), noting)
    clients = (time.process_time() - used) / (time.monotonic() - since)
    after = await asyncio.to_thread(read_metrics, url)
    calls, streams = (
        after[f'{name}{{kind="live"}}'] - before[f'{name}{{kind="live"}}']
        for name in ("calls_total", "call_streams_total")
    )
    if missing := sum(len(ends) - len(pace.lags) for pace in paces):
        # Where a stream transcribes sound once more, its chunks end elsewhere.
        print(f"{missing} chunks have no result.", file=sys.stderr)
    lags = [lag for pace in paces for lag in span.select(began, pace.lags)]
    return Row(lags, streams / max(1, calls), clients, bool(missing))


async def send(url: str, samples: bytes, pace: Pace, ends: Sequence[int]) -> None:
    """Send a sound at its pace, and record the lag of each chunk."""
    from websockets.asyncio.client import connect

    address = url.replace("http", "ws") + "/v1/realtime"
    async with connect(address, max_queue=None, max_size=None) as client:
        given = {"format": {"type": "audio/pcm", "rate": RATE}, "turn_detection": None}
        session = {"audio": {"input": given}, "include": ["progress"]}
        await client.send(json.dumps({"type": "session.update", "session": session}))

        async def record() -> None:
            done = 0
            async for message in client:
                event = json.loads(message)
                if event["type"] == "nemocli.progress":
                    passed = round(event["audio_end_ms"] * RATE / 1000)
                    while done < len(ends) and ends[done] <= passed:
                        pace.record(ends[done])
                        done += 1
                elif event["type"].endswith((".completed", ".failed", "error")):
                    return

        recording = asyncio.ensure_future(record())
        for end in range(PACKET, len(samples) // 2 + 1, PACKET):
            await asyncio.sleep(pace.due(end) - time.monotonic())
            await client.send(samples[2 * (end - PACKET) : 2 * end])
        await client.send('{"type": "input_audio_buffer.commit"}')
        await recording


def read_metrics(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.removeprefix("nemocli_"): float(value) for name, value in found}


# -------------------------------------------------------------------------------------- processes


def run_processes(
    run: runs.PeerRun, lookahead: int, processes: int, streams: int, wav: Path, span: Span
) -> Row:
    """Run so many processes, each with its own model and so many streams; none if one fails."""
    begin = partial(runs.begin, run, wav, lookahead, machine.threads(), streams)
    running = [begin() for _ in range(processes)]
    try:
        ready = [runs.wait_until_ready(each) for each in running]
        if not all(ready):
            return Row([])
        began = time.monotonic() + SOON_S
        total = processes * streams
        for n, each in enumerate(running):
            own = range(n * streams, (n + 1) * streams)
            runs.go(each, [began + SPREAD_S * number / total for number in own])
        results = [runs.finish(each) for each in running]
    finally:
        for each in running:
            each.kill()
            each.wait()
    if any(result is None for result in results):
        return Row([])
    lags = [
        lag for result in results for stream in result["lags"] for lag in span.select(began, stream)
    ]
    return Row(lags)


if __name__ == "__main__":
    main()

#!/usr/bin/env python
"""Measure how many live streams one server has in time, beside one process for each stream.

    python scripts/measure_streams.py MODEL [--streams 4,8,12,16,20] [--processes 3,4,5,6]
    python scripts/measure_streams.py demo --streams 8,32 --seconds 10 --processes ''

Each stream sends the same sound at the pace of real time, in packets of 50 ms, begun at different
moments. The lag is what the server's /metrics say: from the arrival of the sound that completes a
chunk until the chunk is transcribed. A process alone measures the same around `Session.feed`. A
number of streams is in time if the 95th percentile is under the length of a chunk. For the released
size, make a checkpoint by scripts/random_checkpoint.py, and convert it with --precision int8.
"""

import argparse
import asyncio
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from nemocli.live.lags import Lags
from tests.sounds import RATE, pcm, speech_like

#: Seconds of a packet.
PACKET_S = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--streams", type=numbers, default=[4, 8, 12, 16, 20])
    parser.add_argument("--processes", type=numbers, default=[3, 4, 5, 6])
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--lookahead", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        print(json.dumps(run_alone(arguments.model, arguments.lookahead, arguments.seconds)))
        return
    chunk_s = 0.08 * (arguments.lookahead + 1)
    print("| streams | mean lag, ms | p95 lag, ms | streams per call | in time |")
    print("|---|---|---|---|---|")
    for count in arguments.streams:
        row = run_server(arguments.model, arguments.lookahead, count, arguments.seconds)
        report(f"{count}, one server", row, chunk_s)
    for count in arguments.processes:
        row = run_processes(arguments.model, arguments.lookahead, count, arguments.seconds)
        report(f"{count}, a process each", row, chunk_s)


def numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",") if number]


def report(what: str, row: dict[str, float], chunk_s: float) -> None:
    is_in_time = "yes" if row["p95"] < chunk_s else "no"
    cells = (what, f"{1000 * row['mean']:.0f}", f"{1000 * row['p95']:.0f}", f"{row['batch']:.1f}")
    print(f"| {' | '.join(cells)} | {is_in_time} |", flush=True)


def run_server(model: str, lookahead: int, count: int, seconds: float) -> dict[str, float]:
    """Run so many streams through a server of their own."""
    command = [sys.executable, "-m", "nemocli", "serve", "--model", model, "--port", "0"]
    command += ["--lookahead", str(lookahead), "--max-streams", str(count), "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        if not url:
            raise SystemExit("The server did not start; what it printed is above.")
        try:
            before = read_metrics(url)
            asyncio.run(send_all(url, count, seconds))
            after = read_metrics(url)
        finally:
            server.terminate()
    calls = after['calls_total{kind="live"}'] - before['calls_total{kind="live"}']
    streams = after['call_streams_total{kind="live"}'] - before['call_streams_total{kind="live"}']
    return {
        "mean": after["live_lag_mean_seconds"],
        "p95": after['live_lag_seconds{percentile="95"}'],
        "batch": streams / max(1, calls),
    }


def read_metrics(url: str) -> dict[str, float]:
    with urllib.request.urlopen(f"{url}/metrics") as answer:
        lines = answer.read().decode().splitlines()
    found = (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
    return {name.removeprefix("nemocli_"): float(value) for name, value in found}


async def send_all(url: str, count: int, seconds: float) -> None:
    sound = pcm(speech_like(seconds))
    await asyncio.gather(*(send(url, sound, n / count) for n in range(count)))


async def send(url: str, sound: bytes, delay_s: float) -> None:
    """Send a sound at the pace of real time."""
    from websockets.asyncio.client import connect

    step = 2 * round(PACKET_S * RATE)
    await asyncio.sleep(delay_s)
    async with connect(url.replace("http", "ws") + "/v1/realtime", max_queue=None) as client:
        given = {"format": {"type": "audio/pcm", "rate": RATE}, "turn_detection": None}
        update = {"type": "session.update", "session": {"audio": {"input": given}}}
        await client.send(json.dumps(update))
        began = time.monotonic()
        for n, at in enumerate(range(0, len(sound), step)):
            await asyncio.sleep(began + n * PACKET_S - time.monotonic())
            await client.send(sound[at : at + step])
        await client.send(json.dumps({"type": "input_audio_buffer.commit"}))
        async for message in client:
            if json.loads(message)["type"].endswith((".completed", ".failed")):
                return


def run_processes(model: str, lookahead: int, count: int, seconds: float) -> dict[str, float]:
    """Run so many processes, each with its own model and one stream."""
    command = [sys.executable, __file__, model, "--alone", "--seconds", str(seconds)]
    command += ["--lookahead", str(lookahead)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    rows = [json.loads(each.communicate()[0]) for each in running]
    return {
        "mean": float(np.mean([row["mean"] for row in rows])),
        "p95": float(np.percentile(flatten([row["lags"] for row in rows]), 95)),
        "batch": 1.0,
    }


def flatten(lists: Sequence[Sequence[float]]) -> list[float]:
    return [value for values in lists for value in values]


def run_alone(model: str, lookahead: int, seconds: float) -> dict[str, object]:
    """Feed one session at the pace of real time; return the lags of its chunks in seconds."""
    import nemocli

    session = nemocli.load(model, lookahead=lookahead).session(keep_transcript=False)
    sound, step = speech_like(seconds), round(PACKET_S * RATE)
    session.feed(np.zeros(3 * RATE, np.float32))  # the first calls are slower
    lags, values = Lags(), []
    began = time.monotonic()
    for n, at in enumerate(range(0, len(sound), step)):
        due = began + n * PACKET_S
        time.sleep(max(0.0, due - time.monotonic()))
        frames = session.frames
        session.feed(sound[at : at + step])
        if session.frames > frames:
            values.append(time.monotonic() - due)
            lags.add(values[-1])
    return {"mean": lags.mean, "lags": values}


if __name__ == "__main__":
    main()

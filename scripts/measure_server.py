#!/usr/bin/env python
"""Measure when a server's first caption comes after it is ready, and what it costs to wait.

    python scripts/measure_server.py [MODEL] [--seconds 60] [--repeat 3]

A client connects when the server says that it is ready, and sends a bundled clip at the pace of
real time. The first caption comes some time after the first word of the clip was said, which takes
a part of the seconds. The cost of waiting is processor time, which other programs change little.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import soundfile
from websockets.sync.client import connect

ROOT = Path(__file__).parents[1]

#: A clip in the language of the demo, whose first word begins at once.
CLIP = ROOT / "assets" / "clips" / "en-US-1.flac"

#: Samples of a packet (50 ms), and of a second.
PACKET, RATE = 800, 16000

#: Seconds after which a caption is not waited for any more.
CAPTION_TIMEOUT_S = 60.0

#: Seconds between being ready and the first measurement of waiting: threads end what they began.
SETTLE_S = 2.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", metavar="MODEL", nargs="?", default="demo")
    parser.add_argument("--seconds", type=float, default=60, help="how long it waits")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    for _ in range(options.repeat):
        began = time.monotonic()
        command = [sys.executable, "-m", "nemocli", "serve", "--model", options.model]
        with subprocess.Popen(
            [*command, "--port", "0", "--quiet"], stdout=subprocess.PIPE, text=True, cwd=ROOT
        ) as server:
            assert server.stdout is not None
            try:
                url = server.stdout.readline().strip()
                if not url:
                    sys.exit("The server did not start; what it printed is above.")
                ready = time.monotonic()
                caption = measure_first_caption(url)
                time.sleep(SETTLE_S)
                used = read_processor_time(server.pid)
                time.sleep(options.seconds)
                used = read_processor_time(server.pid) - used
            finally:
                server.terminate()
        part, load = 100 * used / options.seconds, os.getloadavg()[0]
        print(
            f"ready after {ready - began:.2f} s; first caption {caption:.2f} s later;"
            f" waiting used {part:.2f} % of a core; load average {load:.1f}",
            flush=True,
        )


def measure_first_caption(url: str) -> float:
    """Return the seconds until the first text comes, from now on."""
    began = time.monotonic()
    samples, _ = soundfile.read(CLIP, dtype="int16")
    given = {"format": {"type": "audio/pcm", "rate": RATE}}
    update = {"type": "session.update", "session": {"audio": {"input": given}}}
    with connect(url.replace("http", "ws") + "/v1/realtime", max_size=None) as client:
        client.send(json.dumps(update))
        is_over = threading.Event()

        def send() -> None:
            for start in range(0, len(samples), PACKET):
                due = began + (start + PACKET) / RATE
                if is_over.wait(max(0.0, due - time.monotonic())):
                    return
                client.send(samples[start : start + PACKET].tobytes())

        sending = threading.Thread(target=send)
        sending.start()
        try:
            while json.loads(client.recv(CAPTION_TIMEOUT_S))["type"].rpartition(".")[2] != "delta":
                pass
            return time.monotonic() - began
        finally:
            is_over.set()
            sending.join()


def read_processor_time(process: int) -> float:
    """Return the seconds that a process has used; on Linux only."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()

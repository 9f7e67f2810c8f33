"""How soon a stopped run has given up its requests: 500 in flight, from `stop` to the last.

    python benchmarks/cancel.py [--rounds 5]

The run's result comes when all of them are given up; that no connection but the root's is open
then is asked of the kernel.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from unspool import RLM
from unspool.events import CallStarted

CALLS = 500
SCRIPT = {
    "turns": [f'```repl\nllm_query_batched(["ITEM"] * {CALLS})\n```'],
    "sub": "ok",
    "sub_marker": "ITEM",
    "sub_latency_s": 60.0,
}
ESTABLISHED = "01"


def main() -> None:
    """Measures, and tells the median and the worst."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
        json.dump(SCRIPT, file)
    server = subprocess.Popen(
        [sys.executable, "-m", "unspool.testing.serve", file.name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    told = json.loads(server.stdout.readline())
    rlm = RLM("root", sub_model="sub", base_url=told["base_url"], api_key="none")
    times = [_stopped_s(rlm, told["port"]) for _ in range(rounds)]
    server.communicate("")
    Path(file.name).unlink()
    print(f"{statistics.median(times) * 1000:.0f} ms, at most {max(times) * 1000:.0f} ms")


def _stopped_s(rlm: RLM, port: int) -> float:
    stream, asked = rlm.stream("q", "c"), 0
    for event in stream:
        asked += isinstance(event, CallStarted)
        if asked == CALLS:
            break
    while _open(port) < CALLS:
        time.sleep(0.1)
    began = time.perf_counter()
    stream.stop()
    result = stream.result()
    took_s = time.perf_counter() - began
    assert (result.status, result.usage.lost_calls) == ("cancelled", CALLS)
    assert _open(port) <= 1
    return took_s


def _open(port: int) -> int:
    """Connections of the machine to that port."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    rows = (line.split() for line in lines)
    return sum(row[2].endswith(f":{port:04X}") and row[3] == ESTABLISHED for row in rows)


if __name__ == "__main__":
    main()

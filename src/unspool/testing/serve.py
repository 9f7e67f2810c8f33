"""`python -m unspool.testing.serve script.json`: the scripted server as its own process.

The file holds `{"turns": [text, ...], "sub": text, "sub_marker": text, "latency_s": 0.05,
"sub_latency_s": 0.05, "turn_by": "sequence" | "assistant_count"}`; all but `turns` can be
left out. Requests to the model `sub`, or whose last message holds `sub_marker`, are
sub-calls. Without a file every request is answered with `ok`.

One line of JSON on stdout (`port`, `base_url`) says that it listens; it ends when stdin
closes, and then writes a second line: `requests`, `calls`, `input_tokens`,
`output_tokens`, `connections`, `cpu_s` and, with `--arrivals`, `arrivals_s`: when each
request came in, on the clock of `time.monotonic`.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from unspool.testing.script import Answerer, Reply, turns
from unspool.testing.server import ScriptedServer


def script_of(plan: Mapping[str, Any]) -> Answerer:
    """The script that a file describes; it goes on repeating after its last turn."""
    latency_s = float(plan.get("latency_s", 0.0))
    sub_latency_s = float(plan.get("sub_latency_s", latency_s))
    sub = plan.get("sub")
    return turns(
        [Reply(text, latency_s=latency_s) for text in plan["turns"]],
        sub=None if sub is None else Reply(sub, latency_s=sub_latency_s),
        sub_marker=plan.get("sub_marker", ""),
        turn_by=plan.get("turn_by", "sequence"),
        beyond="repeat",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves until stdin closes."""
    options = _parser().parse_args(arguments)
    plan = json.loads(options.script.read_text()) if options.script else {"turns": ["ok"]}
    for name in ("latency_s", "sub_latency_s"):
        if (value := getattr(options, name)) is not None:
            plan[name] = value
    gc.disable()  # its pauses would be measured as the client's
    with ScriptedServer(script_of(plan), port=options.port) as server:
        _say({"port": server.port, "base_url": server.base_url})
        sys.stdin.read()
        totals: dict[str, object] = dict(_totals(server))
        if options.arrivals:
            totals["arrivals_s"] = [exchange.arrived_s for exchange in server.exchanges]
        _say(totals)


def _totals(server: ScriptedServer) -> dict[str, float]:
    usage = server.usage
    return {
        "requests": len(server.exchanges),
        "calls": usage.calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "connections": server.connections,
        "cpu_s": round(time.process_time(), 3),
    }


def _say(value: Mapping[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m unspool.testing.serve")
    parser.add_argument("script", type=Path, nargs="?", help="JSON file with the turns")
    parser.add_argument("--port", type=int, default=0, help="0 takes any free port")
    parser.add_argument("--latency-s", type=float, help="seconds before a root turn")
    parser.add_argument("--sub-latency-s", type=float, help="seconds before a sub-call")
    parser.add_argument("--arrivals", action="store_true", help="say when each request came")
    return parser


if __name__ == "__main__":
    main()

"""One row by one engine: a server and a client, each a process of its own."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memory import Peak, readable
from rows import Row, plan

CLIENTS = Path(__file__).parent / "clients"
STOP_S = 10.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of one row by one engine. Figures are medians of the warm runs."""

    row: str
    engine: str
    seconds: float | None
    """None: there was no warm run that ended well."""
    first_s: float | None
    """The same of the first run in the process."""
    all_s: tuple[float, ...]
    """Every warm run."""
    cpu_s: float | None
    """Processor time of the client's own process."""
    peak_mb: float | None
    faults: tuple[str, ...]
    """What went wrong: wrong answers, requests beside the plan, errors."""
    load: float
    """The machine's load average of one minute when the row began."""

    def as_json(self) -> dict[str, Any]:
        """For the results' file."""
        return asdict(self)


def measure(row: Row, engine: str, python: Path, *, runs: int, limit_s: float) -> Measured:
    """Runs the row once and then `runs` times; where memory counts, twice more for that."""
    load = os.getloadavg()[0]
    told, arrivals, fault = _session(row, engine, python, runs=runs + 1, limit_s=limit_s)
    peak_mb = None
    if row.target_mb is not None and readable() and told:
        peak_mb = _peak(row, engine, python, limit_s=limit_s)
    good = [not _wrong(run, row) for run in told]
    times = _times(row, told, arrivals)
    warm = [time for time, fine in zip(times[1:], good[1:], strict=True) if fine]
    return Measured(
        row=row.key,
        engine=engine,
        seconds=statistics.median(warm) if warm else None,
        first_s=times[0] if times and good[0] else None,
        all_s=tuple(round(time, 5) for time in warm),
        cpu_s=statistics.median(run["cpu_s"] for run in told[1:]) if told[1:] else None,
        peak_mb=peak_mb,
        faults=tuple(_faults(row, told, arrivals, fault)),
        load=load,
    )


def _session(
    row: Row, engine: str, python: Path, *, runs: int, limit_s: float
) -> tuple[list[dict[str, Any]], list[float], str]:
    """What the client told of each run, when requests arrived, and what else went wrong."""
    with _served(plan(row, engine)) as (base_url, totals):
        client = _client(row, engine, python, base_url=base_url, runs=runs)
        out, fault = _ended(client, limit_s)
    told = [json.loads(line) for line in out.splitlines() if line.startswith('{"start_s"')]
    return told, totals.get("arrivals_s", []), fault


def _peak(row: Row, engine: str, python: Path, *, limit_s: float) -> float:
    """The peak over two runs, in megabytes; apart, because looking takes time."""
    with _served(plan(row, engine)) as (base_url, _):
        client = _client(row, engine, python, base_url=base_url, runs=2)
        with Peak(client.pid) as peak:
            _ended(client, limit_s)
    return peak.mb


def _client(
    row: Row, engine: str, python: Path, *, base_url: str, runs: int
) -> subprocess.Popen[str]:
    work = {
        "base_url": base_url,
        "context_chars": row.context_chars,
        "depth": row.depth,
        "runs": runs,
        "at_once": row.at_once,
    }
    return subprocess.Popen(
        [str(python), str(CLIENTS / f"{engine}_client.py"), json.dumps(work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"},
        start_new_session=True,
    )


def _ended(client: subprocess.Popen[str], limit_s: float) -> tuple[str, str]:
    """What the client printed up to its end or the time limit, and what went wrong."""
    try:
        out, err = client.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        os.killpg(client.pid, signal.SIGKILL)
        return client.communicate()[0], f"stopped after {limit_s:g} s"
    if client.returncode:
        last = (err.strip().splitlines() or ["no message"])[-1]
        return out, f"the client ended with {client.returncode}: {last[:200]}"
    return out, ""


@contextmanager
def _served(script: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """A scripted server, and what it tells at its end; the latter is filled in after."""
    totals: dict[str, Any] = {}
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(script, file)
        file.flush()
        server = subprocess.Popen(
            [sys.executable, "-m", "unspool.testing.serve", "--arrivals", file.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["base_url"], totals
            totals |= json.loads(server.communicate("", timeout=STOP_S)[0])
        finally:
            server.kill()
            server.wait()


def _times(row: Row, told: Sequence[Mapping[str, Any]], arrivals: Sequence[float]) -> list[float]:
    if not row.first_request:
        return [run["seconds"] for run in told]
    return [
        min((at for at in arrivals if at >= run["start_s"]), default=float("inf")) - run["start_s"]
        for run in told
    ]


def _wrong(run: Mapping[str, Any], row: Row) -> str:
    if run["error"]:
        return str(run["error"])
    return "" if run["answer"] == row.answer else f"answered {run['answer'][:60]!r}"


def _faults(
    row: Row, told: Sequence[Mapping[str, Any]], arrivals: Sequence[float], fault: str
) -> Iterator[str]:
    if fault:
        yield fault
    for wrong in dict.fromkeys(filter(None, (_wrong(run, row) for run in told))):
        count = sum(_wrong(run, row) == wrong for run in told)
        yield f"{count} of {len(told)} runs: {wrong}"
    ends = [run["start_s"] + run["seconds"] for run in told]
    within = sum(1 for at in arrivals if ends and at <= ends[-1])
    planned = row.requests * len(told)
    if told and within != planned:
        yield f"{within / len(told):,.0f} requests a run instead of {row.requests:,}"

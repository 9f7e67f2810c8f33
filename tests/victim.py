"""A process that makes a run, or goes on with one, until it is done or somebody kills it.

python victim.py BASE_URL JOURNAL run
python victim.py BASE_URL JOURNAL resume RUN_ID
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from pathlib import Path

from unspool import RLM, Result
from unspool.events import RunEnded, RunStarted

QUESTION = "What do they say?"
CONTEXT = "\n".join(f"line {n}: {n * n}" for n in range(200))


def rlm_of(base_url: str, journal: Path | str | bool, **options: object) -> RLM:
    """What every process of a test makes its runs with."""
    given = {"sub_model": "sub", "max_depth": 2, **options}
    return RLM("root", base_url=base_url, api_key="key", journal=journal, **given)  # type: ignore[arg-type]


def main() -> None:
    base_url, journal, verb, *run_id = sys.argv[1:]
    if run_id and run_id[0].startswith("--file-bytes="):
        most = int(run_id[0].partition("=")[2])
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    rlm = rlm_of(base_url, journal)
    if verb == "resume":
        _tell(rlm.resume(run_id[0]))
        return
    for event in rlm.stream(QUESTION, CONTEXT):
        if isinstance(event, RunStarted) and event.parent_id is None:
            print(event.run_id, flush=True)
        elif isinstance(event, RunEnded) and "." not in event.run_id:
            _tell(event.result)


def _tell(result: Result) -> None:
    print(json.dumps([result.status, result.answer, result.usage.calls, result.error]), flush=True)


if __name__ == "__main__":
    main()

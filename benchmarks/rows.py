"""The rows of the table: the same work for every engine, and each engine's way to say it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

MARK = "ITEM"
"""Stands in every prompt of a sub-call, and in no other request."""

SUB_REPLY = "ok"

MB = 1_000_000
LINE_CHARS = 100
"""Length of each line of a context; `clients/timed.py` makes them."""


@dataclass(frozen=True, slots=True)
class Row:
    """One kind of work. Cells are plain Python; `FINISH(value)` stands for ending the run."""

    key: str
    title: str
    cells: tuple[str, ...]
    """One for each turn of a root model."""
    answer: str
    """What a run has to answer."""
    requests: int
    """How many requests a run needs: more are paid for twice."""
    target_s: float
    """What DESIGN.md wants of unspool, in seconds."""
    context_chars: int = LINE_CHARS
    latency_s: float = 0.0
    sub_latency_s: float = 0.0
    at_once: int = 1
    """So many runs together, in threads of one process; each has to give the answer."""
    sub_calls: int = 0
    """Of one run: with them, the processor time for each is told."""
    engines: tuple[str, ...] = ("unspool", "rlms", "dspy")
    depth: int = 1
    own_cells: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """For engines that say the same work in other words."""
    target_mb: float | None = None
    """With one, the peak memory is measured too."""
    first_request: bool = False
    """True: the time from the start to the first request counts, not that to the end."""


_LOOK = tuple(
    f"part = context[{n} * 1000 : {n} * 1000 + 200]\nprint({n}, len(part), part.count('x'))"
    for n in range(9)
)
_COUNT = "FINISH(context.count('\\n'))"

_BATCH = f"""\
replies = llm_query_batched([f"{MARK} {{i}}" for i in range(1000)])
FINISH(replies.count("{SUB_REPLY}"))"""

_FOR_LOOP = f"""\
replies = []
for i in range(100):
    replies.append(llm_query(f"{MARK} {{i}}"))
FINISH(replies.count("{SUB_REPLY}"))"""

_CHILD_BATCH = f"""\
if context.startswith("CHILD"):
    replies = llm_query_batched([f"{MARK} {{i}}" for i in range(20)])
    FINISH(replies.count("{SUB_REPLY}"))
else:
    answers = rlm_query_batched([f"CHILD {{i}}" for i in range(20)])
    FINISH(sum(int(text) for text in map(str, answers) if text.isdigit()))"""

_CHILD_LOOP = f"""\
replies = []
if context.startswith("CHILD"):
    for i in range(20):
        replies.append(llm_query(f"{MARK} {{i}}"))
    FINISH(replies.count("{SUB_REPLY}"))
else:
    for i in range(20):
        replies.append(rlm_query(f"CHILD {{i}}"))
    FINISH(sum(int(text) for text in map(str, replies) if text.isdigit()))"""

_DSPY_CHILD = """\
import dspy
from concurrent.futures import ThreadPoolExecutor

def child(i):
    run = dspy.RLM("context, question -> answer", max_llm_calls=10000)
    return run(context=f"CHILD {i}", question="How many?").answer

"""

_DSPY_CHILD_BATCH = _DSPY_CHILD + _CHILD_BATCH.replace(
    'rlm_query_batched([f"CHILD {i}" for i in range(20)])',
    "list(ThreadPoolExecutor(20).map(child, range(20)))",
)
_DSPY_CHILD_LOOP = _DSPY_CHILD + _CHILD_LOOP.replace('rlm_query(f"CHILD {i}")', "child(i)")

_TEN_TURNS: dict[str, Any] = {
    "cells": (*_LOOK, _COUNT),
    "answer": str(MB // LINE_CHARS),
    "requests": 10,
    "context_chars": MB,
}
_CHILDREN: dict[str, Any] = {
    "answer": "400",
    "requests": 421,
    "sub_latency_s": 0.02,
    "depth": 2,
}

ROWS = (
    Row("1", "10 turns, 1 MB context, instant model", target_s=0.05, **_TEN_TURNS),
    Row("2", "start to first model request", target_s=0.015, first_request=True, **_TEN_TURNS),
    Row(
        "3",
        "1,000 sub-calls of 50 ms in one batch",
        (_BATCH,),
        answer="1000",
        requests=1001,
        target_s=0.5,
        sub_latency_s=0.05,
        sub_calls=1000,
    ),
    Row(
        "4",
        "100 sub-calls of 50 ms in a plain `for` loop",
        (_FOR_LOOP,),
        answer="100",
        requests=101,
        target_s=0.3,
        sub_latency_s=0.05,
    ),
    Row(
        "5",
        "20 child runs that each make 20 calls of 20 ms, in batches",
        (_CHILD_BATCH,),
        target_s=0.6,
        own_cells={"dspy": (_DSPY_CHILD_BATCH,)},
        **_CHILDREN,
    ),
    Row(
        "5b",
        "the same in plain `for` loops",
        (_CHILD_LOOP,),
        target_s=0.6,
        own_cells={"dspy": (_DSPY_CHILD_LOOP,)},
        **_CHILDREN,
    ),
    Row(
        "6",
        "3 turns over a 100 MB context",
        (
            "print(len(context))",
            "print(context[50_000_000:50_000_100])",
            "FINISH(len(context))",
        ),
        answer=str(100 * MB),
        requests=3,
        target_s=0.15,
        target_mb=150,
        context_chars=100 * MB,
    ),
    Row(
        "7",
        "200 runs at once, each of 5 turns of 100 ms",
        (*_LOOK[:4], "FINISH(len(context))"),
        answer=str(LINE_CHARS),
        requests=1000,
        target_s=1.5,
        latency_s=0.1,
        at_once=200,
        # Which turn a request is has to be told from its messages: dspy's do not show it.
        engines=("unspool", "rlms"),
    ),
)


def _unspool(code: str) -> str:
    return f"```repl\n{code.replace('FINISH(', 'FINAL(')}\n```"


def _rlms(code: str) -> str:
    ending = 'def FINISH(value):\n    answer["content"] = str(value)\n    answer["ready"] = True\n'
    return f"```repl\n{ending if 'FINISH(' in code else ''}{code}\n```"


def _dspy(code: str) -> str:
    fenced = f"```python\n{code.replace('FINISH(', 'SUBMIT(')}\n```"
    return f"[[ ## reasoning ## ]]\nOn.\n\n[[ ## code ## ]]\n{fenced}\n\n[[ ## completed ## ]]"


DIALECTS: Mapping[str, Callable[[str], str]] = {"unspool": _unspool, "rlms": _rlms, "dspy": _dspy}
"""How the root model of each engine writes a cell."""


def plan(row: Row, engine: str) -> dict[str, Any]:
    """What the scripted server is to answer to `engine`."""
    cells = row.own_cells.get(engine, row.cells)
    return {
        "turns": [DIALECTS[engine](cell) for cell in cells],
        "sub": SUB_REPLY,
        "sub_marker": MARK,
        "latency_s": row.latency_s,
        "sub_latency_s": row.sub_latency_s,
        "turn_by": "sequence" if row.at_once == 1 else "assistant_count",
    }

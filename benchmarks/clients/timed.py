"""What every client does alike; standard library alone, as each has its own interpreter.

A client is started with one JSON object as its argument: `base_url`, `context_chars`,
`depth`, `runs` and `at_once`. It prints one line of JSON for each run as soon as that has ended:
`start_s` (on the clock of `time.monotonic`, which all processes share), `seconds`, `cpu_s`
of its own process, `answer` and `error`.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

QUESTION = "How many?"


def work():
    """What the benchmark asks of this client."""
    return json.loads(sys.argv[1])


def text(chars):
    """A context of so many characters, in lines of 100."""
    return ("x" * 99 + "\n") * (chars // 100)


def together(run, count):
    """A run that is so many of them at once, in threads; its answer is the one all gave."""
    if count == 1:
        return run

    def all_of_them():
        with ThreadPoolExecutor(count) as pool:
            answers = list(pool.map(lambda _: str(run()), range(count)))
        return " or ".join(dict.fromkeys(answers))

    return all_of_them


def repeat(runs, run):
    """Calls `run` so many times, and tells of each call."""
    run = together(run, work()["at_once"])
    for _ in range(runs):
        told = {"answer": "", "error": ""}
        start_s, cpu_s = time.monotonic(), time.process_time()
        try:
            told["answer"] = str(run())
        except Exception as failed:  # whatever a client raises is its result
            told["error"] = f"{type(failed).__name__}: {failed}"[:500]
        told["seconds"] = time.monotonic() - start_s
        told["cpu_s"] = time.process_time() - cpu_s
        # Not by print: an engine that takes over `sys.stdout` in threads may not give it back.
        os.write(1, json.dumps({"start_s": start_s, **told}).encode() + b"\n")

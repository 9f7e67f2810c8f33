"""The program of an embedded model's process: needs the standard library and xllamacpp alone.

It reads one line of JSON (`Plan`'s fields) from standard input, serves the model on a
loopback port, prints one line of JSON with the `url` or the `error`, and ends when standard
input closes, which the end of the parent does too, however it comes.

A process of its own, because llama.cpp inside of the caller's holds the interpreter's lock
while it loads, waits in its destructor for requests under way, and hangs forked children.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

IDLE_CACHE_MIB = 1_024
"""Memory for the prompts of conversations that have lost their slot."""
MOST_REPLY_TOKENS = 4_096
"""The length of a reply whose request names none: a small model may never stop by itself."""


def serve(plan: dict[str, Any]) -> Any:
    """Starts the server; it lives as long as what this gives."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = plan["file"]
    params.model_alias, params.api_keys = {plan["name"]}, [plan["api_key"]]
    params.n_parallel, params.n_ctx = plan["slots"], plan["window_tokens"]
    params.hostnames, params.port = ["127.0.0.1"], 0
    params.verbosity = 0
    params.ui = False
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = plan["threads"]
    params.kv_unified = True  # one request may use the whole window while the others are idle
    params.cache_prompt, params.cache_ram_mib = True, IDLE_CACHE_MIB
    params.n_predict = MOST_REPLY_TOKENS
    # Nothing is taken out of a reply's text. (`force_pure_content_parser` would see to it too,
    # but then a request's `response_format` is ignored.)
    kept = xllamacpp.common_reasoning_format.COMMON_REASONING_FORMAT_NONE
    params.reasoning_format = kept
    return xllamacpp.Server(params)


def main() -> None:
    """Serves until standard input closes."""
    plan = json.loads(sys.stdin.buffer.readline())
    said = os.fdopen(os.dup(1), "w")  # llama.cpp may write to descriptor 1
    os.dup2(2, 1)
    try:
        server = serve(plan)
        outcome = {"url": server.listening_address}
    except ImportError as error:
        outcome = {"missing": str(error)}
    except RuntimeError as error:
        outcome = {"error": str(error)}
    print(json.dumps(outcome), file=said, flush=True)
    sys.stdin.buffer.read()
    os._exit(0)  # not through the server's destructor: it waits for requests under way


if __name__ == "__main__":
    main()

"""A real question about a text of ten million characters, answered by the embedded model.

The text is the source of Python's standard library, which every machine has. What is right
is read from the running interpreter, so that the demo can say whether it was found.
"""

from __future__ import annotations

import imaplib
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from unspool import RLM
from unspool.cli.progress import told
from unspool.events import RunEnded

QUESTION = "Which value does the constant IMAP4_SSL_PORT have?"
RIGHT = str(imaplib.IMAP4_SSL_PORT)
LEFT_OUT = {"site-packages", "test", "tests", "__pycache__", "ensurepip", "lib2to3"}


def sources() -> Iterator[Path]:
    """The files of the standard library, without its own tests."""
    library = Path(sysconfig.get_path("stdlib"))
    for path in sorted(library.rglob("*.py")):
        if not LEFT_OUT & set(path.relative_to(library).parts):
            yield path


def main() -> int:
    """Asks, shows how the answer is found, and checks it; gives the exit code."""
    print(f"Question: {QUESTION}\n")
    stream = RLM("local/qwen2.5-coder-1.5b").stream(QUESTION, list(sources()))
    for event in stream:
        for line in told(event):
            print(line, flush=True)
        if isinstance(event, RunEnded):
            usage = event.result.usage
            print(f"({usage.input_tokens:,} tokens read, {usage.output_tokens:,} written)")
    result = stream.result()
    right = RIGHT in str(result.answer)
    print(f"\nAnswer: {result.answer}  ({'right' if right else f'wrong: it is {RIGHT}'})")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())

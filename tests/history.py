"""A run with all that a record can have, and how it is recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from runs import KEY, cell
from support import ScriptedServer
from unspool import RLM, Result
from unspool.journal.journal import Journal
from unspool.journals import VALUES
from unspool.testing.script import ChatRequest, Reply

SECRETS = {
    "question": "Which alpaca is oldest?",
    "context": "the context says bobolink",
    "prompt": "a prompt about capybara",
    "reply": "a reply about dromedary",
    "code": "echidna",
    "output": "fossa!fossa",
    "answer": "gharial-gharial",
    "tool": "hoopoe",
    "child": "is it an ibex?",
}
"""One word for each kind of text that a run has."""

LONG = "jackal keeps lemurs. " * 100
"""A text that is kept apart, and compressed."""

SCRIPT = (
    cell(
        "echidna = [llm_query(f'a prompt about capybara {i}') for i in range(3)]\n"
        "print('fossa!' + 'fossa', len(context), sight(1))"
    ),
    cell(f"print(llm_query('a prompt about capybara 1'), len(llm_query({LONG!r})))"),
    cell("found = rlm_query('is it an ibex?', context='ibex, or not')\nprint(found)"),
    cell("FINAL('gharial-' + 'gharial')"),
)
CHILD = (cell("print(context)"), cell("FINAL(context[:4])"))


def answerer(request: ChatRequest) -> Reply | str:
    """Plays the root, its child run and the sub-model."""
    if request.model == "sub":
        return "a reply about dromedary"
    is_child = "is it an ibex?" in str(request.messages[1]["content"])
    return (CHILD if is_child else SCRIPT)[request.assistant_count]


def sight(number: int) -> str:
    """A tool."""
    return "hoopoe" * number


def recorded(path: Path, **options: Any) -> Result:
    """Makes the run, and records it in that journal."""
    with ScriptedServer(answerer, api_key=KEY) as server:
        rlm = RLM(
            "root",
            base_url=server.base_url,
            api_key=KEY,
            sub_model="sub",
            max_depth=2,
            tools={"sight": sight},
            **{"journal": path, **options},
        )
        return rlm.run(SECRETS["question"], SECRETS["context"])


def journal(path: Path) -> Journal:
    return Journal(path, VALUES)

"""How right a model labels single messages, and the count that this allows."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from eval_answers import Line

from unspool.config import from_environment
from unspool.events import CallEnded, CallStarted, Event
from unspool.models.gate import Gates
from unspool.models.http import HttpPool
from unspool.ports import Model
from unspool.schema.asking import value_of_each
from unspool.schema.items import TEXT, packed_answers
from unspool.schema.value import Schema
from unspool.tasks import Task
from unspool.tasks.messages import GENERATED, REAL
from unspool.tasks.scores import label, number
from unspool.types import Message, Request, Result, Usage
from unspool.wiring import Wiring

UNASKED, UNCLEAR = "-", "?"
"""In the place of a label: the message was not asked about by itself; the reply named none."""
APART = 20
"""Messages that are labelled apart, of each text."""
WITHIN = 0.1
KNOWN = 0.9
"""Of its messages, for a run's own labels to say what count they allow."""
LONGEST_TOKENS = 100
Pairs = Sequence[tuple[str, str]]
"""Of messages: the true label, and the one that was said."""


class Labelled:
    """What requests have said of each message."""

    def __init__(self, task: Task) -> None:
        self._task = task
        self._meanings = meanings(task)
        meant = (name for name, text in self._meanings.items() if text in task.question)
        self._asked = next(meant, "")
        self._prompts: dict[int, str] = {}
        self._said: dict[str, str] = {}

    def see(self, event: Event) -> None:
        """Takes an event of a run in."""
        if isinstance(event, CallStarted):
            earlier = [message.content for message in event.before if message.role == "user"]
            self._prompts[event.call] = "\n".join([*earlier, event.prompt])
        elif isinstance(event, CallEnded):
            prompt = self._prompts.pop(event.call, "")
            if not event.error:
                self.said(prompt, event.reply)

    def said(self, prompt: str, reply: str) -> None:
        """Takes in what was replied to a prompt: about one message, or about numbered ones."""
        numbered = re.findall(r"^\[(\d+)\] (.*)$", prompt, re.M)
        if len(numbered) > 1:
            for at, answer in packed_answers(reply, len(numbered), TEXT).items():
                self.note(numbered[at][1], str(answer))
            return
        here = [item for item in set(self._task.items) if item in prompt]
        longest = max(here, key=len, default="")
        if longest and all(item in longest for item in here):
            self.note(longest, reply)

    def note(self, item: str, reply: str) -> None:
        """Takes in what was replied about a message; the last reply that names one label counts,
        or says yes or no to the one that the question asks for."""
        named = label(reply, self._meanings) or self._asked_for(reply)
        self._said[item] = named or self._said.get(item, UNCLEAR)

    def _asked_for(self, reply: str) -> str | None:
        """The label that `yes` stands for, or, of two, `no`."""
        others = [one for one in self._meanings if one != self._asked]
        says = label(reply, ("yes", "no"))
        if says == "yes":
            return self._asked or None
        return others[0] if says == "no" and len(others) == 1 else None

    def label(self, item: str) -> str | None:
        """What was said of a message."""
        return self._said.get(item)

    def kept(self) -> Line:
        """The label of each message by its place in `labels`, in the order of the text: the
        true ones, and those that were said. `asked` is the one that the question counts."""
        of = {label: f"{place:x}" for place, label in enumerate(self._meanings)}
        of |= {UNASKED: UNASKED, UNCLEAR: UNCLEAR}
        said = (of[self._said.get(item, UNASKED)] for item in self._task.items)
        return {
            "labels": list(self._meanings),
            "true": "".join(of[label] for label in self._task.labels),
            "said": "".join(said),
            "asked": self._asked,
        }


def meanings(task: Task) -> Mapping[str, str]:
    """The labels of a task's messages, and what each is for."""
    return next(way.meanings for way in (*GENERATED, *REAL) if way.name == task.domain)


def apart(task: Task, model: str, base_url: str | None) -> tuple[Result, Labelled]:
    """Has the first messages of a text labelled, each in a request of its own. The answer is the
    share of them that is labelled right.

    Raises:
        UnspoolError: the model cannot be asked.
    """
    items, true = task.items[:APART], task.labels[:APART]
    labelled, began_s = Labelled(task), time.monotonic()
    replies, usage = asyncio.run(_replies(task, items, model, base_url))
    for item, reply in zip(items, replies, strict=True):
        labelled.note(item, reply)
    said = [labelled.label(item) for item in items]
    right = sum(one == own for one, own in zip(said, true, strict=True)) / len(items)
    seconds = time.monotonic() - began_s
    return (
        Result(right, "complete", task.each, model, "", usage=usage, seconds=seconds),
        labelled,
    )


async def _replies(
    task: Task, items: Sequence[str], model: str, base_url: str | None
) -> tuple[list[str], Usage]:
    http = HttpPool()
    spent: list[Usage] = []
    try:
        asked: Model = Wiring(from_environment(), http, Gates(), base_url).model(model)

        async def send(messages: tuple[Message, ...], wire: Mapping[str, Any] | None) -> str:
            request = Request(messages, max_tokens=LONGEST_TOKENS, schema=wire)
            completion = await asked.complete(request)
            spent.append(completion.usage)
            return completion.text

        schema = Schema.of_json({"type": "string", "enum": list(meanings(task))})
        outcomes = await value_of_each(send, items, task.each, schema, 1)
        return [str(one[0]) for one in outcomes], sum(spent, Usage())
    finally:
        await http.aclose()


def pairs(lines: Iterable[Line]) -> list[tuple[str, str]]:
    """Of every message that was asked about."""
    return [
        (own["labels"][int(true, 16)], said if said == UNCLEAR else own["labels"][int(said, 16)])
        for own in (line["labelled"] for line in lines)
        for true, said in zip(own["true"], own["said"], strict=True)
        if said != UNASKED
    ]


def accuracy(of: Pairs) -> float | None:
    """The share that was labelled right; None where nothing was labelled."""
    return round(sum(true == said for true, said in of) / len(of), 4) if of else None


def allowed(line: Line, by: Pairs) -> float | None:
    """The count that a question's messages come to when they are labelled as those of `by` were:
    as many of the label taken for it, and as many others. None: `by` does not tell."""
    own = line["labelled"]
    if not by or own["asked"] not in own["labels"]:
        return None
    mark = f"{own['labels'].index(own['asked']):x}"
    true = int(own["true"].count(mark))
    found = 0.0
    for number_of, is_asked in ((true, True), (len(own["true"]) - true, False)):
        taken = [said == own["asked"] for real, said in by if (real == own["asked"]) == is_asked]
        if number_of and not taken:
            return None
        found += number_of * sum(taken) / max(1, len(taken))
    return found


def within(line: Line, count: float) -> bool:
    """Whether an answer is within 10 % of that count, or nearer than it to what is right."""
    expected: int = line["expected"]
    told = number(line["answer"], line["question"])
    if told is None:
        return False
    return abs(told - count) <= max(WITHIN * count, 0.5) or abs(told - expected) <= abs(
        count - expected
    )


def counted(lines: Sequence[Line], apart_lines: Sequence[Line]) -> dict[str, dict[str, Any]]:
    """By kind of message: how right single messages were labelled in the runs and apart from
    them, and how many counts were within 10 % of what these labels come to. Where a run has not
    labelled most of its messages one by one, what was labelled apart says what count is allowed."""
    found = {}
    for domain in sorted({line["domain"] for line in lines}):
        of = [line for line in lines if line["domain"] == domain]
        beside = pairs(line for line in apart_lines if line["domain"] == domain)
        ran = [line for line in of if _known(line) >= KNOWN]
        own = [(line, pairs([line]) if line in ran else beside) for line in of]
        first, second = _judged(own), _judged([(line, beside) for line in of])
        found[domain] = {
            "questions": len(of),
            "labelled_in_runs": len(pairs(ran)),
            "right_in_runs": accuracy([one for line in ran for one in _asked_or_not(line)]),
            "labelled_apart": len(beside),
            "right_apart": accuracy(beside),
            "judged": len(first),
            "within": sum(first),
            "judged_by_apart": len(second),
            "within_by_apart": sum(second),
        }
    return found


def _asked_or_not(line: Line) -> Pairs:
    """The labels of a run whose question is of one of them: the others may have had no name."""
    asked = line["labelled"]["asked"]
    return [(str(true == asked), str(said == asked)) for true, said in pairs([line])]


def _judged(lines: Sequence[tuple[Line, Pairs]]) -> list[bool]:
    counts = ((line, allowed(line, by)) for line, by in lines)
    return [within(line, count) for line, count in counts if count is not None]


def _known(line: Line) -> float:
    said: str = line["labelled"]["said"]
    return 1 - said.count(UNASKED) / max(1, len(said))

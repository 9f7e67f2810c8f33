"""Makes a task of each kind from a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from unspool.errors import ConfigurationError
from unspool.tasks import books, messages, paragraphs
from unspool.tasks.dice import Dice
from unspool.tasks.facts import DOMAINS, Domain
from unspool.tasks.fillers import FILLERS, filled
from unspool.tasks.hops import CHAINS
from unspool.tasks.logs import LOGS
from unspool.tasks.records import RECORDS
from unspool.tasks.rows import conditions, drawn
from unspool.tasks.task import Kind, Task

VERSION = 1
"""Of what seeds give: kept answers are to tasks of one version."""
FACTS, ASKED = 44, 4
"""How many facts a text of `needles` has, and how many are asked for."""
_LOOKALIKES, _CHAINS = 24, 30
_CHARS_A_LOOKALIKE, _CHARS_A_FACT = 500, 350
"""A short text has fewer that look the same: they would be all of it."""

_COUNT = (
    "How many {noun} are there {one} and {two}?",
    "Count the {noun} {one} and {two}.",
    "What is the number of {noun} {one} and {two}?",
    "I need to know how many {noun} there are {one} and, at the same time, {two}.",
    "Of all {noun}, how many are there {one} and also {two}?",
    "Tell me how many {noun} the text has {one} and {two}.",
    "Look for {noun} {one}. How many of them are also {noun} {two}?",
    "How often does the text have {noun} {one} and {two}?",
)
_LIST = (
    "List the {called} of all {noun} {one}.",
    "Which {noun} are there {one}? Give their {called}, all of them.",
    "Give me a list of the {called} of the {noun} {one}.",
    "What are the {called} of the {noun} {one}?",
    "Find all {noun} {one} and return their {called} as a list.",
    "I need every one of the {noun} {one}: name their {called}.",
    "Collect the {called} of each of the {noun} {one}.",
    "Name the {noun} {one} by their {called}, and leave out none.",
)
_LABEL = (
    "The text has {noun}, one a line. How many of them are there {meaning}?",
    "Each line is one of many {noun}. Count those {meaning}.",
    "Read the {noun} (one a line): how many are there {meaning}?",
    "Each line is of one sort of these: {labels}. How many are {label} ({meaning})?",
    "Of these {noun}, one a line, what is the number of those {meaning}?",
    "Sort the {noun}, one a line, into {labels}. How many are {label} ({meaning})?",
    "How many lines hold {noun} of the sort {label}, that is, {noun} {meaning}?",
    "If every line were labelled as one of {labels}, how many would be {label} ({meaning})?",
)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Named = TypeVar("Named", bound=_Named)


def make(
    kind: Kind, seed: int, chars: int, *, data: Path | None = None, domain: str | None = None
) -> Task:
    """The task of that kind and seed, with a text of about `chars` characters.

    The same arguments give the same task on every machine. One seed asks the same at every
    length, and no two seeds of a kind share a fact. `data` is a folder with real texts:
    `label` takes its messages from it where it is given, and `multihop` needs it. `domain`
    chooses what it is about, where chance is not to.

    Raises `ConfigurationError` when there is no such kind, domain or seed, or no such data.
    """
    if chars < 1:
        raise ConfigurationError(f"a text of {chars} characters cannot be made")
    dice = Dice(kind, seed)
    of_domain: dict[str, Callable[[Dice, int, int, str | None], Task]] = {
        "needle": _needle, "needles": _needles, "two_hop": _two_hop, "count": _count, "list": _list
    }  # fmt: skip
    if kind in of_domain:
        return of_domain[kind](dice, seed, chars, domain)
    match kind:
        case "label":
            return _label(dice, seed, chars, data=data, domain=domain)
        case "summary":
            question, made = dice.pick(books.ASKS), books.book(dice, chars)
            return Task(
                kind, seed, question, made.text, made.about,
                domain="books", shape="chapters",
            )  # fmt: skip
        case "multihop":
            if data is None:
                raise ConfigurationError("questions of several steps need data=, a folder of texts")
            found = paragraphs.asked(dice, seed, chars, data)
            return Task(
                kind, seed, found.question, found.context, found.answer,
                domain=f"{found.hops} hops", shape="paragraphs", also=found.also,
            )  # fmt: skip
    raise ConfigurationError(f"there are no tasks of the kind {kind!r}")


def _needle(dice: Dice, seed: int, chars: int, domain: str | None) -> Task:
    about = _chosen(dice, DOMAINS, domain)
    (subject, value), *others = _facts(dice, about, 1 + _LOOKALIKES)
    filler, question = dice.pick(FILLERS), dice.pick(about.asks).format(s=subject)
    needle = dice.pick(about.states).format(s=subject, v=value)
    place = dice.random()
    few = max(1, min(_LOOKALIKES, chars // _CHARS_A_LOOKALIKE - 2))
    beside = [dice.pick(about.states).format(s=s, v=v) for s, v in others[:few]]
    beside += [text.format(s=subject) for text in about.asides[: 1 + few // 8]]
    beside += [dice.pick(about.chatter) for _ in range(few // 2)]
    placed = [(place, needle), *((dice.random(), text) for text in beside)]
    return Task(
        "needle", seed, question, filled(filler, dice, chars, placed), value,
        domain=about.name, shape=filler.name, wrong=tuple(v for _, v in others[:few]),
    )  # fmt: skip


def _needles(dice: Dice, seed: int, chars: int, domain: str | None) -> Task:
    about = _chosen(dice, DOMAINS, domain)
    facts = _facts(dice, about, FACTS)
    filler, asked = dice.pick(FILLERS), facts[:ASKED]
    ending = dice.pick(
        (
            "Give all four, in that order.",
            "I need the four of them in the same order.",
            "Answer with the four, in the order in which I asked.",
        )
    )
    facts = facts[: max(ASKED + 1, chars // _CHARS_A_FACT)]
    names = [subject for subject, _ in asked]
    placed = [(dice.random(), dice.pick(about.states).format(s=s, v=v)) for s, v in facts]
    placed += [(dice.random(), dice.pick(about.asides).format(s=s)) for s in names]
    placed += [(dice.random(), dice.pick(about.chatter)) for _ in range(len(facts) // 4)]
    return Task(
        "needles", seed, f"{about.each} {', '.join(names[:-1])} and {names[-1]}? {ending}",
        filled(filler, dice, chars, placed), dict(asked),
        domain=about.name, shape=filler.name, wrong=tuple(v for _, v in facts[ASKED:]),
    )  # fmt: skip


def _two_hop(dice: Dice, seed: int, chars: int, domain: str | None) -> Task:
    about = _chosen(dice, CHAINS, domain)
    ends = _distinct(about.end, dice, 1 + _CHAINS)
    start, middle, end = about.start(dice), about.middle(dice), ends[0]
    filler, question = dice.pick(FILLERS), dice.pick(about.asks).format(s=start)
    first = dice.pick(about.first).format(s=start, m=middle)
    second = dice.pick(about.second).format(m=middle, v=end)
    early, late = dice.random() * 0.3, 0.7 + dice.random() * 0.3
    if dice.below(2):
        early, late = late, early
    placed = [(early, first), (late, second)]
    few = max(1, min(_CHAINS, chars // (2 * _CHARS_A_LOOKALIKE) - 1))
    for other in ends[1 : 1 + few]:
        name = about.middle(dice)
        told = dice.pick(about.first).format(s=about.start(dice), m=name)
        placed.append((dice.random(), told))
        placed.append((dice.random(), dice.pick(about.second).format(m=name, v=other)))
    return Task(
        "two_hop", seed, question, filled(filler, dice, chars, placed), end,
        domain=about.name, shape=filler.name, wrong=tuple(ends[1 : 1 + few]),
    )  # fmt: skip


def _count(dice: Dice, seed: int, chars: int, domain: str | None) -> Task:
    shape = _chosen(dice, LOGS, domain)
    model = shape.draw(dice)
    one, two = conditions(shape, dice, model)
    wording = dice.pick(_COUNT)
    line = shape.show(model)
    rows = drawn(shape, dice, chars - len(line) - 1)
    rows.insert(dice.below(len(rows) + 1), (model, line))
    question = wording.format(
        noun=shape.noun,
        one=shape.words[one.field].format(v=one.value),
        two=shape.words[two.field].format(v=two.value),
    )
    return Task(
        "count", seed, question, "\n".join(line for _, line in rows),
        sum(one.holds(row) and two.holds(row) for row, _ in rows),
        domain=shape.name, shape="log",
    )  # fmt: skip


def _list(dice: Dice, seed: int, chars: int, domain: str | None) -> Task:
    shape = _chosen(dice, RECORDS, domain)
    model = shape.draw(dice)
    field, wording = dice.pick(sorted(shape.words)), dice.pick(_LIST)
    line = shape.show(model)
    rows = drawn(shape, dice, chars - len(line) - 1)
    rows = [row for row in rows if row[0][shape.key] != model[shape.key]]
    rows.insert(dice.below(len(rows) + 1), (model, line))
    told = shape.words[field].format(v=model[field])
    return Task(
        "list", seed, wording.format(noun=shape.noun, called=shape.called, one=told),
        "\n".join(line for _, line in rows),
        tuple(str(row[shape.key]) for row, _ in rows if row[field] == model[field]),
        domain=shape.name, shape="records", form=shape.form,
    )  # fmt: skip


def _label(dice: Dice, seed: int, chars: int, *, data: Path | None, domain: str | None) -> Task:
    way = messages.chosen(dice, data, domain)
    label, wording = dice.pick(sorted(way.meanings)), dice.pick(_LABEL)
    pairs = messages.messages(way, dice, chars, data)
    question = wording.format(
        noun=way.noun, label=label, labels=", ".join(way.meanings), meaning=way.meanings[label]
    )
    return Task(
        "label", seed, question, "\n".join(text for text, _ in pairs),
        sum(own == label for _, own in pairs),
        domain=way.name, shape="lines",
        items=tuple(text for text, _ in pairs), labels=tuple(own for _, own in pairs),
        each=way.question,
    )  # fmt: skip


def _facts(dice: Dice, about: Domain, number: int) -> list[tuple[str, str]]:
    values = _distinct(about.value, dice, number)
    return [(about.subject(dice), value) for value in values]


def _distinct(draw: Callable[[Dice], str], dice: Dice, number: int) -> list[str]:
    """So many values, none of them twice."""
    values: dict[str, None] = {}
    while len(values) < number:
        values[draw(dice)] = None
    return list(values)


def _chosen(dice: Dice, things: Sequence[Named], name: str | None) -> Named:
    if name is None:
        return dice.pick(things)
    for thing in things:
        if thing.name == name:
            return thing
    known = ", ".join(thing.name for thing in things)
    raise ConfigurationError(f"there is no domain {name!r}; there are: {known}")

"""A question over a text, and what is right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from unspool.tasks import scores

Kind = Literal["needle", "needles", "count", "two_hop", "list", "label", "multihop", "summary"]
KINDS: tuple[Kind, ...] = (
    "needle",
    "needles",
    "count",
    "two_hop",
    "list",
    "label",
    "multihop",
    "summary",
)


@dataclass(frozen=True, slots=True)
class Task:
    """One question over one text, made from a seed: the same seed gives the same bytes."""

    kind: Kind
    seed: int
    question: str
    context: str = field(repr=False)
    expected: object
    """What is right: a text, a number, a tuple of texts, for `needles` a mapping of what is
    asked about to what is told of it, for a `summary` of each part the names to tell of."""
    domain: str
    """Which of its kind's subjects it is about, so that results can be told apart."""
    shape: str
    """Which shape its text has."""
    wrong: tuple[str, ...] = field(default=(), repr=False)
    """What stands in the text in the same place of other facts: an answer with one of them
    does not say which is meant."""
    also: tuple[str, ...] = ()
    """Other texts that are as right as `expected`."""
    form: str = ""
    """Of a list: a regular expression that all of its members match."""
    items: tuple[str, ...] = field(default=(), repr=False)
    """Of labels: the messages, in the text's order."""
    labels: tuple[str, ...] = field(default=(), repr=False)
    """Of labels: each message's own."""
    each: str = ""
    """Of labels: what to ask of one message, which goes below it."""

    def score(self, answer: object) -> float:
        """How right an answer is, from 0 to 1: forgiving of its form (numbers in words or with
        commas, lists, JSON, "The answer is ..."), strict about what it says."""
        match self.kind:
            case "needle" | "two_hop":
                return scores.one(answer, str(self.expected), self.wrong, self.question)
            case "needles":
                assert isinstance(self.expected, dict)
                return scores.pairs(answer, self.expected, self.wrong)
            case "count":
                assert isinstance(self.expected, int)
                return float(scores.number(answer, self.question) == self.expected)
            case "label":
                assert isinstance(self.expected, int)
                return scores.near(scores.number(answer, self.question), self.expected)
            case "list":
                assert isinstance(self.expected, tuple)
                return scores.members(answer, frozenset(self.expected), self.form)
            case "multihop":
                return scores.words(answer, (str(self.expected), *self.also))
            case "summary":
                assert isinstance(self.expected, tuple)
                return scores.covered(answer, self.expected, self.context)

"""Shapes of records that are listed by what stands in one field of theirs."""

from __future__ import annotations

import json

from unspool.tasks.dice import Dice
from unspool.tasks.facts import FIRST_NAMES
from unspool.tasks.rows import Row, Shape

_STATES = ("paid", "open", "overdue", "cancelled")
_TOWNS = ("Aldermoor", "Brackwater", "Cinderford", "Duskhollow", "Elmsworth", "Fernleigh")
_PLANS = ("free", "basic", "family", "business")
_TRADES = ("baker", "mason", "clerk", "weaver", "pilot", "nurse")
_GENRES = ("novel", "atlas", "diary", "play", "hymnal")
_TONGUES = ("Danish", "Greek", "Latin", "Polish", "Welsh")
_COLOURS = ("red", "green", "blue", "black", "yellow")
_BREEDS = ("merino", "romney", "cheviot", "lincoln")
_PARTS = ("bolt", "washer", "spring", "bearing", "gasket")
_STORES = ("east store", "west store", "yard", "annex")
_RESULTS = ("passed", "failed", "skipped", "flaky")
_SUITES = ("parser", "network", "storage", "billing", "search")
_ORES = ("tin", "zinc", "silver", "copper", "lead")


def _order(dice: Dice) -> Row:
    return {
        "id": f"ORD-{dice.digits(7)}", "state": dice.pick(_STATES), "town": dice.pick(_TOWNS),
        "sum": f"{dice.between(3, 900)}.{dice.below(100):02}",
    }  # fmt: skip


def _account(dice: Dice) -> Row:
    name = f"{dice.pick(FIRST_NAMES)}.{dice.surname()}".lower()
    return {
        "mail": f"{name}{dice.digits(4)}@{dice.pick(('post', 'letters', 'mail'))}.example",
        "plan": dice.pick(_PLANS), "country": dice.pick(("DK", "GR", "PL", "PT", "SE")),
        "seats": dice.between(1, 60),
    }  # fmt: skip


def _member(dice: Dice) -> Row:
    return {
        "number": f"M{dice.digits(6)}", "who": f"{dice.pick(FIRST_NAMES)} {dice.surname()}",
        "trade": dice.pick(_TRADES), "town": dice.pick(_TOWNS),
    }  # fmt: skip


def _book(dice: Dice) -> Row:
    return {
        "mark": f"{dice.letters(2)}.{dice.digits(5)}", "genre": dice.pick(_GENRES),
        "tongue": dice.pick(_TONGUES), "year": dice.between(1610, 1899),
    }  # fmt: skip


def _sheep(dice: Dice) -> Row:
    return {
        "tag": f"{dice.digits(3)}/{dice.digits(5)}", "colour": dice.pick(_COLOURS),
        "breed": dice.pick(_BREEDS), "kilos": dice.between(31, 120),
    }  # fmt: skip


def _part(dice: Dice) -> Row:
    return {
        "code": f"{dice.digits(4)}-{dice.letters(2)}-{dice.digits(2)}", "part": dice.pick(_PARTS),
        "store": dice.pick(_STORES), "left": dice.below(5000),
    }  # fmt: skip


def _check(dice: Dice) -> Row:
    return {
        "case": f"case_{dice.digits(6)}", "suite": dice.pick(_SUITES),
        "result": dice.pick(_RESULTS), "ms": dice.below(9000),
    }  # fmt: skip


def _claim(dice: Dice) -> Row:
    return {
        "claim": f"#{dice.letters(1)}{dice.digits(6)}", "ore": dice.pick(_ORES),
        "owner": f"{dice.pick(FIRST_NAMES)} {dice.surname()}", "county": dice.pick(_TOWNS),
    }  # fmt: skip


RECORDS: tuple[Shape, ...] = (
    Shape(
        "order", "orders", _order, json.dumps,
        {"state": "whose state is {v}", "town": "that go to {v}"},
        "id", r"\bORD-\d{7}\b", "ids",
    ),
    Shape(
        "account", "accounts", _account,
        lambda r: f"{r['mail']},{r['plan']},{r['country']},{r['seats']}",
        {"plan": "on the {v} plan", "country": "with the country code {v}"},
        "mail", r"\b[a-z]+\.[a-z]+\d{4}@[a-z]+\.example\b", "e-mail addresses",
    ),
    Shape(
        "member", "members", _member,
        lambda r: f"{r['number']} {r['who']}, {r['trade']}, of {r['town']}",
        {"trade": "whose trade is {v}", "town": "who are of {v}"},
        "number", r"\bM\d{6}\b", "numbers",
    ),
    Shape(
        "book", "books", _book,
        lambda r: f"{r['mark']} | {r['genre']} | {r['tongue']} | {r['year']}",
        {"genre": "whose genre is {v}", "tongue": "that are in {v}"},
        "mark", r"\b[A-Z]{2}\.\d{5}\b", "shelf marks",
    ),
    Shape(
        "sheep", "sheep", _sheep,
        lambda r: f"ear tag {r['tag']}: {r['breed']}, {r['colour']} mark, {r['kilos']} kg",
        {"colour": "with a {v} mark", "breed": "of the breed {v}"},
        "tag", r"\b\d{3}/\d{5}\b", "ear tags",
    ),
    Shape(
        "part", "articles", _part,
        lambda r: f"{r['code']};{r['part']};{r['store']};{r['left']}",
        {"part": "that are of the sort {v}", "store": "that lie in the {v}"},
        "code", r"\b\d{4}-[A-Z]{2}-\d{2}\b", "codes",
    ),
    Shape(
        "check", "test cases", _check,
        lambda r: f"{r['suite']}::{r['case']} {r['result']} in {r['ms']} ms",
        {"suite": "of the suite {v}", "result": "whose result is {v}"},
        "case", r"\bcase_\d{6}\b", "names (case_ and a number)",
    ),
    Shape(
        "claim", "claims", _claim,
        lambda r: f"claim {r['claim']} for {r['ore']} by {r['owner']} in {r['county']} county",
        {"ore": "that are for {v}", "county": "in the county {v}"},
        "claim", r"#[A-Z]\d{6}\b", "numbers (# and what follows)",
    ),
)  # fmt: skip

"""What counts as right: forgiving of an answer's form, strict about what it says."""

from __future__ import annotations

import json

import pytest

from unspool.tasks import scores


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("QX-48213", "QX-48213"),
        ("The answer is **qx-48213**.", "QX-48213"),
        (["QX-48213"], "QX-48213"),
        ({"mark": "QX-48213"}, "QX-48213"),
        ('{"mark": "QX-48213"}', "QX-48213"),
        ("It was launched at Banfelford, in spring.", "Banfelford"),
        (48213, "48,213"),
        (48213.0, "48,213"),
        ("48213 crowns", "48,213"),
        ("forty-eight thousand two hundred and thirteen", "48,213"),
        ("1871-05-04", "4 May 1871"),
        ("May 4th, 1871", "4 May 1871"),
        ("on the 4th of May 1871", "4 May 1871"),
        ("10.120.130.140.", "10.120.130.140"),
    ],
)
def test_one_value_is_right_in_any_form(answer: object, expected: str) -> None:
    assert scores.one(answer, expected, ("QX-48214", "Vumford", "5 May 1871", "999")) == 1.0


@pytest.mark.parametrize(
    "answer",
    [
        "QX-48214",
        "QX-482135",
        "AQX-48213",
        "7-QX-48213",
        "QX-48213 or ZZ-11111",
        "not found",
        "",
        None,
        "QX-48213 " + "and so the story goes on " * 30,
    ],
)
def test_another_value_beside_it_or_a_part_of_one_is_wrong(answer: object) -> None:
    assert scores.one(answer, "QX-48213", ("ZZ-11111",)) == 0.0


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (37, 37),
        ("37", 37),
        ("There are 1,037 such lines.", 1037),
        ("thirty-seven", 37),
        ("One hundred and two of them.", 102),
        ("two thousand and five", 2005),
        ('{"count": 37}', 37),
        ([37], 37),
        ("37 requests took more than 1900 ms", 37),
        ("37 or 38", None),
        ("none", None),
        (True, None),
        (["a", "b"], None),
    ],
)
def test_numbers_are_read_in_digits_and_in_words(answer: object, number: float | None) -> None:
    assert scores.number(answer, "How many took more than 1900 ms?") == number


FACTS = {"Ana Bo": "AB-1", "Cy Do": "CD-2", "Ed Fo": "EF-3", "Gi Ho": "GH-4"}


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (FACTS, 1.0),
        (json.dumps(FACTS), 1.0),
        (list(FACTS.values()), 1.0),
        (", ".join(FACTS.values()), 1.0),
        ("\n".join(f"- {name}: {value}" for name, value in FACTS.items()), 1.0),
        ("; ".join(f"{value} for {name}" for name, value in FACTS.items()), 1.0),
        ("AB-1, CD-2, EF-3", 0.75),
        (["AB-1", "CD-2", "GH-4", "EF-3"], 0.5),
        ({**FACTS, "Gi Ho": "EF-3"}, 0.75),
        ("Ana Bo: AB-1, Cy Do: EF-3, Ed Fo: CD-2, Gi Ho: GH-4", 0.5),
        ("AB-1, CD-2, EF-3, GH-4, XX-9", 0.8),
        ("", 0.0),
    ],
)
def test_of_several_values_each_has_to_be_in_its_place(answer: object, score: float) -> None:
    assert scores.pairs(answer, FACTS, ("XX-9",)) == pytest.approx(score)


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (["#A1", "#B2"], 1.0),
        ({"#B2", "#A1"}, 1.0),
        ('["#A1", "#B2"]', 1.0),
        ({"ids": ["#A1", "#B2"]}, 1.0),
        ("#A1\n#B2", 1.0),
        ([{"id": "#A1"}, {"id": "#B2"}], 1.0),
        (["#A1"], 2 / 3),
        (["#A1", "#B2", "#C3"], 0.8),
        (["#A1", "#B2", "whatever"], 0.8),
        (2, 0.0),
    ],
)
def test_lists_are_scored_by_their_members(answer: object, score: float) -> None:
    assert scores.members(answer, frozenset({"#A1", "#B2"}), r"#[A-Z]\d") == pytest.approx(score)


def test_words_are_compared_without_articles_and_marks() -> None:
    assert scores.words("The answer is: the Arlanda Airport.", ("Arlanda Airport", "ARN")) == 1.0
    assert scores.words("Stockholm", ("Stockholm Arlanda Airport",)) == 0.5
    assert scores.near(90, 100) == pytest.approx(0.9)
    assert scores.near(None, 100) == scores.near(300, 100) == 0.0

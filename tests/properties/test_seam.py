"""A reply that was cut anywhere and gone on with in any manner is whole again."""

from __future__ import annotations

from hypothesis import assume, example, given
from hypothesis import strategies as st

from unspool.engine.long.seam import SURE_CHARS, anchor, is_broken, is_open, joined, loops
from unspool.replies import pieces

PROSE = "Let me gather the names first, then count them by year.\n\n"
CODE = '''import re
rows = []
for number, line in enumerate(context.splitlines()):
    found = re.search(r"(\\w+) was (?:made|built) in (\\d{4})", line)
    if found is None:
        continue

    rows.append({"line": number, "name": found[1], "year": int(found[2])})
by_year = {}
for row in rows:
    by_year.setdefault(row["year"], []).append(row["name"])
text = """A title
of two lines: 'x', "y" and #z
"""
known = ["Ravenna", "Leith", "Hull", "Whitby", "Goole",
         "Grimsby"]
print(len(rows), {year: len(names) for year, names in by_year.items()})
'''
REPLY = f"{PROSE}```repl\n{CODE}```\nThat shows the years."
START, END = REPLY.index(CODE), REPLY.index(CODE) + len(CODE)
WORDS = st.lists(st.integers(1, 10**6), min_size=4, max_size=60, unique=True)


@given(st.integers(1, len(REPLY) - 1), st.integers(0, len(REPLY)))
@example(START + 10, 0)
def test_what_is_said_again_is_there_once(cut: int, again: int) -> None:
    """However much is said again, if it is enough not to be alike by chance."""
    said, more = REPLY[:cut], REPLY[max(0, cut - again) :]
    assume(again == 0 or min(again, cut) >= SURE_CHARS)
    assume(again or not more.lstrip().startswith(anchor(said).strip() or "\0"))
    assert joined(said, more) == REPLY


@given(WORDS, st.data())
def test_it_is_so_with_any_text_that_does_not_repeat_itself(
    numbers: list[int], data: st.DataObject
) -> None:
    text = "".join(f"item {n:x}{',' if n % 3 else chr(10)} " for n in numbers)
    cut = data.draw(st.integers(SURE_CHARS, len(text) - 1))
    again = data.draw(st.integers(SURE_CHARS + 2, cut + 2))
    assert joined(text[:cut], text[max(0, cut - again) :]) == text


@given(st.integers(START + 1, END - 1), st.sampled_from(["", "\n", "Here is the rest:\n\n"]))
def test_the_last_line_is_written_again_in_a_fence_of_its_own(cut: int, prose: str) -> None:
    said = REPLY[:cut]
    line = REPLY.rindex("\n", 0, len(said.rstrip())) + 1
    more = f"{prose}```repl\n{REPLY[line:]}"
    assume(said[line:].strip("`").strip())
    assert joined(said, more) == REPLY


@given(st.integers(START + 1, END - 1))
def test_the_last_line_is_known_by_its_words_whatever_its_indentation(cut: int) -> None:
    said = REPLY[:cut]
    line = REPLY.rindex("\n", 0, len(said.rstrip())) + 1
    assume(any(map(str.isalnum, said[line:])))
    assert joined(said, REPLY[line:].lstrip()) == REPLY


def test_a_reply_begun_anew_in_other_words_takes_the_place_of_the_first() -> None:
    other = REPLY.replace("by_year.setdefault", "by_year_of.setdefault")
    assert joined(REPLY[:-40], other) == other


def test_a_new_statement_goes_on_a_new_line_and_a_broken_one_on_its_own() -> None:
    assert joined("```repl\nx = 1", "```repl\ny = 2\n```") == "```repl\nx = 1\ny = 2\n```"
    assert joined("```repl\nx = f(1,", "```repl\n 2)\n```") == "```repl\nx = f(1, 2)\n```"
    assert joined("```repl\nx = 1\n", "```\nDone.") == "```repl\nx = 1\n```\nDone."


def test_of_a_bracket_its_indentation_says_which_it_is() -> None:
    said = "```repl\nx = {\n    'a': {\n        'b': 1,\n    }\n"
    assert joined(said, "}\n```") == said + "}\n```"
    assert joined(said, "    }\n}\n```") == said + "}\n```"


def test_json_goes_on_without_the_fence_that_is_put_around_its_rest() -> None:
    assert joined('{"all": [1, 2,', "```json\n3, 4]}\n```") == '{"all": [1, 2,3, 4]}'


def test_values_that_are_alike_are_not_taken_for_one_said_again() -> None:
    said = "x = [" + "0, " * 90
    assert joined(said, "0, 0, 0, 0, 0, 0, 1]") == said + "0, 0, 0, 0, 0, 0, 1]"


@given(st.integers(2, 60))
def test_of_lines_that_are_all_alike_only_the_last_is_taken_for_said_again(cut: int) -> None:
    text, cut = "The rows:\n" + "the very same row\n" * 20, 50 + cut
    line = text.rindex("\n", 0, len(text[:cut].rstrip())) + 1
    assert joined(text[:cut], text[line:]) == text


RECORD = ["    {", '      "name": "%s",', '      "sort": "%s"', "    },"]
SORTS = st.lists(st.sampled_from(["plain", "checked", "striped"]), min_size=6, max_size=30)


@given(SORTS, st.booleans(), st.data())
def test_of_records_that_are_alike_none_is_lost(
    sorts: list[str], as_json: bool, data: st.DataObject
) -> None:
    """The last line is said again as it was asked for, and what follows is what came before."""
    record = RECORD if as_json else ["the sort of it is: %s"]
    lines = [line.replace("%s", sort) for sort in sorts for line in record]
    text = "[\n" + "\n".join(lines) + "\n]"
    cut = data.draw(st.integers(20, len(text) - 1))
    line = text.rindex("\n", 0, len(text[:cut].rstrip())) + 1
    assume(len(text[line:cut].strip()) >= SURE_CHARS or text[cut - 1] == "\n")
    assert joined(text[:cut], text[line:]) == text


NESTED = """Here:
```repl
doc = '''# A title

```python
print(1)
```

| one | two |
| 1 | 2 |
'''
FINAL(doc)
```"""


@given(st.integers(NESTED.index("# A"), NESTED.index("FINAL") - 1))
def test_a_fence_within_a_text_of_the_code_stays_in_it(cut: int) -> None:
    line = NESTED.rindex("\n", 0, len(NESTED[:cut].rstrip())) + 1
    assert is_open(NESTED[:cut]) or is_broken(NESTED[:cut])
    assert joined(NESTED[:cut], NESTED[line:]) == NESTED


@given(st.text(max_size=300), st.text(max_size=300))
def test_nothing_raises_and_nothing_is_lost_of_what_was_said(said: str, more: str) -> None:
    pieces(joined(said, more))
    assert len(joined(said, more)) >= min(len(said.rstrip()), len(more))


@given(st.text(min_size=1, max_size=900), st.text(max_size=300))
def test_a_text_without_end_is_known(unit: str, before: str) -> None:
    assert loops(before + unit * (4_800 // len(unit)))
    assert not loops("".join(f"{before}{n}" for n in range(400)))

"""The ways to answer, and how a run climbs down from one to the next, against a scripted server."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from runs import KEY, Known, cell, solve, ways
from support import ScriptedServer
from unspool import RLM, ConfigurationError, Files, Limits, Result, events
from unspool.cli.main import main
from unspool.errors import ContextTooLong
from unspool.testing.script import ChatRequest, Reply
from unspool.types import Mode

SHORT = (
    "The lighthouse at Korsnes is kept by Halvard Lie.\n"
    "The lighthouse at Ramsund is kept by Sunniva Moe, who was born in Vik.\n"
    "It was built in 1874 and has 96 steps.\n"
)
ROWS = [
    f"id=R{n:03d} room={n % 7} floor={'two' if n % 3 else 'one'} nights={n % 11}"
    f" guest=Guest{n:03d} paid={'yes' if n % 2 else 'no'}"
    for n in range(200)
]
LOG = "\n".join(ROWS)
NO_CODE = "I think that this is a question about lighthouses."
WHO = "Who keeps the lighthouse at Korsnes?"
HALVARD = "Halvard Lie"


def step(do: str, **fields: Any) -> str:
    return json.dumps({"do": do, **fields})


def told(server: ScriptedServer, number: int) -> str:
    """All that a request says, but for what the model itself has said."""
    messages = after(server)[number].messages
    return "\n".join(str(one["content"]) for one in messages if one["role"] != "assistant")


# The whole text at once


def test_a_short_text_is_read_at_once_where_the_model_reads_so_much_well(known: Known) -> None:
    known(effective=4_000)
    result, server = solve(["Sunniva Moe"], SHORT, question="Who keeps the one at Ramsund?")
    assert ways(result, "direct") == "Sunniva Moe"
    assert len(server.requests) == 1
    assert SHORT.strip() in told(server, 0)
    assert "REPL" not in told(server, 0)
    assert result.coverage == 1.0
    assert any("Sunniva Moe" in span.text for span in result.evidence)


@pytest.mark.parametrize("profile", [{}, {"effective": 60}, {"effective": 0}])
def test_a_text_is_not_read_at_once_where_nobody_knows_that_it_is_read_well(
    known: Known, profile: Mapping[str, Any]
) -> None:
    known(**profile)
    result, _ = solve([cell("print(context)"), cell("FINAL(context[:14])")], SHORT)
    assert ways(result, "rlm") == "The lighthouse"


@pytest.mark.parametrize(
    ("question", "said"),
    [
        ("Who keeps the one at Ramsund?", "Sunniva Berg"),
        ("How tall is the one at Ramsund?", "31 metres"),
        ("Who painted it?", "NOT IN TEXT"),
        ("Who painted it?", "It is not in text."),
        ("Who painted it?", ""),
        ("How many lighthouses are there?", "96"),
        ("How many lighthouses are there?", "There are 96 lighthouses."),
        ("How many lighthouses are there?", "ninety-six"),
        ("Who painted it?", "I don't know."),
        ("Who painted it?", "It is not stated who painted it."),
        ("Who painted it?", "no idea"),
        ("Who painted it?", "a retired painter from norway"),
        ("Who keeps the one at Korsnes?", "Halv"),
        ("Who keeps the one at Korsnes?", "```repl\nprint(search('Korsnes'))\n```"),
    ],
)
def test_what_a_text_does_not_bear_out_is_looked_for_by_code(
    known: Known, question: str, said: str
) -> None:
    known(effective=4_000, pack="coder")
    script = [said, cell("found = context.split()[1]\nFINAL(found)")]
    result, server = solve(script, SHORT, question=question)
    assert ways(result, "direct", "rlm") == "lighthouse"
    assert "NOT IN TEXT" not in told(server, 1), "what was said on one way is not on the next"
    assert [turn.number for turn in result.turns] == [1, 2]


def test_a_text_that_the_model_would_not_read_is_for_code(known: Known) -> None:
    known(effective=4_000, pack="coder")
    refusal = Reply("too long", status=400, error_code="context_length_exceeded")
    result, _ = solve([refusal, cell("FINAL(context[4:14])")], SHORT, question="What?")
    assert ways(result, "direct", "rlm") == "lighthouse"
    with pytest.raises(ContextTooLong):
        solve([refusal], SHORT, question="What?", mode="direct")


def test_a_text_is_not_read_at_once_where_code_has_functions_of_the_users(known: Known) -> None:
    known(effective=4_000)
    tools = {"keeper_of": lambda place: f"the keeper of {place}"}
    result, _ = solve([cell("FINAL(keeper_of(context[18:25]))")], SHORT, tools=tools)
    assert ways(result, "rlm") == "the keeper of Korsnes"
    result, server = solve(["Vik"], SHORT, tools=tools, mode="direct")
    assert "keeper_of" not in told(server, 0)


def test_a_text_that_is_read_at_once_because_it_was_asked_for_is_taken_at_its_word(
    known: Known,
) -> None:
    known()
    result, _ = solve(["31 metres"], SHORT, question="How tall?", mode="direct")
    assert ways(result, "direct") == "31 metres"
    result, _ = solve(["not in text"], SHORT, question="How tall?", mode="direct")
    assert (result.status, result.answer) == ("failed", None)
    assert "direct: no answer that holds" in result.error


# From code to steps to pieces


def read_pieces(request: ChatRequest) -> Reply | str:
    """A sub-model that finds what is asked for in one piece alone."""
    if "Notes from parts" in request.last:
        return "Sunniva Moe"
    return "Ramsund: Sunniva Moe" if "Sunniva" in request.last else "NOTHING"


def test_a_model_that_writes_no_code_is_given_steps_and_then_nothing_to_write_at_all(
    known: Known,
) -> None:
    known()
    result, server = solve(
        [NO_CODE] * 6, SHORT, sub=read_pieces, question="Who keeps the one at Ramsund?"
    )
    assert ways(result, "rlm", "guided", "mapreduce") == "Sunniva Moe"
    roots = [one for one in server.requests if one.model == "root"]
    assert len(roots) == 6
    assert '"do": "look"' in str(roots[3].messages[0]["content"])
    assert "Sunniva Moe" in str(roots[3].messages[-1]["content"]), "the nearest lines are shown"
    assert [turn.number for turn in result.turns] == list(range(1, 9))


def test_a_model_that_stumbles_over_code_may_take_steps_well(known: Known) -> None:
    known()
    script = [NO_CODE, cell("print(1"), cell("1/0"), step("answer", text="Sunniva Moe")]
    question = "Who keeps the lighthouse at Ramsund?"
    result, _ = solve(script, SHORT, question=question, sub="Unknown")
    assert ways(result, "rlm", "guided") == "Sunniva Moe"
    assert any("Sunniva Moe" in span.text for span in result.evidence)


def test_turns_that_come_to_something_in_between_keep_a_model_where_it_is(known: Known) -> None:
    known()
    script = [NO_CODE, NO_CODE, cell("print(1)"), NO_CODE, NO_CODE, cell("FINAL(context[:3])")]
    result, _ = solve(script, SHORT)
    assert ways(result, "rlm") == "The"


@pytest.mark.parametrize("profile", [{"pack": "coder"}, {"pack": "coder", "codes": 0.95}])
def test_a_model_that_codes_well_stays_with_code(known: Known, profile: Mapping[str, Any]) -> None:
    known(**profile)
    result, _ = solve([*[NO_CODE] * 4, cell("FINAL(context[:3])")], SHORT)
    assert ways(result, "rlm") == "The"


@pytest.mark.parametrize("codes", [0.0, 0.5])
def test_a_model_that_was_measured_not_to_code_climbs_down_too(known: Known, codes: float) -> None:
    known(pack="coder", codes=codes)
    result, _ = solve([*[NO_CODE] * 3, step("answer", text=HALVARD)], SHORT, question=WHO)
    assert ways(result, "rlm", "guided") == HALVARD


def test_the_profile_says_what_is_tried_first(known: Known) -> None:
    known(strategy="guided")
    result, _ = solve([step("answer", text=HALVARD)], SHORT, question=WHO)
    assert ways(result, "guided") == HALVARD
    known(strategy="mapreduce")
    result, _ = solve([], SHORT, sub=read_pieces)
    assert ways(result, "mapreduce") == "Sunniva Moe"
    result, _ = solve([step("answer", text=HALVARD)], SHORT, question=WHO, max_depth=0)
    assert ways(result, "guided") == HALVARD


def test_without_sub_calls_steps_are_the_last_way(known: Known) -> None:
    known()
    script = [*[NO_CODE] * 6, step("answer", text=HALVARD)]
    result, server = solve(script, SHORT, question=WHO, max_depth=0)
    assert ways(result, "rlm", "guided") == HALVARD
    assert '"do": "label"' not in told(server, -1)
    with pytest.raises(ConfigurationError, match=r"mode='mapreduce' .* max_depth=1 or more"):
        solve([], SHORT, max_depth=0, mode="mapreduce")


def test_a_way_that_was_chosen_is_the_only_one(known: Known) -> None:
    known(effective=4_000, strategy="guided")
    result, _ = solve([*[NO_CODE] * 4, cell("FINAL(context[:3])")], SHORT, mode="rlm")
    assert ways(result, "rlm") == "The"
    result, _ = solve(
        [*[NO_CODE] * 4, step("answer", text=HALVARD)], SHORT, mode="guided", question=WHO
    )
    assert ways(result, "guided") == HALVARD
    result, server = solve([], SHORT, mode="mapreduce", sub=read_pieces)
    assert ways(result, "mapreduce") == "Sunniva Moe"
    assert {one.model for one in server.requests} == {"sub"}
    with pytest.raises(ConfigurationError, match="mode='best': give 'auto' or 'direct'"):
        RLM("root", base_url="http://localhost:9", mode="best")  # type: ignore[arg-type]


def test_events_tell_which_way_is_taken_and_why(known: Known) -> None:
    known()
    with ScriptedServer([*[NO_CODE] * 3, step("answer", text="Vik")], api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY)
        seen = [one for one in rlm.stream("where?", SHORT) if isinstance(one, events.WayTaken)]
    assert [(one.way, one.why) for one in seen] == [
        ("rlm", ""),
        ("guided", "3 turns in a row came to nothing"),
    ]


def test_the_way_that_is_taken_and_why_is_told_in_a_line(
    known: Known, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known()
    text, journal = tmp_path / "text.txt", ["--journal", str(tmp_path / "journal.db")]
    text.write_text(SHORT)
    script = [*[NO_CODE] * 3, step("answer", text=HALVARD)]
    with ScriptedServer(script) as server:
        asked = ["ask", WHO, str(text), "--model", "root", "--base-url", server.base_url]
        assert main([*asked, *journal]) == 0
        told = capsys.readouterr()
        assert told.out == f"{HALVARD}\n"
        left = "way guided: the model chooses steps; the one before was left: 3 turns in a row"
        assert left in told.err
        assert main(["show", told.err.split()[1], *journal]) == 0
        shown = capsys.readouterr().out.splitlines()
        ways = [shown[at + 1] for at, line in enumerate(shown) if line.startswith("way ")]
        assert "way rlm: the model writes code" in shown
        assert [way[:6] for way in ways] == ["turn 1", "turn 4"]
        assert main([*asked, *journal, "--mode", "direct"]) == 1
    told = capsys.readouterr()
    assert "way direct: the model reads the text at once" in told.err


def test_turns_end_a_run_on_whatever_way_it_is(known: Known) -> None:
    known()
    script = [*[NO_CODE] * 4, "Sunniva Moe"]
    result, server = solve(script, SHORT, limits=Limits(turns=4))
    assert (result.status, result.ways) == ("turns", ("rlm", "guided"))
    assert result.answer == "Sunniva Moe", "the last reply is asked for on the way that it was on"
    assert '"do"' in told(server, -1)
    result, _ = solve([*[NO_CODE] * 3, "Vik"], SHORT, limits=Limits(turns=3))
    assert (result.status, result.answer) == ("turns", "Vik")


# Steps


READ = "Copy only the words that answer this"


def guided(
    script: list[str],
    question: str,
    context: Any = LOG,
    *,
    sub: Any = None,
    copies: str = "Unknown",
    **options: Any,
) -> tuple[Result, ScriptedServer]:
    """A guided run. `copies` is the reply to the first reading of the lines about what the
    question names."""

    def reads(request: ChatRequest) -> Any:
        if READ in request.last:
            return copies
        return sub(request) if callable(sub) else sub or ""

    return solve(script, context, question=question, mode="guided", sub=reads, **options)


def after(server: ScriptedServer) -> list[ChatRequest]:
    """The requests but for that first reading."""
    return [request for request in server.requests if READ not in request.last]


def test_a_step_shows_lines_and_an_answer_ends(known: Known) -> None:
    known()
    script = [step("look", **{"for": "Sunniva Moe"}), step("answer", text="Vik")]
    question = "Where was the keeper of the lighthouse at Ramsund born?"
    result, server = guided(script, question, SHORT + "\n".join(ROWS))
    assert ways(result, "guided") == "Vik"
    assert "Ramsund is kept by Sunniva Moe" in told(server, 0)


def test_a_model_that_looks_for_what_it_sees_is_brought_to_answer(known: Known) -> None:
    """Small models do: they look for the answer itself, and then again."""
    known()
    look = step("look", **{"for": "Sunniva Moe"})
    question = "Who keeps the lighthouse at Ramsund?"
    result, server = guided([look, look, step("answer", text="Sunniva Moe")], question, SHORT)
    assert ways(result, "guided") == "Sunniva Moe"
    assert "Ramsund is kept by Sunniva Moe" in after(server)[1].last.split("all there is")[0]
    bodies = [request.body for request in after(server)]
    steps = ["look" in json.dumps(body["response_format"]) for body in bodies]
    assert steps == [True, True, False]
    assert bodies[2]["temperature"] == 0
    result, _ = guided([look] * 3, question, SHORT, limits=Limits(turns=2, calls=2))
    assert str(result.answer).splitlines()[0].endswith("Sunniva Moe, who was born in Vik.")
    assert "all there is" not in str(result.answer), "no words of unspool's"


def test_an_answer_that_no_line_has_is_not_the_end(known: Known) -> None:
    known()
    script = [step("answer", text="Bergen"), step("answer", text="Vik")]
    question = "Where was Sunniva Moe born?"
    result, server = guided(script, question, SHORT, sub=Reply("In Oslo"))
    assert ways(result, "guided") == "Vik"
    assert "'Bergen'" in after(server)[2].last
    result, server = guided(script, question, SHORT, max_depth=0)
    assert ways(result, "guided") == "Vik"


def test_what_is_of_the_examples_is_asked_again_without_them(known: Known) -> None:
    known()
    question = "Where was Sunniva Moe born?"
    result, server = guided(
        [step("answer", text="Ruth Okafor")], question, SHORT, sub=Reply("vik.")
    )
    assert ways(result, "guided") == "Vik"
    assert after(server)[1].last.startswith("The lighthouse at Ramsund")
    for nothing in ("None", "Sunniva Moe"):
        result, _ = guided([step("answer", text=nothing)], question, SHORT, sub=Reply("Vik"))
        assert ways(result, "guided") == "Vik"
    mill = "The mill at Korsnes was sold for 51,215 crowns.\n" + LOG
    strange = step("count", where=["Korsnes", "heating=on"])
    question = "For how many crowns was the mill at Korsnes sold?"
    result, _ = guided([strange], question, mill, sub=Reply("51215"))
    assert ways(result, "guided") == "51,215"
    result, server = guided([strange, step("answer", text="51,215")], question, mill, max_depth=0)
    assert ways(result, "guided") == "51,215"
    assert "the question does not ask for it" in after(server)[1].last


COURIERS = "\n".join(
    [
        "The parcel WJ-7 was handed to Cosimo Berg.",
        "The home of Cosimo Berg is a narrow house in Tarhaven.",
        *(f"The home of Anna Holm{n} is a narrow house in Ost{n}leigh." for n in range(60)),
    ]
)


def test_a_name_on_the_way_is_not_yet_the_answer(known: Known) -> None:
    known()
    first = step("answer", text="Cosimo Berg")
    question = "Where is the home of whoever carries the parcel WJ-7?"
    result, server = guided([first, first, step("answer", text="Tarhaven")], question, COURIERS)
    assert ways(result, "guided") == "Tarhaven"
    assert "only on the way. The question asks for 'home'" in after(server)[1].last
    assert "only on the way" in after(server)[2].last
    result, _ = guided([first] * 2, "Who was handed the parcel WJ-7?", COURIERS)
    assert ways(result, "guided") == "Cosimo Berg"


def test_what_is_said_of_another_is_asked_about_again(known: Known) -> None:
    known()
    book = "In the granary's book Ost{} Farm has {},000 bushels."
    farms = "\n".join(book.format(n, n + 7) for n in range(40))
    farms += "\n800,111 bushels were brought by Tar Farm."
    farms += "".join(f"\nTar Farm paid its rent in {1900 + n}." for n in range(8))
    script = [step("answer", text="9,000"), step("answer", text="800,111")]
    question = "With which sum of bushels is Tar Farm in the granary's book?"
    result, server = guided(script, question, farms)
    assert ways(result, "guided") == "800,111"
    assert "'9,000' is said of another" in after(server)[1].last


def test_what_the_question_says_itself_is_no_item_of_a_list(known: Known) -> None:
    known()

    def reads(request: ChatRequest) -> str:
        if "response_format" not in request.body:
            return "bolt"
        [code, *_] = re.findall(r"\d{4}-[A-Z]{2}", request.last)
        return json.dumps({"value": code})

    rows = [f"{n + 1000}-QX;{'bolt' if n % 2 else 'nail'};yard;{n}" for n in range(400)]
    question = "Collect the codes of each of the articles that are of the sort bolt."
    script = [step("list", where=["bolt"])]
    result, _ = guided(script, question, "\n".join(rows), sub=reads)
    assert ways(result, "guided") == [f"{n + 1000}-QX" for n in range(1, 400, 2)]
    result, server = guided(script * 2, question, "\n".join(rows), max_depth=0)
    assert ways(result, "guided") == rows[1::2], "no model reads lines: they are given whole"
    assert {one.model for one in after(server)} == {"root"}


def test_conditions_that_were_forgotten_are_added(known: Known) -> None:
    known()
    wanted = [r for r in ROWS if "floor=two" in r and "paid=no" in r]
    wanted = [r for r in wanted if int(r.split("nights=")[1].split()[0]) > 5]
    question = "How many lines of guests on floor two with paid No have nights above 5?"
    for where in (["floor=two"], ["5"], ["paid=no", "5 < nights"], ["floor=two", "paid=no"]):
        result, server = guided([step("count", where=where)], question)
        assert ways(result, "guided") == len(wanted), where
        assert len(after(server)) == 1


def test_a_number_of_thousands_is_compared_once(known: Known) -> None:
    known()
    rows = [f"order {n}: {n * 900} crowns, {'paid' if n % 2 else 'open'}" for n in range(100)]
    question = "How many of the orders are paid and above 45,000 crowns?"
    for where in (["paid"], ["paid", "45000"], ["paid", "crowns > 45,000"]):
        result, server = guided([step("count", where=where)], question, "\n".join(rows))
        assert ways(result, "guided") == 25
        assert len(after(server)) == 1


@pytest.mark.parametrize("said", ["31", "117 guests", 31])
def test_a_number_that_nobody_counted_is_counted(known: Known, said: object) -> None:
    known()
    question = "Look for guests on floor two. How many of them have nights above 5?"
    script = [step("look", **{"for": "floor two"}), step("answer", text=said)]
    result, _ = guided(script, question)
    nights = [int(row.split("nights=")[1].split()[0]) for row in ROWS if "floor=two" in row]
    assert ways(result, "guided") == sum(number > 5 for number in nights)


def test_a_number_that_a_line_has_is_not_counted(known: Known) -> None:
    known()
    question = "How many nights did the guest of id R008 stay on floor two?"
    result, _ = guided([step("answer", text="8")], question)
    assert ways(result, "guided") == "8"


def test_what_the_question_excepts_or_offers_to_choose_is_not_added(known: Known) -> None:
    known()
    unpaid = sum("floor=two" in row for row in ROWS)
    for question in (
        "How many guests are on floor two, not counting room 3?",
        "How many guests are on floor two, in room 3 or room 4?",
        "How many guests are on floor two, be it in rooms 3 and 4 or others?",
    ):
        script = [step("count", where=["floor=two"])] * 2
        result, _ = guided(script, question)
        assert ways(result, "guided") == unpaid, question


def test_a_word_of_prose_that_may_be_a_condition_is_named(known: Known) -> None:
    known()
    rows = [
        f"{'After ' * (n % 4)}{n * 7} a storm {'with lightning ' if n % 3 else ''}passed"
        f" {'on ' * (n % 7)}to W{n}."
        for n in range(300)
    ]
    script = [step("count", where=["storm"]), step("count", where=["storm", "lightning"])]
    question = "In how many notes is a storm said to have brought lightning?"
    result, server = guided(script, question, "\n".join(rows))
    assert ways(result, "guided") == sum("lightning" in row for row in rows)
    assert "'lightning'" in after(server)[1].last


def test_conditions_that_are_copied_from_other_lines_are_those_of_the_question(
    known: Known,
) -> None:
    known()
    rows = [f"claim #Q{n + 100} for {'tin' if n % 3 else 'zinc'} by Ada Moe" for n in range(300)]
    script = [step("list", where=["#Q103", "#Q101"])]
    question = "Name the claims that are for tin by their numbers (# and what follows)."
    result, _ = guided(script, question, "\n".join(rows), sub="Unknown")
    assert ways(result, "guided") == [f"#Q{n + 100}" for n in range(300) if n % 3]


def test_what_stands_behind_its_name_is_listed_without_asking(known: Known) -> None:
    known()
    rows = [f"ear tag {n}/55: merino, {'red' if n % 3 else 'blue'} mark" for n in range(300)]
    script = [step("list", where=["red"])]
    question = "Name the sheep with a red mark by their ear tags."
    result, server = guided(script, question, "\n".join(rows))
    assert ways(result, "guided") == [f"{n}/55" for n in range(300) if n % 3]
    assert {one.model for one in after(server)} == {"root"}


def test_a_condition_that_nobody_asked_for_is_left_out(known: Known) -> None:
    known()

    def reads(request: ChatRequest) -> str:
        assert "guests have paid?\nCondition: room=3\nAsked for:" in request.last
        return '{"value": "no"}'

    rooms = step("count", where=["paid=yes", "room=3"])
    result, server = guided([rooms], "How many guests have paid?", sub=reads)
    assert ways(result, "guided") == 100
    assert len(after(server)) == 2
    result, _ = guided([rooms], "How many guests of room 3 have paid?", sub=reads)
    assert ways(result, "guided") == sum("room=3" in row and "paid=yes" in row for row in ROWS)


def test_what_is_listed_of_a_few_lines_is_taken_of_all(known: Known) -> None:
    known()

    def sub(request: ChatRequest) -> str:
        return str(re.findall(r"guest=(\w+)", request.last)[-1])

    script = [step("list", where=["paid=yes", "room=3"])]
    result, server = guided(script, "List all guests in room 3 that have paid yes.", sub=sub)
    wanted = [r.split("guest=")[1].split()[0] for r in ROWS if "room=3" in r and "paid=yes" in r]
    assert ways(result, "guided") == wanted
    assert sum(one.model == "sub" for one in after(server)) < len(wanted)


BOTH = "Who keep the lighthouses at Korsnes and Ramsund? Name both."


def test_what_a_question_names_is_read_before_all_else(known: Known) -> None:
    known()
    books = [f"The book of Anna Ost{n} is kept at shelf {n}{n}." for n in range(40)]
    text = "\n".join([*books, *COURIERS.splitlines()])
    question = "Where is the home of whoever carries the parcel WJ-7?"

    def sub(request: ChatRequest) -> str:
        assert "Cosimo Berg is a narrow house" in request.last, "and what these lines name"
        assert "Holm" not in request.last, "nothing of others"
        return "Tarhaven"

    result, server = solve([], text, question=question, mode="guided", sub=sub)
    assert ways(result, "guided") == "Tarhaven"
    assert [one.model for one in server.requests] == ["sub"]


@pytest.mark.parametrize(
    ("text", "question", "shown"),
    [
        ("The inn at Korsnes is old.\nIt has 12 rooms.\n", "When was Korsnes full?", "It has 12"),
        ("The inn at Korsnes is old.\nIt was full in 04.", "When was Korsnes full?", "full in 04."),
        (
            "and so the inn that\nstands at Korsnes was full on\nthe third of May 1904.\n",
            "When was the inn at Korsnes full?",
            "the inn that stands at Korsnes was full on the third of May 1904.",
        ),
        (
            '{"at": "09:12", "by": "Bo", "note": "the inn at Korsnes was full in 1904"}\n' + LOG,
            "When was the inn at Korsnes full?",
            "Text:\nthe inn at Korsnes was full in 1904\n",
        ),
    ],
)
def test_of_a_line_what_belongs_to_it_is_read_and_no_more(
    known: Known, text: str, question: str, shown: str
) -> None:
    known()
    _, server = guided([step("answer", text="1904")] * 4, question, text)
    assert shown in next(one.last for one in server.requests if READ in one.last)


@pytest.mark.parametrize(
    ("line", "about"),
    [
        ("The inn was left to Mina Brun. It was Olga Holm who treated Farouk Li.", "It was Olga"),
        ("Mina Brun had an inn. Farouk Li was ill in it. Olga Holm treated him.", "Farouk"),
        ("Mina Brun had the inn. Here is Olga Holm. She treated Farouk Li.", "Here is Olga"),
    ],
)
def test_what_is_read_of_another_than_the_question_names_is_read_again(
    known: Known, line: str, about: str
) -> None:
    known()

    def sub(request: ChatRequest) -> str:
        if "Mina" in request.last:
            return "Mina Brun"
        assert f"Text:\n{about}" in request.last, "only the sentences about him"
        assert line.endswith(request.last.split("Text:\n")[1].split("\n")[0])
        return "Olga Holm"

    result, server = solve(
        [], f"{line}\n" + LOG, question="Who treated Farouk Li?", mode="guided", sub=sub
    )
    assert ways(result, "guided") == "Olga Holm"
    assert len(server.requests) == 2


def test_what_repeats_the_question_or_has_no_figures_is_chosen_anew(known: Known) -> None:
    known()
    text = "Halvard Lie saw to the lamp of Korsnes until 4 June 1874.\n" + LOG

    def sub(said: str, chosen: str) -> Callable[[ChatRequest], str]:
        def reply(request: ChatRequest) -> str:
            if "response_format" not in request.body:
                return said
            options = str(request.body["response_format"])
            assert chosen in options
            assert "Korsnes" not in options
            return json.dumps({"value": chosen})

        return reply

    for question, said, right in (
        ("Who saw to the lamp of Korsnes?", "Korsnes", HALVARD),
        ("When was Korsnes without its lamp?", HALVARD, "4 June 1874"),
    ):
        result, _ = solve([], text, question=question, mode="guided", sub=sub(said, right))
        assert ways(result, "guided") == right


@pytest.mark.parametrize(
    ("said", "right"), [("12", "12"), ("kx.1208", "KX.1208.B"), ("4150", "4,150")]
)
def test_what_is_copied_is_given_as_it_stands(known: Known, said: str, right: str) -> None:
    known()
    text = "2024-12-01 INFO the inn KX.1208.B at Korsnes has 12 rooms for 4,150 crowns\n" + LOG
    question = "What does the book say of Korsnes?"
    result, _ = solve([], text, question=question, mode="guided", sub=said)
    assert ways(result, "guided") == right


def test_a_word_of_the_question_is_added_where_conditions_leave_out_nothing(
    known: Known,
) -> None:
    known()
    rows = [f"{'store' if n % 3 else 'cache'}::case_{n + 1000} in {n} ms" for n in range(300)]

    def reads(request: ChatRequest) -> str:
        return str(re.findall(r"case_\d{4}", request.last)[0])

    question = "List the names (case_ and a number) of all cases of the suite store."
    result, _ = guided([step("list", where=["case_"])], question, "\n".join(rows), sub=reads)
    assert ways(result, "guided") == [f"case_{n + 1000}" for n in range(300) if n % 3]


@pytest.mark.parametrize("do", ["count", "list"])
def test_a_condition_that_says_what_all_lines_are_is_left_out(known: Known, do: str) -> None:
    known()
    rows = [f"pump #{n} reported {'drift' if n % 3 else 'leak'} at {n + 100}" for n in range(60)]
    asks = "How many alarms" if do == "count" else "Which alarms"

    def reads(request: ChatRequest) -> str:
        return str(re.findall(r"#\d+", request.last)[0])

    script = [step(do, where=["alarm", "drift"])]
    question = f"{asks} (# and a number) are there that reported drift?"
    result, _ = guided(script, question, "\n".join(rows), sub=reads)
    drifted = [f"#{n}" for n in range(60) if n % 3]
    assert ways(result, "guided") == (len(drifted) if do == "count" else drifted)
    question = f"{asks} (# and a number) are there of the kind leak?"
    result, _ = guided([step(do, where=["kind", "leak"])], question, "\n".join(rows), sub=reads)
    leaked = [f"#{n}" for n in range(0, 60, 3)]
    assert ways(result, "guided") == (len(leaked) if do == "count" else leaked)
    question = f"{asks} are there that reported smoke?"
    script = [step(do, where=["alarm", "smoke"])] * 2
    result, _ = guided(script, question, "\n".join(rows), sub=reads)
    assert result.answer in (0, []), "what is asked for and nowhere to be found is not left out"


@pytest.mark.parametrize("where", [["country", "PL"], ["PL", "e-mail"], ["country code PL"]])
def test_what_a_value_or_an_item_is_called_is_no_condition(known: Known, where: list[str]) -> None:
    known()
    rows = [f"ada{n}@x.example,free,{'PL' if n % 3 else 'GR'},{n}" for n in range(60)]
    question = "Name the accounts with the country code PL by their e-mail addresses."

    def reads(request: ChatRequest) -> str:
        return str(re.findall(r"\w+@\S+?(?=,)", request.last)[0])

    result, _ = guided([step("list", where=where)], question, "\n".join(rows), sub=reads)
    assert ways(result, "guided") == [f"ada{n}@x.example" for n in range(60) if n % 3]


def test_of_what_a_model_takes_for_codes_that_counts_which_no_two_lines_share(
    known: Known,
) -> None:
    known()
    rows = [
        f"{n * 37 % 997 + 1000}-QX;bolt;{'annex' if n % 2 else 'yard'};{n % 9}{n % 7}"
        for n in range(200)
    ]

    def reads(request: ChatRequest) -> str:
        code, _, _, number = request.last.splitlines()[3].split(";")
        return code if code == "1485-QX" else number

    question = "List the codes of all articles that lie in the annex."
    result, _ = guided([step("list", where=["annex"])], question, "\n".join(rows), sub=reads)
    assert ways(result, "guided") == [row.split(";")[0] for row in rows if "annex" in row]


def test_of_what_stands_nowhere_by_itself_a_field_is_chosen(known: Known) -> None:
    known()
    rows = [f"M{n + 8100} Ada Moe, {'baker' if n % 2 else 'nurse'}, of Vik" for n in range(200)]
    script = [step("list", where=["baker"])]
    question = "Which members are there whose trade is baker? Give their numbers, all of them."
    result, _ = guided(script, question, "\n".join(rows), sub="1")
    assert ways(result, "guided") == [f"M{n + 8100}" for n in range(200) if n % 2]


def test_of_the_keeper_for_who_it_was_the_name_beside_it_is_taken(known: Known) -> None:
    known()

    def sub(request: ChatRequest) -> str:
        held = request.body.get("response_format")
        return '{"value": "Ada Moe"}' if held and "Ada Moe" in str(held) else "the keeper"

    text = f"Rain fell on Vik. Ada Moe kept the inn of Korsnes as the keeper.\n{LOG}"
    for question in ("Who was the keeper of Korsnes?", "Who cared for Korsnes?"):
        result, _ = solve([], text, question=question, mode="guided", sub=sub)
        assert ways(result, "guided") == "Ada Moe"
    text = text.replace("Ada Moe kept the inn", "nobody kept the inn")
    for question in ("Who cared for Korsnes?", "What was he who cared for Korsnes?"):
        result, _ = solve([], text, question=question, mode="guided", sub="the keeper")
        assert ways(result, "guided") == "the keeper"


def test_who_is_only_on_the_way_is_asked_about_by_name(known: Known) -> None:
    known()
    text = (
        f"The plans of the bridge at Korsnes are signed by Mina Wan, who designed it.\n{LOG}\n"
        "Mina Wan learned the trade from Nils Drol.\n"
    )

    def sub(request: ChatRequest) -> str:
        return "Nils Drol" if "Name the teacher of Mina Wan." in request.last else "Mina Wan"

    question = "Name the teacher of the person who designed the bridge at Korsnes."
    result, _ = solve([], text, question=question, mode="guided", sub=sub)
    assert ways(result, "guided") == "Nils Drol"


def test_what_lines_are_called_is_no_condition(known: Known) -> None:
    known()
    rows = [f"{'INFO' if n % 3 else 'WARN'} [reports] took {n} ms" for n in range(60)]
    question = "Look for log lines of reports. How many of them are also log lines with INFO?"
    script = [step("count", where=["log lines", "reports", "INFO"])]
    result, _ = guided(script, question, "\n".join(rows))
    assert ways(result, "guided") == 40


@pytest.mark.parametrize(
    ("question", "said", "right"),
    [
        ("What does the book say of Korsnes?", "Vik", "Vik Bay"),
        ("What is the first name of the keeper of Korsnes?", "Vik", "Vik"),
        ("What does the book say of Korsnes?", "bay", "Bay"),
        ("What does the book say of Korsnes?", "LOUD", "LOUD"),
    ],
)
def test_a_name_is_given_whole(known: Known, question: str, said: str, right: str) -> None:
    known()
    text = f"the inn of Korsnes moved to Vik Bay, where LOUD Horns blow.\n{LOG}"
    result, _ = solve([], text, question=question, mode="guided", sub=said)
    assert ways(result, "guided") == right


def test_a_sign_that_the_question_speaks_of_belongs_to_what_is_listed(known: Known) -> None:
    known()
    rows = [f"claim #W{n + 100} in {'Ost' if n % 2 else 'West'} county" for n in range(200)]

    def reads(request: ChatRequest) -> str:
        return str(re.findall(r"W\d{3}", request.last)[0])

    for asks, sign in (("numbers (# and what follows)", "#"), ("numbers", "")):
        question = f"What are the {asks} of the claims in Ost county?"
        script = [step("list", where=["Ost county"])]
        result, _ = guided(script, question, "\n".join(rows), sub=reads)
        assert ways(result, "guided") == [f"{sign}W{n + 100}" for n in range(200) if n % 2]


def test_things_that_a_question_lists_are_asked_about_one_by_one(known: Known) -> None:
    known()

    def sub(request: ChatRequest) -> str:
        assert not ("Korsnes" in request.last and "Ramsund" in request.last), "each by itself"
        return HALVARD if "Korsnes" in request.last else "Sunniva Moe"

    result, server = solve([], SHORT, question=BOTH, mode="guided", sub=sub)
    assert ways(result, "guided") == "Korsnes: Halvard Lie; Ramsund: Sunniva Moe"
    assert {one.model for one in server.requests} == {"sub"}


def test_of_answers_to_several_things_one_that_is_unlike_is_chosen_anew(known: Known) -> None:
    known()
    limits = {
        "window_ms": 820_234,
        "most_retries": 434_598,
        "backlog_size": 701_792,
        "most_depth": 592_668,
    }
    rows = [
        f"{n + 70},{n}.85,the setting {name} is {value}"
        for n, (name, value) in enumerate(limits.items())
    ]
    odd = {"backlog_size": "2.85", "most_depth": "most_depth"}

    def reads(request: ChatRequest) -> str:
        [thing] = [name for name in limits if name in request.last]
        if "response_format" in request.body:
            assert str(limits[thing]) in str(request.body["response_format"])
            return json.dumps({"value": str(limits[thing])})
        return odd.get(thing, str(limits[thing]))

    question = (
        "What values do these settings have: window_ms, most_retries, backlog_size and most_depth?"
    )
    text = "\n".join(rows + ROWS)
    result, server = solve([], text, question=question, mode="guided", sub=reads)
    expected = "; ".join(f"{name}: {value}" for name, value in limits.items())
    assert ways(result, "guided") == expected
    assert len(server.requests) == 6


def test_an_answer_about_one_of_them_that_its_lines_do_not_have_leads_to_steps(
    known: Known,
) -> None:
    known()
    both = f"Korsnes: {HALVARD}, Ramsund: Sunniva Moe"
    result, server = guided([step("answer", text=both)] * 2, BOTH, SHORT, copies="Bo Berg")
    assert ways(result, "guided") == both
    assert "Sunniva Moe" in str(server.requests[-1].messages)


def test_lines_are_labelled_one_by_one_and_counted(known: Known) -> None:
    known()
    notes = [f"note {n}: the soup was {'cold' if n % 4 else 'fine'}" for n in range(24)]
    ask = step("label", ask="Is it a complaint?", options=["complaint", "praise"], count="praise")

    def sub(request: ChatRequest) -> Reply | str:
        return json.dumps({"value": "praise" if "fine" in request.last else "complaint"})

    for context in ("\n".join(notes), notes):
        question = "How many of these notes are praise?"
        result, server = guided([ask], question, context, sub=sub)
        assert ways(result, "guided") == 6
        assert len(server.requests) == 25
        assert result.coverage == 1.0


def test_prose_and_code_in_place_of_a_step(known: Known) -> None:
    known()
    script = ["I would look for it.", cell("print(context[:5])"), "FINAL(Vik)"]
    result, server = guided(script, "Where?", SHORT)
    assert ways(result, "guided") == "Vik"
    assert "write one step as JSON" in server.requests[1].last
    assert "The l" in server.requests[2].last


def test_a_step_is_held_to_its_form_where_the_server_can(known: Known) -> None:
    known()
    _, server = guided([step("count", where=["paid=yes"])] * 2, "How many have paid?")
    held = server.requests[0].body["response_format"]["json_schema"]
    steps = [one["properties"]["do"]["const"] for one in held["schema"]["anyOf"]]
    assert (held["strict"], steps) == (True, ["answer", "look", "count", "label"])


# Pieces


def test_many_pieces_are_joined_level_by_level_and_one_that_fails_costs_no_other(
    known: Known,
) -> None:
    known("sub", chunk_tokens=250)
    text = "\n".join(f"part {n:03d} " + f"says a{n:03d} " * 60 for n in range(60))
    asked: list[str] = []

    def sub(request: ChatRequest) -> Reply | str:
        asked.append(request.last)
        if "Write one short note" in request.last:
            return " ".join(sorted({w for w in request.last.split() if w[:3] == "key"}))
        if "Write the answer" in request.last:
            return "the end: " + " ".join(w for w in request.last.split() if w[:3] == "key")
        if "part 007" in request.last:
            return Reply("no such piece", status=400)
        named = [w for w in request.last.split() if w[:1] == "a" and w[1:].isdigit()]
        return " ".join([f"key{named[0]}", *["and so on"] * 30]) if named else "NOTHING."

    result, _ = solve([], text, mode="mapreduce", sub=sub)
    assert result.status == "failed"
    assert re.search(r"mapreduce: .*1 of \d+ pieces could not be read", result.error)
    answer = result.answer
    marks = ("Part of", "one short note", "the answer")
    levels = [sum(mark in one for one in asked) for mark in marks]
    assert levels[0] >= 40
    assert levels[1] > 3
    assert levels[2] == 1
    assert answer.startswith("the end: key")
    assert len(set(answer.split())) > 40
    assert "keya007" not in answer
    assert "1 unread" in result.turns[0].observations[0].text
    assert result.coverage > 0.9


@pytest.mark.parametrize("joined", [Reply("refused", status=400), "", "y" * 9_000])
def test_notes_that_cannot_be_joined_are_kept(known: Known, joined: Reply | str) -> None:
    known("sub", chunk_tokens=500)
    text = "\n".join(f"line {n} is about {n * 3}" for n in range(400))
    last: list[str] = []

    def sub(request: ChatRequest) -> Reply | str:
        if "Write one short note" in request.last:
            return joined
        if "Write the answer" in request.last:
            last.append(request.last)
            return "the end"
        found = re.search(r"line (\d+)", request.last)
        return f"NOTE{found and found[1]} " + "z" * 900

    result, server = solve([], text, mode="mapreduce", sub=sub)
    assert ways(result, "mapreduce") == "the end"
    notes = sum("Part of a text" in one.last for one in server.requests)
    assert last[0].count("NOTE") == notes > 5


def test_where_no_piece_can_be_read_there_is_no_answer(known: Known) -> None:
    known()
    result, _ = solve([], SHORT, mode="mapreduce", sub=Reply("refused", status=400))
    assert (result.status, result.answer) == ("failed", None)
    assert "1 of 1 pieces could not be read" in result.error


@pytest.mark.parametrize(
    ("limits", "status"), [(Limits(calls=20), "calls"), (Limits(usd=0.00205), "usd")]
)
def test_a_limit_in_the_middle_gives_the_notes_until_then(
    known: Known, limits: Limits, status: str
) -> None:
    known("sub", chunk_tokens=250)
    text = "\n".join(f"part {n:03d} " + "says more " * 60 for n in range(60))

    def sub(request: ChatRequest) -> Reply | str:
        seen = dict.fromkeys(re.findall(r"part \d+", request.last))
        said = " ".join(f"saw {one}" for one in seen)
        return Reply(said, input_tokens=100, output_tokens=0)

    prices = {"sub": (1.0, 1.0), "root": (1.0, 1.0)}
    result, _ = solve([], text, mode="mapreduce", sub=sub, limits=limits, prices=prices)
    assert result.status == status
    assert 16 <= result.answer.count("saw part") <= 20


# Answers of a type


@pytest.mark.parametrize("said", ["96", "```\n96\n```", "FINAL(96)"])
def test_a_typed_answer_of_each_way(known: Known, said: str) -> None:
    known()
    question = "What number of steps has it?"
    result, _ = solve([said], SHORT, question=question, schema=int, mode="direct")
    assert ways(result, "direct") == 96
    result, _ = solve(
        [step("answer", text="96")], SHORT, question=question, schema=int, mode="guided"
    )
    assert ways(result, "guided") == 96
    assert type(result.answer) is int

    def sub(request: ChatRequest) -> Reply | str:
        return '{"value": 96}' if "Write the answer" in request.last else "It has 96 steps"

    result, _ = solve([], SHORT, question=question, schema=int, mode="mapreduce", sub=sub)
    assert ways(result, "mapreduce") == 96


def test_an_answer_of_steps_that_does_not_fit_is_sent_back(known: Known) -> None:
    known()
    script = [step("answer", text="Sunniva Moe"), step("answer", text="1874")]
    question = "When was the lighthouse at Ramsund of Vik built?"
    result, server = guided(script, question, SHORT, schema=int)
    assert ways(result, "guided") == 1874
    assert "does not fit" in after(server)[1].last


# Contexts of each kind


@pytest.mark.parametrize("mode", ["direct", "rlm", "guided", "mapreduce"])
@pytest.mark.parametrize("kind", ["text", "documents", "list"])
def test_every_way_reads_every_kind_of_context(
    known: Known, tmp_path: Path, mode: Mode, kind: str
) -> None:
    known()
    known("sub", chunk_tokens=250)
    lines = SHORT.splitlines()
    for number, line in enumerate(lines):
        (tmp_path / f"{number}.txt").write_text(line)
    context = {"text": SHORT, "documents": Files([tmp_path / "*.txt"]), "list": lines}[kind]
    script = {
        "direct": ["Sunniva Moe"],
        "rlm": [cell("print(search('Ramsund'))"), cell("FINAL('Sunniva Moe')")],
        "guided": [step("answer", text="Sunniva Moe")],
        "mapreduce": [],
    }[mode]
    question = "Who keeps the lighthouse at Ramsund?"
    result, _ = solve(script, context, question=question, mode=mode, sub=read_pieces)
    assert ways(result, mode) == "Sunniva Moe"
    assert any("Sunniva Moe" in one.text for one in result.evidence)
    if mode in ("direct", "mapreduce"):
        assert result.coverage == 1.0


def test_of_short_documents_a_call_reads_several_each_below_its_name(known: Known) -> None:
    known()
    known("sub", chunk_tokens=250)
    context = {f"letter {n}": f"The hut at Vik{n} is let." for n in range(60)}
    context["letter 60"] = "Sunniva Moe has let it."
    result, server = solve([], context, mode="mapreduce", sub=read_pieces, question="Who let it?")
    assert ways(result, "mapreduce") == "Sunniva Moe"
    assert len(server.requests) < 12
    whole = "\n\n".join(f"{name}\n{text}" for name, text in context.items())
    assert all(part in whole for part in map(_part, server.requests[:-1]))


def _part(request: ChatRequest) -> str:
    return request.last.partition("\n\n")[2].partition("\n\nQuestion")[0]


# Runs that go on


def test_a_run_that_was_cut_short_goes_on_with_the_way_that_it_was_on(
    known: Known, tmp_path: Path
) -> None:
    known()
    journal = tmp_path / "journal.db"

    def script(request: ChatRequest) -> str:
        if '"do"' not in str(request.messages[0]["content"]):
            return NO_CODE
        if request.last.startswith("Output"):
            return step("answer", text="Vik")
        return step("look", **{"for": "Sunniva"})

    with ScriptedServer(script, api_key=KEY) as server:

        def rlm(turns: int) -> RLM:
            options: dict[str, Any] = {"api_key": KEY, "journal": journal}
            return RLM("root", base_url=server.base_url, limits=Limits(turns=turns), **options)

        stream = rlm(9).stream("Where was she born?", SHORT)
        for event in stream:
            if isinstance(event, events.TurnEnded) and event.turn == 4:
                stream.stop()
        cut = stream.result()
        assert cut.ways == ("rlm", "guided")
        before = len(server.requests)
        known(pack="coder", effective=9_000)  # what is known by now does not change what was
        result = rlm(9).resume(cut.run_id)
        assert ways(result, "rlm", "guided") == "Vik"
        assert len(server.requests) - before <= 1
    again = RLM.replay(result.run_id, journal=journal)
    assert ways(again, "rlm", "guided") == "Vik"


def test_pieces_are_gone_on_with_whatever_is_known_by_now(known: Known, tmp_path: Path) -> None:
    known()
    known("sub", chunk_tokens=250)
    text = "\n".join(f"part {n:03d} " + "says more " * 60 for n in range(60))
    stopping = threading.Event()

    def script(request: ChatRequest) -> Reply | str:
        if request.model == "root":
            return NO_CODE
        if "part 030" in request.last and not stopping.is_set():
            stopping.set()
            return Reply("late", latency_s=20)
        return "the end" if "Write the answer" in request.last else "NOTE"

    with ScriptedServer(script, api_key=KEY) as server:
        options: dict[str, Any] = {"api_key": KEY, "journal": tmp_path / "journal.db"}
        rlm = RLM("root", sub_model="sub", base_url=server.base_url, **options)
        stream = rlm.stream("What is the end?", text)

        def stop() -> None:
            stopping.wait(60)
            stream.stop()

        threading.Thread(target=stop, daemon=True).start()
        cut = stream.result()
        assert (cut.status, cut.ways) == ("cancelled", ("rlm", "guided", "mapreduce"))
        known(pack="coder")
        before = len(server.requests)
        rlm = RLM("root", sub_model="sub", base_url=server.base_url, **options)
        result = rlm.resume(cut.run_id)
        assert ways(result, "rlm", "guided", "mapreduce") == "the end"
        assert all(one.model == "sub" for one in server.requests[before:])
    again = RLM.replay(result.run_id, journal=options["journal"])
    assert ways(again, "rlm", "guided", "mapreduce") == "the end"

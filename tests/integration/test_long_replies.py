"""Replies that an output limit cuts: gone on with without a seam, within what may be spent."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from runs import KEY, cell, solve
from support import ScriptedServer
from unspool import RLM, Limits, events
from unspool.errors import ModelRefused
from unspool.testing.script import ChatRequest, Reply, is_sub_call

CUT = "cut off at the output limit"
ROWS = [f"row {number * number} of {number}" for number in range(300)]
PROGRAM = (
    "rows = [\n" + "".join(f"    {row!r},\n" for row in ROWS) + "]\nFINAL([row for row in rows])"
)

Manner = Callable[[str, int], tuple[str, int]]
"""How a model goes on with a reply that was cut at a place: what it writes first, and from
which place on it then writes the reply again."""


def _last_line(whole: str, cut: int) -> int:
    return whole.rindex("\n", 0, len(whole[:cut].rstrip())) + 1


MANNERS: dict[str, Manner] = {
    "as it was asked to": lambda whole, cut: ("", _last_line(whole, cut)),
    "in a fence of its own": lambda whole, cut: ("```repl\n", _last_line(whole, cut)),
    "after some words": lambda whole, cut: ("Sure, on:\n```repl\n", _last_line(whole, cut)),
    "with its last words": lambda whole, cut: ("", cut - 30),
    "where it stopped": lambda whole, cut: ("", cut),
}


class Limited:
    """A server whose replies end after so many characters, whatever the reply is to be."""

    def __init__(self, whole: Callable[[ChatRequest], str], chars: int, manner: Manner) -> None:
        self._whole, self._chars, self._manner = whole, chars, manner

    def __call__(self, request: ChatRequest) -> Reply:
        """What comes next follows from the request alone: one that was lost is made again."""
        whole = self._whole(request)
        first, at, end = "", 0, self._chars
        asked = [str(one["content"]) for one in request.messages if one["role"] == "user"]
        for _ in itertools.takewhile(lambda text: CUT in text, reversed(asked)):
            first, at = self._manner(whole, end)
            end = at + self._chars
        return Reply(first + whole[at:end], finish_reason="stop" if end >= len(whole) else "length")


@pytest.mark.parametrize("manner", MANNERS)
@pytest.mark.parametrize("chars", [1_500, 1_777])
def test_a_program_that_was_cut_is_gone_on_with_as_if_it_had_not_been(
    manner: str, chars: int
) -> None:
    whole = f"The rows:\n```repl\n{PROGRAM}\n```\nThat is all."
    server = Limited(lambda request: whole, chars, MANNERS[manner])
    result, asked = solve(server, "row 1")
    assert (result.status, result.answer) == ("complete", ROWS)
    assert [turn.reply for turn in result.turns] == [whole]
    assert len(asked.requests) > len(whole) / chars
    sent = [request.messages for request in asked.requests]
    assert all(later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(sent))


@pytest.mark.parametrize("cut", ["```", "```re", "```repl", "Well:\n```repl"])
def test_a_cut_in_the_line_that_opens_a_block_leaves_the_block(cut: str) -> None:
    whole = "```repl\nFINAL(context[:3])\n```"
    script = [Reply(cut, finish_reason="length"), Reply(whole)]
    result, server = solve(script, "abcdef")
    assert (result.status, result.answer, len(server.requests)) == ("complete", "abc", 2)


def test_a_cut_within_a_text_and_one_within_reasoning_leave_no_seam() -> None:
    text = "".join(f"Line {n} tells of {n * n}.\n" for n in range(200))
    whole = f'<think>{text}</think>\n```repl\nFINAL(str("""{text}"""))\n```'
    for chars in (1_700, 5_000):
        result, _ = solve(Limited(lambda request: whole, chars, MANNERS["as it was asked to"]))
        assert (result.status, result.answer) == ("complete", text)


def test_what_was_written_early_is_not_run_again() -> None:
    whole = "```repl\n" + "".join(f"print({n!r} * 2)\n" for n in ROWS) + "FINAL(len(context))\n```"
    server = Limited(lambda request: whole, 4_000, MANNERS["in a fence of its own"])
    result, _ = solve(server, "abc", early=True)
    assert (result.answer, len(result.turns)) == (3, 1)
    printed = "".join(one.stdout.text for one in result.turns[0].observations)
    assert printed == "".join(f"{row}{row}\n" for row in ROWS)


@pytest.mark.parametrize("manner", MANNERS)
def test_replies_to_sub_calls_are_gone_on_with_those_with_a_schema_too(manner: str) -> None:
    listed = "[\n" + ",\n".join(f'"{row}"' for row in ROWS) + "\n]"
    prose = "\n".join(ROWS)

    def whole(request: ChatRequest) -> str:
        if not is_sub_call(request):
            return cell(
                "a = llm_query('list them', schema=list[str])\n"
                "b = llm_query('tell of them')\nFINAL([a, b])"
            )
        return f'{{"value": {listed}}}' if "list" in str(request.messages[0]) else prose

    limited = Limited(whole, 2_000, MANNERS[manner])
    if "fence" in manner or "some words" in manner:
        limited = Limited(whole, 2_000, lambda text, cut: ("", _last_line(text, cut)))
    result, server = solve(limited)
    assert result.answer == [ROWS, prose]
    rest = [one for one in server.requests if is_sub_call(one) and CUT in one.last]
    assert len(rest) >= 4
    assert not any("response_format" in request.body for request in rest)
    assert len(result.turns[0].sub_calls) == 2 + len(rest)


def test_a_reply_that_says_the_same_without_end_is_not_gone_on_with() -> None:
    looping = Reply("```repl\n" + "print('again')\n" * 400, finish_reason="length")
    _, server = solve(lambda request: looping, limits=Limits(turns=2))
    assert len(server.requests) == 3
    asking = cell("FINAL(len(llm_query('p')))")
    result, server = solve([asking], sub=Reply("and so on, " * 400, finish_reason="length"))
    assert (result.answer, len(server.requests)) == (4_400, 2)


@pytest.mark.parametrize(("pack", "most"), [("small", 2), ("coder", 9)])
def test_a_reply_that_never_comes_to_an_end_costs_so_much_and_no_more(pack: str, most: int) -> None:
    """A model whose replies are bounded on purpose is asked to go on once, and then only where
    it was within code."""

    def rambles(code: str) -> int:
        count = itertools.count()

        def script(request: ChatRequest) -> Reply:
            lines = "".join(f"x{next(count)} = 1 + {next(count)}\n" for _ in range(90))
            return Reply(lines if CUT in request.last else code + lines, finish_reason="length")

        result, server = solve(script, pack=pack, limits=Limits(turns=1))
        assert result.status == "turns"
        return len(server.requests)

    assert rambles("```repl\n") == 2 * most
    assert rambles("I think that ") == (2 if pack == "small" else 2 * most)


def test_what_has_run_already_is_not_worth_more() -> None:
    rambling = cell("print(context)") + " ".join(f"Then {n} comes." for n in range(400))
    result, server = solve([Reply(rambling, finish_reason="length"), cell("FINAL(context)")])
    assert (result.answer, len(server.requests)) == ("the text", 2)


def test_a_limit_ends_the_parts_and_what_has_come_counts() -> None:
    whole = cell(PROGRAM)
    result, server = solve(
        Limited(lambda request: whole, 1_500, MANNERS["where it stopped"]),
        limits=Limits(calls=3),
    )
    assert (result.status, len(server.requests)) == ("calls", 3)
    assert result.turns[0].reply.startswith(whole[:3_000])


def test_reasoning_that_takes_all_the_room_is_given_more_once_and_then_told_of() -> None:
    def thinks(times: int) -> Callable[[ChatRequest], Reply]:
        left = iter([Reply("", finish_reason="length", output_tokens=99)] * times)
        return lambda request: next(left, Reply(cell("FINAL(context)")))

    result, server = solve(thinks(1))
    assert (result.answer, len(server.requests)) == ("the text", 2)
    assert "all of it was reasoning" in server.requests[1].last
    result, server = solve(thinks(1), pack="small", question="the text?")
    assert [request.max_tokens for request in server.requests[:2]] == [400, 800]
    with pytest.raises(ModelRefused, match="its whole output, 99 tokens, on reasoning, twice"):
        solve(thinks(2))


def test_a_sub_call_that_only_reasons_is_an_error_in_the_cell() -> None:
    code = "try:\n    llm_query('hm')\nexcept LLMError as e:\n    FINAL(str(e))"
    result, server = solve([cell(code)], sub=Reply("", finish_reason="length"))
    assert "on reasoning, twice" in result.answer
    assert len(server.requests) == 3


def test_parts_are_in_the_record_and_paid_for_once(tmp_path: Path) -> None:
    """Also where the process ended between two of them: here, as a limit does."""
    whole = cell(f"seen = llm_query('tell of them')\n{PROGRAM}")
    journal = tmp_path / "j.db"

    def texts(request: ChatRequest) -> str:
        return "\n".join(ROWS) if is_sub_call(request) else whole

    with ScriptedServer(
        Limited(texts, 2_500, MANNERS["as it was asked to"]), api_key=KEY
    ) as server:
        options = {"base_url": server.base_url, "api_key": KEY, "sub_model": "sub"}
        rlm = RLM("root", journal=journal, **options)  # type: ignore[arg-type]
        stream = rlm.stream("what?", "row 1")
        parts = 0
        for event in stream:
            parts += isinstance(event, events.ReplyCut)
            if parts == 2:
                stream.stop()
        cut_short = stream.result()
        assert cut_short.status == "cancelled"
        paid = len(server.requests)
        result = rlm.resume(cut_short.run_id)
        assert (result.status, result.answer) == ("complete", ROWS)
        assert result.recorded.calls in (paid, paid - 1)
        asked = len(server.requests)
        assert result.usage.calls + result.usage.lost_calls >= asked - 1
        again = RLM.replay(result.run_id, journal)
        assert (again.answer, again.usage.calls) == (ROWS, result.usage.calls)
        assert len(server.requests) == asked
        assert again.turns[0].reply == whole

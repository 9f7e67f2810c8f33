"""Second opinions: several runs of one question, compared, within one set of limits."""

from __future__ import annotations

import itertools
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from history import journal
from runs import KEY, cell
from support import ScriptedServer
from unspool import RLM, ConfigurationError, Limits, ModelError, Result, Usage, events
from unspool.cli.main import main
from unspool.testing.script import ChatRequest, Reply

Script = Callable[[ChatRequest], Reply | str]


EXAMPLES = 2
"""Replies that the pack shows the model, which are no turns."""


def mine(request: ChatRequest) -> int:
    """The number of the run that asks; 0 is that of the first."""
    found = re.search(r"mine is (\d+)", str(request.messages))
    return int(found[1]) if found else -1


def each(
    *answers: str, turns: Sequence[str] = ("print(len(context))",), sampled: bool = False
) -> Script:
    """The first run ends with the first answer, the next one with the next, and so on.

    The first is known by its temperature, unless all are samples; later on, each is known by
    the output of its first cell, which shows its number.
    """
    begun = itertools.count(0 if sampled else 1)

    def script(request: ChatRequest) -> Reply | str:
        if request.model == "sub":
            return f"<{request.last}>"
        done = request.assistant_count - EXAMPLES
        if not done:
            first = request.body["temperature"] == 0 and not sampled
            number = 0 if first else next(begun)
            return cell(f"mine = {number}\nprint('mine is', mine)")
        return cell([*turns, f"FINAL(eval({answers[mine(request)]!r}))"][done - 1])

    return script


@pytest.fixture
def served() -> Iterator[Callable[..., tuple[RLM, ScriptedServer]]]:
    servers: list[ScriptedServer] = []

    def serve(
        script: Script, *, counted: bool = True, **options: Any
    ) -> tuple[RLM, ScriptedServer]:
        server = ScriptedServer(script, api_key=KEY, counted=counted)
        server.__enter__()
        servers.append(server)
        given: dict[str, Any] = {
            "base_url": server.base_url,
            "api_key": KEY,
            "sub_model": "sub",
            "pack": "small",
        }
        given |= options
        return RLM("root", **given), server

    yield serve
    for server in servers:
        server.__exit__()


Serve = Callable[..., tuple[RLM, ScriptedServer]]


def votes(result: Result) -> list[tuple[Any, str, int, bool]]:
    return [(one.answer, one.status, one.votes, one.chosen) for one in result.opinions]


@pytest.mark.parametrize(("always", "now"), [(False, True), (True, None)])
def test_two_runs_that_agree_verify_an_answer(
    served: Serve, always: bool, now: bool | None
) -> None:
    rlm, server = served(each("'Leith'", "'leith.'"), verify=always)
    result = rlm.run("where?", "text", verify=now)
    assert (result.verified, result.doubt, result.status) == (True, "", "complete")
    assert votes(result) == [("Leith", "complete", 2, True), ("leith.", "complete", 2, False)]
    assert result.usage.calls == len(server.exchanges) == 6
    assert sum(one.usage.calls for one in result.opinions) == 6
    assert [one.run_id for one in result.opinions] == [result.run_id, f"{result.run_id}.opinion2"]


def test_a_plain_run_has_no_opinions(served: Serve) -> None:
    rlm, _ = served(each("1"))
    result = rlm.run("where?", "text", verify=False, samples=1)
    assert (result.verified, result.doubt, result.opinions) == (None, "", ())


def test_the_second_run_differs_from_the_first_where_it_would_be_the_same(served: Serve) -> None:
    """With a pack that asks at temperature 0, and with sub-calls of its own."""
    script = each("x", "x", turns=["x = llm_query(context)\nprint(x)"])
    rlm, server = served(script)
    assert rlm.run("where?", "the same text", verify=True).verified
    asked = [one.body for one in server.requests if one.model == "root"]
    assert sorted({one["temperature"] for one in asked}) == [0.0, 0.7]
    assert [one.model for one in server.requests].count("sub") == 2
    openings = {json.dumps(one["messages"]) for one in asked if len(one["messages"]) == 6}
    assert len(openings) == 1, "a prompt cache has read it already"


@pytest.mark.parametrize(
    ("answers", "answer", "verified"),
    [(["1", "2", "2"], 2, True), (["1", "2", "1"], 1, True), (["1", "2", "3"], 1, False)],
)
def test_where_two_disagree_a_third_decides(
    served: Serve, answers: list[str], answer: int, verified: bool
) -> None:
    rlm, server = served(each(*answers))
    stream = rlm.stream("which?", "text", verify=True)
    told = list(stream)
    result = stream.result()
    assert (result.answer, result.verified, result.complete) == (answer, verified, True)
    assert len(result.opinions) == 3
    assert (result.doubt == "") == verified
    assert len(server.exchanges) == result.usage.calls == 9
    assert result.turns[-1].reply == cell(f"FINAL(eval('{answer}'))"), (
        "turns are those of the answer's run"
    )
    assert isinstance(told[-1], events.RunEnded)
    assert told[-1].result is result
    ended = [one.run_id for one in told if isinstance(one, events.RunEnded)]
    assert sorted(ended) == sorted(one.run_id for one in result.opinions)


def test_evidence_is_of_the_run_whose_answer_counts(served: Serve) -> None:
    text = "the Ravenna was built at Leith\nthe Ravenna was sold to Hull\n"
    answers = ("'Hull'", "'Leith'", "'Leith'")
    rlm, _ = served(each(*answers, turns=["print(context.splitlines()[mine == 0])"]))
    result = rlm.run("where was the Ravenna built?", text, verify=True)
    assert result.answer == "Leith"
    assert [span.line for span in result.evidence] == [1]


def test_longer_texts_that_differ_are_not_called_wrong(served: Serve) -> None:
    said = [f"'This is what {who} wrote of it. And so it goes on. ' * 9" for who in ("Ann", "Bob")]
    rlm, server = served(each(*said))
    result = rlm.run("Summarise it.", "text", verify=True)
    assert result.verified is None
    assert "worded differently" in result.doubt
    assert len(server.exchanges) == 6, "a third would differ as well"


@pytest.mark.parametrize("limits", [Limits(calls=4), Limits(calls=6)])
def test_a_second_opinion_that_cannot_be_paid_for_says_so(served: Serve, limits: Limits) -> None:
    rlm, server = served(each("1", "1"), limits=limits)
    result = rlm.run("which?", "text", verify=True)
    assert (result.answer, result.complete, result.verified) == (1, True, None)
    assert result.doubt == "the limits leave no room for another run"
    assert len(server.exchanges) == 3


@pytest.mark.parametrize("limits", [Limits(calls=7), Limits(tokens=8_000), Limits(seconds=60)])
def test_a_second_opinion_that_can_be_paid_for_is_had(served: Serve, limits: Limits) -> None:
    rlm, _ = served(each("1", "1"), limits=limits)
    result = rlm.run("which?", "text", verify=True)
    assert (result.verified, result.doubt) == (True, "")


def test_a_third_that_cannot_be_paid_for_leaves_the_first_and_says_so(served: Serve) -> None:
    rlm, server = served(each("1", "2", "2"), limits=Limits(calls=8))
    result = rlm.run("which?", "text", verify=True)
    assert (result.answer, result.complete, result.verified) == (1, True, False)
    assert result.doubt == (
        "the runs came to different answers; the limits leave no room for another run"
    )
    assert votes(result) == [(1, "complete", 1, True), (2, "complete", 1, False)]
    assert result.usage.calls == len(server.exchanges) == 6


def test_with_limits_as_many_samples_are_made_as_can_be_paid_for(served: Serve) -> None:
    rlm, server = served(each("1", "2", "2", "2", "2", sampled=True), limits=Limits(calls=12))
    result = rlm.run("which?", "text", samples=5)
    assert (result.answer, result.verified, len(result.opinions)) == (2, True, 3)
    assert result.usage.calls == len(server.exchanges) == 9


def test_what_most_samples_say_counts_and_the_rest_is_given_up(served: Serve) -> None:
    """The last of five would never answer: three that agree are enough."""
    fast = each("7", "8", "7", "7", "9", sampled=True)

    def script(request: ChatRequest) -> Reply | str:
        reply = fast(request)
        if mine(request) == 4 and request.assistant_count == EXAMPLES + 2:
            return Reply(str(reply), latency_s=60.0)
        return reply

    rlm, server = served(script)
    result = rlm.run("which?", "text", samples=5)
    assert (result.answer, result.verified) == (7, True)
    told = sorted(votes(result), key=str)
    assert told.count((7, "complete", 3, False)) == 2
    assert told.count((7, "complete", 3, True)) == 1
    [last] = [one for one in result.opinions if one.status == "cancelled"]
    assert (last.votes, last.chosen) == (0, False)
    assert result.usage == sum((one.usage for one in result.opinions), Usage())
    assert {one.body["temperature"] for one in server.requests} == {0.7}


def test_samples_that_ask_the_same_ask_once(served: Serve) -> None:
    script = each("x", "x", "x", sampled=True, turns=["x = llm_query(context)\nprint(x)"])
    rlm, server = served(script)
    result = rlm.run("which?", "text", samples=3)
    assert result.verified
    assert [one.model for one in server.requests].count("sub") == 1


def test_a_second_run_that_fails_costs_no_answer(served: Serve) -> None:
    first = each("1", "1")

    def script(request: ChatRequest) -> Reply | str:
        reply = first(request)
        return Reply("no more", status=400) if mine(request) == 1 else reply

    rlm, _ = served(script)
    result = rlm.run("which?", "text", verify=True)
    assert (result.answer, result.complete, result.verified) == (1, True, None)
    assert "failed" in result.doubt
    assert sorted(one.status for one in result.opinions) == ["complete", "failed"]


def test_where_all_fail_the_first_says_why(served: Serve) -> None:
    rlm, _ = served(lambda request: Reply("no more", status=400))
    with pytest.raises(ModelError, match="no more"):
        rlm.run("which?", "text", verify=True)


def test_a_run_that_is_stopped_gives_what_there_is_and_can_be_resumed(
    served: Serve, tmp_path: Path
) -> None:
    fast, slow = each("1", "1"), [True]

    def script(request: ChatRequest) -> Reply | str:
        if slow[0] and mine(request) == 1:
            return Reply(cell("print(1)"), latency_s=60.0)
        return fast(request)

    rlm, server = served(script, journal=tmp_path / "j.db")
    stream = rlm.stream("which?", "text", verify=True)
    for event in stream:
        if isinstance(event, events.CellEnded) and event.observation.finished:
            break
    stream.stop()
    result = stream.result()
    assert (result.answer, result.status, result.verified) == (1, "cancelled", None)
    slow[0], before = False, server.usage.calls
    again = rlm.resume(result.run_id)
    assert (again.answer, again.status, again.verified) == (1, "complete", True)
    assert again.recorded.calls + server.usage.calls - before == again.usage.calls == 6
    assert rlm.resume(result.run_id).opinions == again.opinions


VICTIM = """
import sys
from unspool import RLM
from unspool.events import RunStarted
base_url, journal, key = sys.argv[1:]
rlm = RLM("root", base_url=base_url, api_key=key, sub_model="sub", journal=journal, pack="small")
for event in rlm.stream("which?", "text", verify=True):
    if isinstance(event, RunStarted) and event.parent_id is None:
        print(event.run_id, flush=True)
"""


@pytest.mark.parametrize("answers", [("x", "x"), ("x", "[x, 2]", "x")])
def test_a_run_that_is_killed_in_its_last_opinion_pays_nothing_twice(
    served: Serve, tmp_path: Path, answers: tuple[str, ...]
) -> None:
    """Sub-calls that are the same had other replies in each run, and have them again."""
    replies = iter(range(100))
    fast = each(*answers, turns=["x = llm_query(context)[:4]\nprint(x)"])
    victim: list[subprocess.Popen[str]] = []

    def script(request: ChatRequest) -> Reply | str:
        if request.model == "sub":
            return f"abcd{next(replies)}"
        last = mine(request) == len(answers) - 1
        if victim and last and request.assistant_count == EXAMPLES + 2:
            victim.pop().kill()
            return Reply("too late", latency_s=60.0)
        return fast(request)

    rlm, server = served(script, counted=False, journal=tmp_path / "j.db")
    words = [sys.executable, "-c", VICTIM, server.base_url, str(tmp_path / "j.db"), KEY]
    victim.append(subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ))
    [process] = victim
    run_id = process.communicate(timeout=60)[0].strip()
    before = len(server.exchanges)
    result = rlm.resume(run_id)
    assert (result.answer, result.verified, result.complete) == ("abcd", True, True)
    assert len(result.opinions) == len(answers)
    asked = len(server.exchanges) - before
    assert result.recorded.calls + asked == result.usage.calls == 4 * len(answers)


def test_a_recorded_verdict_is_told_again(served: Serve, tmp_path: Path) -> None:
    """From the journal, in a replay, from an exported file; and is redacted with the run."""
    rlm, server = served(
        each("1", "{'quagga': {1, 2}}", "{'quagga': {2, 1}}"), journal=tmp_path / "j.db"
    )
    result = rlm.run("which?", "text", verify=True)
    before = len(server.exchanges)
    for again in (rlm.resume(result.run_id), RLM.replay(result.run_id, tmp_path / "j.db")):
        assert (again.answer, again.verified) == ({"quagga": {1, 2}}, True)
        assert [one.answer for one in again.opinions] == [1, {"quagga": {1, 2}}, {"quagga": {1, 2}}]
        assert again.turns[-1].reply == result.turns[-1].reply
    one = journal(tmp_path / "j.db")
    plain, _ = one.export(result.run_id)
    (tmp_path / "run.json").write_text(json.dumps(plain))
    assert RLM.replay(tmp_path / "run.json").verified
    assert len(server.exchanges) == before
    one.redact(result.run_id)
    assert "quagga" not in str(one.past(one.row(result.run_id)).events)


def test_a_fork_is_one_of_the_first_run(served: Serve, tmp_path: Path) -> None:
    rlm, server = served(each("1", "2", "2"), journal=tmp_path / "j.db")
    result = rlm.run("which?", "text", verify=True)
    before = len(server.exchanges)
    forked = rlm.fork(result.run_id, 3)
    assert (forked.answer, forked.opinions) == (1, ())
    assert (forked.recorded.calls, len(server.exchanges) - before) == (2, 1)


@pytest.mark.parametrize(
    "given", [{"samples": 0}, {"samples": True}, {"samples": 99}, {"verify": 1}]
)
def test_what_makes_no_sense_is_refused(served: Serve, given: dict[str, Any]) -> None:
    rlm, server = served(each("1"))
    with pytest.raises(ConfigurationError, match=next(iter(given))):
        rlm.run("which?", "text", **given)
    assert not server.exchanges


def test_a_conversation_has_no_second_opinions(served: Serve) -> None:
    rlm, _ = served(each("1"), verify=True)
    with pytest.raises(ConfigurationError, match="variables"):
        rlm.session("text")


def test_the_command_line_says_what_the_runs_came_to(
    served: Serve, newcomer: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, server = served(each("'Leith'", "'Hull'", "'Ulm'"))
    text, file = newcomer / "a.txt", str(newcomer / "j.db")
    text.write_text("the text")
    words = ["where?", str(text), "--model", "root-1b", "--base-url", server.base_url]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        assert main(["ask", *words, "--verify", "--journal", file]) == 0
    out, err = capsys.readouterr()
    assert out == "Leith\n"
    assert "NOT verified, 1 of 3 runs came to it: the runs came to different answers" in err
    run_id = re.findall(r"^run (\w+)$", err, re.MULTILINE)[0]
    assert f"run {run_id}.opinion2 says: Hull" in err
    assert main(["show", run_id, "--journal", file]) == 0
    shown = capsys.readouterr().out
    for line in (f"run {run_id}.opinion3 of the same question:", "  answer: Ulm", "answer: Leith"):
        assert line in shown.splitlines()
    assert f"run {run_id}: 1 vote, chosen; 3 calls" in shown
    assert "paid in all: 9 calls" in shown

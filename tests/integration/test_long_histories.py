"""Histories longer than the root model's window: summed up, and still there as `history`."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from runs import KEY, cell, solve
from support import ScriptedServer
from unspool import RLM, Limits, events
from unspool.errors import ContextTooLong
from unspool.testing.script import Answerer, ChatRequest, Reply

WINDOW = 8_192
TURNS = 100
LEFT_FOR_REPLY = 512
LIMITS = Limits(turns=TURNS + 5)


def strict(script: Answerer, window: int = WINDOW) -> Answerer:
    """A server that refuses what does not fit in its model's window."""

    def answer(request: ChatRequest) -> Reply | str:
        tokens = request.prompt_chars // 4 + (request.max_tokens or LEFT_FOR_REPLY)
        if tokens > window:
            return Reply(
                f"This model's maximum context length is {window} tokens.",
                status=400,
                error_code="context_length_exceeded",
            )
        return script(request)

    return answer


def looking(
    turns: int = TURNS, last: str = "FINAL([len(history), history[2][1], sum(seen)])"
) -> Answerer:
    """A root that shows something else in each turn, and at last what it had seen."""
    count = itertools.count(1)

    def answer(request: ChatRequest) -> Reply | str:
        turn = next(count)
        if turn > turns:
            return cell(last)
        kept = "seen = []\n" if turn == 1 else ""
        return cell(
            f"{kept}seen.append({turn})\nprint('Ravenna{turn} in {1900 + turn}', 'x' * 700)"
        )

    return answer


def _refused(server: ScriptedServer) -> int:
    return sum(one.reply.status == 400 for one in server.exchanges)


def _profile(home: Path, monkeypatch: pytest.MonkeyPatch, window: int) -> None:
    monkeypatch.setenv("UNSPOOL_HOME", str(home))
    folder = home / "profiles"
    folder.mkdir()
    text = f'models = ["root"]\npack = "coder"\nwindow_tokens = {window}\n'
    (folder / "mine.toml").write_text(text)


@pytest.mark.parametrize("known", [True, False])
def test_a_hundred_turns_fit_in_a_small_window(
    known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is refused where the window is known; else some refusals tell what it is."""
    if known:
        _profile(tmp_path, monkeypatch, WINDOW)
    result, server = solve(strict(looking()), "the text", limits=LIMITS)
    assert result.status == "complete"
    messages, first, total = result.answer
    assert (messages, total) == (2 * TURNS + 1, sum(range(1, TURNS + 1)))
    assert first == result.turns[0].feedback
    refused = _refused(server)
    assert refused == 0 if known else 1 <= refused <= 3
    sent = [one.request.messages for one in server.exchanges if one.reply.status == 200]
    opening = sent[0]
    assert all(one[: len(opening)] == opening for one in sent)
    grown = [later[: len(earlier)] == earlier for earlier, later in itertools.pairwise(sent)]
    assert 1 <= grown.count(False) <= 12
    roles = [[one["role"] for one in request[1:]] for request in sent]
    assert all(one == ["user", "assistant"] * (len(one) // 2) + ["user"] for one in roles)


def test_what_is_summed_up_says_what_there_is_and_what_was_done() -> None:
    result, server = solve(strict(looking()), "the text", limits=LIMITS)
    assert result.complete
    last = server.requests[-1].messages
    summary = next(one["content"] for one in last if "turns up to" in str(one["content"]))
    assert "seen: list[" in summary
    assert "seen.append(" in summary
    assert "`history`" in summary
    number = int(summary.partition("turns up to ")[2].split()[0])
    assert f"{number}: seen.append({number}) -> Ravenna{number} in {1900 + number}" in summary
    assert "The question: what?" in last[-1]["content"]


def test_a_run_that_was_stopped_sums_up_the_same_again(tmp_path: Path) -> None:
    journal = tmp_path / "j.db"
    code = "print([one[1][:60] for one in history[-4:]], len(history))"
    script = looking(40, code)
    with ScriptedServer(strict(script), api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY, limits=LIMITS, journal=journal)
        stream = rlm.stream("what?", "the text")
        shortened = 0
        for event in stream:
            shortened += isinstance(event, events.HistoryShortened)
            if isinstance(event, events.TurnStarted) and event.turn == 44:
                stream.stop()
        stopped = stream.result()
    assert (stopped.status, shortened > 0) == ("cancelled", True)
    with ScriptedServer(strict(looking(0, "FINAL(len(history))")), api_key=KEY) as server:
        rlm = RLM("root", base_url=server.base_url, api_key=KEY, limits=LIMITS, journal=journal)
        result = rlm.resume(stopped.run_id)
        assert result.complete
        assert len(server.requests) == 1
    assert RLM.replay(result.run_id, journal).answer == result.answer


def test_a_variable_of_that_name_stays_the_models_own() -> None:
    last = "FINAL(history)"

    def own(request: ChatRequest) -> Reply | str:
        answer = script(request)
        text = answer if isinstance(answer, str) else answer.text
        return text.replace("seen = []", "seen = []\nhistory = ['mine']")

    script = looking(40, last)
    result, _ = solve(strict(own), "the text", limits=LIMITS)
    assert result.answer == ["mine"]


def test_an_opening_that_does_not_fit_is_refused_as_ever() -> None:
    with pytest.raises(ContextTooLong):
        solve(strict(looking(), window=600), "the text")


def test_one_turn_that_is_too_long_is_shown_in_part() -> None:
    wide = cell("print('begin', *range(9_000), 'end')")
    script = iter([wide, wide, cell("FINAL(len(history))")])
    result, server = solve(strict(lambda request: next(script), window=5_000), "the text")
    assert (result.status, result.answer) == ("complete", 5)
    assert "characters cut" in server.requests[-1].last

"""What older turns are summed up in keeps within its room, whatever they were."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unspool.engine.long.messages import LEAST_CHARS, MESSAGE_TOKENS, TELLING_CHARS, Messages
from unspool.engine.long.short import Exchange, in_short
from unspool.types import Cell, Clip, Completion, Message, Observation, Usage

TEXT = st.text(max_size=3_000)
LABELS = 400
"""Characters that say what is what."""


@st.composite
def exchanges(draw: st.DrawFn) -> Exchange:
    code, shown, error = draw(TEXT), draw(TEXT), draw(TEXT)
    names = tuple(draw(st.lists(st.text(max_size=80), max_size=40)))
    seen = Observation(Cell(code, 1), stdout=Clip(shown), error=error, names=names)
    output = f"Output:\n{shown}"
    return Exchange(1, code, output, f"{output}\n\nGo on.", (seen,) * draw(st.integers(0, 2)))


TURNS = st.lists(exchanges(), min_size=1, max_size=12)


@given(TURNS, st.integers(0, 6_000))
def test_a_summary_has_room_in_what_there_is(turns: list[Exchange], room: int) -> None:
    assert len(in_short(turns, room)) <= room + LABELS


@given(TURNS, st.integers(1_500, 20_000))
def test_what_is_sent_keeps_within_the_share_that_it_may_have(
    turns: list[Exchange], window: int
) -> None:
    opening = (Message("system", "x" * TELLING_CHARS), Message("user", "what?"))
    messages = Messages(opening, window_tokens=window, share=0.6, reply_tokens=100)
    for turn in turns:
        before = messages.now
        chars = sum(len(one.content) for one in before)
        messages.add(turn, Completion("", Usage(calls=1, input_tokens=chars // 4), "m"))
        now = messages.now
        assert now[:2] == opening
        assert [one.role for one in now[1:]] == ["user", "assistant"] * (len(now) // 2 - 1) + [
            "user"
        ]
        tokens = sum(len(one.content) for one in now) / 4 + MESSAGE_TOKENS * len(now)
        least = (TELLING_CHARS + LEAST_CHARS + 2 * LABELS) / 4
        assert tokens <= max(0.6 * window, least) + 100
        assert now[: len(before)] == before or messages.told() is not None

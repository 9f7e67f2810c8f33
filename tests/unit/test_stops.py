"""Where a reply ends."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from unspool.models.stops import Until, before

FEW = st.text("ab", max_size=12)


@given(st.lists(FEW), st.lists(st.text("ab", max_size=4), max_size=3))
def test_pieces_are_handed_over_up_to_where_the_whole_is_cut(
    pieces: list[str], stops: list[str]
) -> None:
    handed: list[str] = []
    until = Until(handed.append, stops)
    for piece in pieces:
        until(piece)
    until.end()
    assert "".join(handed) == before("".join(pieces), stops)
    assert all(handed)


def test_what_cannot_begin_a_stop_text_is_not_held_back() -> None:
    handed: list[str] = []
    until = Until(handed.append, ["END"])
    for piece in ("one E", "two ", "EN", "D three"):
        until(piece)
    assert handed == ["one ", "Etwo "]

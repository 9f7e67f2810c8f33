"""What the votes of several runs come to."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.opinions.poll import Count, Poll, Vote

NEW = "somebody else's"


@given(st.lists(st.sampled_from("abc"), max_size=5), st.integers(0, 3))
def test_it_is_decided_when_no_vote_that_may_come_can_change_it(cast: list[str], left: int) -> None:
    votes = {number: Vote(key) for number, key in enumerate(cast)}
    ends = itertools.product([None, NEW, *"abc"], repeat=left)
    winners = set()
    for end in ends:
        keys = [*cast, *(one for one in end if one is not None)]
        most = max((keys.count(key) for key in keys), default=0)
        best = {key for key in keys if keys.count(key) == most}
        winners.add(best.pop() if len(best) == 1 else None)
    certain = len(winners) == 1 and None not in winners
    assert Count(votes, left).decided == (certain or left == 0)


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=7), st.integers(0, 3))
def test_a_majority_is_two_at_least_and_more_than_half(cast: list[str], left: int) -> None:
    count = Count({number: Vote(key) for number, key in enumerate(cast)}, left)
    most = max(cast.count(key) for key in cast)
    assert count.has_majority == (most > 1 and most > (len(cast) + left) / 2)
    assert count.winner is not None
    assert count.of(count.winner) == most
    assert cast.index(cast[count.winner]) == count.winner, "the first that came to it"


@pytest.mark.parametrize(("by_price", "winner"), [(True, 2), (False, 1)])
def test_of_answers_with_as_many_votes_the_cheaper_or_the_earlier_wins(
    by_price: bool, winner: int
) -> None:
    votes = {1: Vote("a", (5, 100)), 2: Vote("b", (4, 200))}
    assert Count(votes, by_price=by_price).winner == winner


def test_no_vote_has_no_winner() -> None:
    none = Count({})
    assert (none.winner, none.decided, none.has_majority, none.of(1)) == (None, True, False, 0)


def test_how_many_runs_there_are_to_be() -> None:
    polls = [Poll(), Poll(1, True), Poll(5), Poll(5, True)]
    assert [(bool(one), one.first, one.most) for one in polls] == [
        (False, 1, 1),
        (True, 2, 3),
        (True, 5, 5),
        (True, 5, 6),
    ]
    assert [Poll.of_setup(json.dumps(one.plain())) for one in polls] == polls

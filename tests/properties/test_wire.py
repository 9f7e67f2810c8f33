"""The protocol between host and REPL: values, frames, and whatever else may arrive."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import datetime
import json
import pickle
from dataclasses import dataclass
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from unspool.sandboxes.link import Link
from unspool.sandboxes.worker import wire


@dataclass
class Parcel:
    content: Any
    weight: int


class Stop(NamedTuple):
    first: Any
    last: str


TEXT = st.text(st.characters(), max_size=20)  # lone surrogates among them
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary(max_size=20)
    | st.complex_numbers(allow_nan=False)
    | st.datetimes(timezones=st.none() | st.just(datetime.UTC))
    | st.dates()
    | st.times()
    | st.timedeltas()
    | st.decimals(allow_nan=False)
    | st.fractions()
)
HASHABLE = st.none() | st.booleans() | st.integers() | TEXT | st.tuples(st.integers(), TEXT)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(HASHABLE, inner, max_size=4)
        | st.dictionaries(st.sampled_from(["~int", "~", "a"]), inner, max_size=2)
        | st.sets(HASHABLE, max_size=4)
        | st.frozensets(HASHABLE, max_size=4)
    ),
    max_leaves=12,
)


def same(a: Any, b: Any) -> bool:
    return type(a) is type(b) and a == b and repr(a) == repr(b) if not _unordered(a) else a == b


def _unordered(value: Any) -> bool:
    return "set" in repr(type(value)) or "{" in repr(value)


@given(VALUES)
def test_values_come_out_as_they_went_in(value: Any) -> None:
    frame = wire.pack({"v": wire.encode(value)})
    back = wire.decode(wire.unpack(frame[wire.HEADER_BYTES :])["v"])
    assert same(back, value)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_decoding_never_raises_but_for_its_own_error(data: Any) -> None:
    with contextlib.suppress(wire.WireError):
        wire.decode(json.loads(json.dumps(data, default=str)))


@given(st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)))
def test_what_has_named_fields_is_data_here_and_keeps_its_names_in_a_cell(value: Any) -> None:
    sent = json.loads(wire.dumps(wire.encode([Parcel(value, 1), Stop(value, "x")])))
    assert wire.decode(sent) == [{"content": value, "weight": 1}, (value, "x")]
    assert [type(one) for one in wire.decode(sent)] == [dict, tuple]
    parcel, stop = copy.deepcopy(wire.decode(sent, records=True))
    assert (parcel.content, parcel["weight"], stop.first, stop[1]) == (value, 1, value, "x")
    assert pickle.loads(pickle.dumps(parcel)) == {"content": value, "weight": 1}
    assert wire.encode([parcel, stop]) == wire.encode([dict(parcel), tuple(stop)])


def test_a_value_that_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(wire.WireError, match="contains itself"):
        wire.encode(loop)


class Ends:
    """A link whose frames and end are written down."""

    def __init__(self) -> None:
        self.frames: list[dict[str, Any]] = []
        self.closed = False
        self.link = Link(self.frames.append, lambda: None)
        ends = self

        class Transport(asyncio.Transport):
            def abort(self) -> None:
                ends.closed = True

        self.link.connection_made(Transport())

    def receive(self, data: bytes) -> None:
        """Hands `data` to the link as an event loop does."""
        while data:
            room = self.link.get_buffer(-1)
            part = data[: len(room)]
            room[: len(part)] = part
            self.link.buffer_updated(len(part))
            data = data[len(part) :]


@given(
    st.lists(st.dictionaries(TEXT, TEXT, max_size=3), max_size=5),
    st.lists(st.integers(1, 40), max_size=30),
)
def test_frames_are_the_same_however_they_are_cut(
    messages: list[dict[str, str]], cuts: list[int]
) -> None:
    data = b"".join(map(wire.pack, messages))
    ends = Ends()
    for cut in cuts:
        ends.receive(data[:cut])
        data = data[cut:]
    ends.receive(data)
    assert (ends.frames, ends.closed) == (messages, False)


@given(st.lists(st.binary(max_size=50), max_size=10))
def test_random_bytes_never_raise(chunks: list[bytes]) -> None:
    ends = Ends()
    for chunk in chunks:
        ends.receive(chunk)


def test_a_frame_over_the_limit_ends_the_link_at_once() -> None:
    ends = Ends()
    ends.receive((2**32 - 1).to_bytes(4, "big"))
    assert ends.closed

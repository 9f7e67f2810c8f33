"""A damaged journal: what is whole is read, what is not is named, and nothing is made up."""

from __future__ import annotations

import json
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from history import journal, recorded
from unspool import events
from unspool.errors import JournalError
from unspool.journal.journal import Journal
from unspool.journal.listing import FIXED, RunRow
from unspool.journal.reading import Past
from unspool.journal.sharing import read
from unspool.recorded import result_of


@dataclass(frozen=True)
class Whole:
    """A journal before it is damaged."""

    data: bytes = field(repr=False)
    rows: dict[str, RunRow] = field(repr=False)
    pasts: dict[str, Past] = field(repr=False)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    path = tmp_path_factory.mktemp("whole") / "journal.db"
    for _ in range(2):
        recorded(path)
    one = journal(path)
    one.remove(())  # has all of it in the one file
    rows = {row.id: row for row in one.runs()}
    return Whole(path.read_bytes(), rows, {name: one.past(row) for name, row in rows.items()})


def check(damaged: bytes, whole: Whole) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "journal.db")
        path.write_bytes(damaged)
        with suppress(JournalError):
            check_journal(journal(path), whole)


def check_journal(one: Journal, whole: Whole) -> None:
    listed, faults = one.listed()
    for row in listed:
        for name in FIXED:
            assert getattr(row, name) == getattr(whole.rows[row.id], name)
    assert all(faults)
    for name in whole.rows:
        try:
            row = one.row(name)
        except JournalError:
            continue
        check_run(one, row, whole.pasts[name])
        with suppress(JournalError):
            found = one.context(row)
            assert found is None or found.value == "the context says bobolink"


def check_run(one: Journal, row: RunRow, before: Past) -> None:
    past = one.past(row)
    left = iter(before.events)
    for event in past.events:  # in the same order, and each as it was
        assert any(event == other for other in left)
    # Where its row says that it has not ended, a run without its end is as one that was killed.
    noticed = past.faults or not row.status
    if len(past.events) < len(before.events):
        assert noticed
    answer = result_of(row, past).answer
    assert answer == "gharial-gharial" or (answer is None and noticed)
    if not noticed:
        try:
            exported, _ = one.export(row.id)
        except JournalError:
            return
        assert len(exported["events"]) == len(before.events)


@settings(max_examples=60)
@given(data=st.data())
def test_bytes_that_flip_anywhere_change_no_answer(whole: Whole, data: st.DataObject) -> None:
    places = st.integers(0, len(whole.data) - 1)
    flips = data.draw(st.lists(st.tuples(places, st.integers(1, 255)), min_size=1, max_size=8))
    damaged = bytearray(whole.data)
    for at, change in flips:
        damaged[at] ^= change
    check(bytes(damaged), whole)


@settings(max_examples=25)
@given(data=st.data())
def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes(
    whole: Whole, data: st.DataObject
) -> None:
    check(whole.data[: data.draw(st.integers(0, len(whole.data) - 1))], whole)


@settings(max_examples=25)
@given(data=st.data())
def test_a_page_that_is_lost_takes_what_was_on_it_alone(whole: Whole, data: st.DataObject) -> None:
    page = data.draw(st.integers(1, len(whole.data) // 4096 - 1)) * 4096
    filler = data.draw(st.sampled_from([b"\0", b"\xff", b"\x0d"]))
    check(whole.data[:page] + filler * 4096 + whole.data[page + 4096 :], whole)


def test_one_damaged_event_is_named_and_the_others_are_read(whole: Whole, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    at = whole.data.index(b"fossa!fossa 25 hoopoe")
    path.write_bytes(whole.data[:at] + b"F" + whole.data[at + 1 :])
    pasts = {name: journal(path).past(journal(path).row(name)) for name in whole.rows}
    [(name, damaged)] = [(name, past) for name, past in pasts.items() if past.faults]
    assert len(damaged.faults) == 1
    assert "it has been changed" in damaged.faults[0]
    assert len(damaged.events) == len(whole.pasts[name].events) - 1
    assert isinstance(damaged.events[-1], events.RunEnded)


def test_a_journal_of_a_newer_unspool_is_refused_and_not_touched(
    whole: Whole, tmp_path: Path
) -> None:
    path = tmp_path / "newer.db"
    newer = whole.data[:60] + (99).to_bytes(4, "big") + whole.data[64:]
    path.write_bytes(newer)
    name = next(iter(whole.rows))
    one = journal(path)
    attempts: list[Any] = [
        one.runs,
        lambda: one.row(name),
        lambda: one.take(name),
        lambda: one.remove(()),
        lambda: one.redact(name),
        lambda: one.export(name),
        lambda: recorded(path),
    ]
    for attempt in attempts:
        with pytest.raises(JournalError, match="written by a newer unspool"):
            attempt()
    assert path.read_bytes() == newer
    assert {one.name for one in tmp_path.iterdir()} <= {"newer.db", "newer.db-locks"}


@settings(max_examples=60)
@given(data=st.data())
def test_a_damaged_export_is_refused_and_changes_nothing(data: st.DataObject) -> None:
    text = (Path(__file__).parents[1] / "data" / "run.json").read_bytes()
    flips = st.lists(
        st.tuples(st.integers(0, len(text) - 1), st.integers(1, 255)), min_size=1, max_size=3
    )
    damaged = bytearray(text)
    for at, change in data.draw(flips):
        damaged[at] ^= change
    with tempfile.TemporaryDirectory() as folder:
        file, path = Path(folder, "run.json"), Path(folder, "journal.db")
        file.write_bytes(damaged)
        with suppress(JournalError):
            run = journal(path).exported(read(file), str(file))
            assert run.plain == json.loads(text)  # what has changed is blank space
        assert not path.exists()

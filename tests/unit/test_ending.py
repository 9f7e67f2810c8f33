"""Cleaning up while being cancelled again and again."""

from __future__ import annotations

import asyncio

import pytest

from support import in_no_time
from unspool.ending import to_its_end


def test_work_comes_to_its_end_however_often_its_waiter_is_cancelled() -> None:
    async def work() -> None:
        done: list[str] = []

        async def cleaning() -> None:
            await asyncio.sleep(5)
            done.append("clean")

        task = asyncio.create_task(to_its_end(cleaning()))
        for _ in range(3):
            await asyncio.sleep(1)
            task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (done, asyncio.get_running_loop().time()) == (["clean"], 5.0)

    in_no_time(work())


def test_what_goes_wrong_in_it_is_told() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        in_no_time(to_its_end(broken()))

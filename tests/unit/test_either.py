"""Finding out which of two formats a server has, with as few requests as can be."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from support import in_no_time
from unspool.errors import ModelRefused, ModelUnavailable
from unspool.models.wrap.either import Either, Server
from unspool.types import Completion, Message, OnText, Request, Usage

REQUEST = Request((Message("user", "q"),))


@dataclass
class Path:
    """One path of a server: answers after `answers_s`, or says `status` after `says_s`."""

    name: str
    status: int | None = None
    answers_s: float = 9.0
    says_s: float = 0.1
    asked: int = field(default=0)
    address: str = "somewhere"

    async def complete(self, request: Request, on_text: OnText | None = None) -> Completion:
        self.asked += 1
        if self.status is None:
            await asyncio.sleep(self.answers_s)
            return Completion(self.name, Usage(calls=1), "m")
        await asyncio.sleep(self.says_s)
        kind = ModelUnavailable if self.status >= 500 else ModelRefused
        raise kind(f"{self.name} said {self.status}", status=self.status)

    async def aclose(self) -> None:
        pass


async def texts(models: Sequence[Either]) -> list[str]:
    """What many models that are asked at once answer."""
    done = await asyncio.gather(*(model.complete(REQUEST) for model in models))
    return [completion.text for completion in done]


def test_of_many_that_ask_at_once_one_stumbles() -> None:
    async def ask() -> None:
        first, other, server = Path("first", 404), Path("other"), Server()
        model = Either(first, other, server)
        assert await texts([model] * 20) == ["other"] * 20
        assert (first.asked, other.asked) == (1, 20)
        assert await texts([Either(first, other, server)]) == ["other"]
        assert (first.asked, other.asked) == (1, 21)

    in_no_time(ask())


def test_nobody_waits_long_for_another_reply() -> None:
    async def ask() -> None:
        first, other = Path("first"), Path("other", 404)
        began = asyncio.get_running_loop().time()
        assert await texts([Either(first, other, Server())] * 20) == ["first"] * 20
        assert asyncio.get_running_loop().time() - began < 2 * first.answers_s
        assert (first.asked, other.asked) == (20, 0)

    in_no_time(ask())


def test_what_one_model_has_found_holds_for_the_next_unless_it_is_not_so() -> None:
    async def ask() -> None:
        server = Server()
        assert await texts([Either(Path("first", 405), Path("other"), server)]) == ["other"]
        first, other = Path("first"), Path("other", 404)
        model = Either(first, other, server)
        assert await texts([model]) == ["first"]
        assert await texts([model]) == ["first"]
        assert (first.asked, other.asked) == (2, 1)

    in_no_time(ask())


def test_where_neither_is_there_both_are_told_and_nothing_is_settled() -> None:
    async def ask() -> None:
        first, other = Path("first", 404), Path("other", 404)
        model = Either(first, other, Server())
        for _ in range(2):
            with pytest.raises(ModelRefused, match=r"^first said 404 .*other said 404$") as caught:
                await model.complete(REQUEST)
            assert caught.value.status == 404
        first.status = None
        assert await texts([model]) == ["first"]

    in_no_time(ask())


@pytest.mark.parametrize("status", [400, 401, 529])
def test_other_errors_are_as_they_come(status: int) -> None:
    async def ask() -> None:
        first, other = Path("first", status), Path("other")
        with pytest.raises((ModelRefused, ModelUnavailable), match=f"^first said {status}$"):
            await Either(first, other, Server()).complete(REQUEST)
        assert other.asked == 0
        first, other = Path("first", 404), Path("other", status)
        model = Either(first, other, Server())
        for _ in range(2):
            with pytest.raises((ModelRefused, ModelUnavailable), match=f"^other said {status}$"):
                await model.complete(REQUEST)
        assert first.asked == 1

    in_no_time(ask())


def test_one_that_is_given_up_keeps_nobody_waiting() -> None:
    async def ask() -> None:
        first, other, server = Path("first"), Path("other", 404), Server()
        model = Either(first, other, server)
        given_up = asyncio.create_task(model.complete(REQUEST))
        await asyncio.sleep(0)
        given_up.cancel()
        began = asyncio.get_running_loop().time()
        assert await texts([model]) == ["first"]
        assert asyncio.get_running_loop().time() - began == pytest.approx(first.answers_s)

    in_no_time(ask())

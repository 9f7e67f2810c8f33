"""How models are asked that may be anybody's."""

from __future__ import annotations

from unspool.errors import ModelError, UnspoolError
from unspool.ports import Model
from unspool.types import Completion, OnText, Request, Usage


async def ask(model: Model, request: Request, on_text: OnText | None = None) -> Completion:
    """Asks a model that may be anybody's: whatever it raises comes out as one of ours.

    Raises:
        UnspoolError: the model failed.
    """
    try:
        return await model.complete(request, on_text)
    except UnspoolError:
        raise
    except Exception as broken:
        kind = type(broken).__name__
        raise ModelError(f"the model {model.name!r} raised {kind}: {broken}") from broken


def price_of(model: Model, usage: Usage) -> int | None:
    """What a model says that so many tokens cost; None when it does not say."""
    price = getattr(model, "price", None)
    return None if price is None else price(usage)


def address_of(model: Model) -> str:
    """Where a model says that it is served; empty when it does not say."""
    return str(getattr(model, "address", ""))

"""`unspool doctor`: what this machine has."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence

from unspool import ConfigurationError, Context, UnspoolError
from unspool.config import Settings, from_environment
from unspool.models.addresses import named_url
from unspool.models.http import Endpoint
from unspool.models.local.catalog import known_models
from unspool.models.local.files import ModelFiles
from unspool.models.providers import providers
from unspool.sandboxes.process import LAYERS
from unspool.sandboxes.repl import ProcessRepl
from unspool.sandboxing import OWN, Sandboxes, default_sandbox
from unspool.spec import ReplSpec
from unspool.types import Cell


def doctor() -> int:
    """Prints a line for each thing; gives the exit code, 1 when the REPL does not work."""
    settings = from_environment()
    works, sandbox = asyncio.run(_sandbox(settings))
    others = asyncio.run(_others(settings))
    lines = [
        ("python", f"{platform.python_version()} on {platform.platform()}"),
        ("cores", str(len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count())),
        *sandbox,
        *(("sandbox", line) for line in others),
        *(("model", line) for line in _models(settings)),
        ("extras", ", ".join(_extras()) or "none"),
        ("keys", ", ".join(_keys(settings)) or "none is set"),
        *(("address", line) for line in _addresses(settings)),
        ("disk", _disk(settings)),
    ]
    for name, text in lines:
        print(f"{name + ':':<11}{text}")
    return 0 if works else 1


async def _others(settings: Settings) -> list[str]:
    """The sandboxes that have to be asked for, and what they say of themselves."""
    sandboxes, lines = Sandboxes(), []
    for name in OWN:
        if name != default_sandbox():
            try:
                lines.append(f"{name}: {await sandboxes.find(name, settings).check()}")
            except UnspoolError as failed:
                lines.append(f"{name}: {failed}")
    await sandboxes.aclose()
    return lines


async def _sandbox(settings: Settings) -> tuple[bool, list[tuple[str, str]]]:
    """Opens a REPL and runs cells in it: whether that works, and lines with what was found."""

    async def no_calls(name: str, args: object) -> None:
        raise UnspoolError(f"{name} is not there")

    sandbox = Sandboxes().find(None, settings)
    try:
        isolation = await sandbox.check()
        repl = await sandbox.open(Context("a b"), no_calls, ReplSpec(cell_seconds=10))
        cells = ("kept = len(context)", "import os; os._exit(0)", "kept")
        seen = [await repl.run(Cell(code, n)) for n, code in enumerate(cells, 1)]
        await repl.aclose()
    except UnspoolError as failed:
        return False, [("REPL", f"does not work: {failed}"), ("isolation", "none")]
    finally:
        await sandbox.aclose()
    works = not seen[0].error
    if not isinstance(repl, ProcessRepl):
        return works, [("REPL", "works"), ("isolation", isolation)]
    kept = seen[-1].value.text == "3"
    return works, [
        ("REPL", "works"),
        ("lost cell", "costs itself alone" if kept else "costs the variables, on this machine"),
        *(("isolation", line) for line in _layers(repl.layers)),
    ]


def _layers(holding: Sequence[str]) -> Iterator[str]:
    """A line for each layer that there can be, and whether it is put on here."""
    for layer in LAYERS:
        found = [one for one in holding if one.startswith(layer)]
        yield f"{found[0]}: holds" if found else f"{layer}: not to be had on this machine"


def _models(settings: Settings) -> Iterator[str]:
    files = ModelFiles(settings.model_folder)
    for model in known_models():
        path = files.path(model)
        yield f"local/{model.name}: {path or 'not fetched (unspool models pull)'}"


def _extras() -> Iterator[str]:
    for extra, module in (
        ("local", "xllamacpp"),
        ("prices", "genai_prices"),
        ("monty", "pydantic_monty"),
    ):
        if importlib.util.find_spec(module) is not None:
            yield extra


def _keys(settings: Settings) -> Iterator[str]:
    """The variables that hold a key; never what is in them."""
    for provider in providers().values():
        yield from (name for name in provider.keys if settings.key(name))


def _addresses(settings: Settings) -> Iterator[str]:
    """Where the environment says that providers' models are; never what is secret in it."""
    for provider in providers().values():
        if given := settings.address(provider.at):
            try:
                shown = Endpoint(named_url(provider, given), {}).shown
            except ConfigurationError:
                shown = "no address"
            yield f"{provider.name}/...: {shown} ({provider.at})"


def _disk(settings: Settings) -> str:
    folder = settings.home
    while not folder.exists():
        folder = folder.parent
    return f"{shutil.disk_usage(folder).free / 1e9:.1f} GB free for {settings.home}"

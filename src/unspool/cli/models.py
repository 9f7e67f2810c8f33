"""`unspool models`: the files of embedded models."""

from __future__ import annotations

from collections.abc import Callable

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from unspool.config import DEFAULT_LOCAL, from_environment
from unspool.models.local.catalog import LocalModel, find, known_models
from unspool.models.local.files import ModelFiles
from unspool.models.local.sources import Progress as Fetched


def manage(action: str, name: str | None) -> int:
    """Carries out `list`, `pull`, `path` or `rm`; gives the exit code."""
    files = ModelFiles(from_environment().model_folder)
    if action == "list":
        for model in known_models():
            state = "here" if files.path(model) else "not fetched"
            print(f"local/{model.name}  {model.size_bytes / 1e9:.2f} GB  {model.licence}  {state}")
        return 0
    model = find(name or DEFAULT_LOCAL)
    if action == "pull":
        print(pull(model, files))
        return 0
    if action == "rm":
        removed = files.remove(model)
        print(f"local/{model.name} {'removed' if removed else 'was not here'}")
        return 0
    path = files.path(model)
    if path is None:
        print(f"local/{model.name} is not here: `unspool models pull {model.name}` fetches it")
        return 1
    print(path)
    return 0


def pull_if_missing(name: str, say: Callable[[str], None]) -> None:
    """Fetches an embedded model that is not here yet."""
    files, model = ModelFiles(from_environment().model_folder), find(name)
    if files.path(model) is None:
        say(f"fetching {name} ({model.size_bytes / 1e9:.1f} GB, once)")
        pull(model, files)


def pull(model: LocalModel, files: ModelFiles) -> str:
    """Fetches a model under a progress bar; gives its path."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(model.name, total=model.size_bytes)

        def report(fetched: Fetched) -> None:
            bar.update(
                task,
                completed=fetched.done_bytes,
                total=fetched.total_bytes,
                description=f"{model.name} from {fetched.source}",
            )

        return str(files.pull(model, report))

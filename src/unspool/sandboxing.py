"""Names of sandboxes to sandboxes: one of each name for the whole process."""

from __future__ import annotations

import importlib.util
import sys
import threading
from typing import Any

from unspool.config import Settings
from unspool.errors import ConfigurationError
from unspool.ports import Sandbox
from unspool.registry import SANDBOXES, added_names, added_sandbox
from unspool.sandboxes.packages import Packages
from unspool.sandboxes.seatbelt import has_seatbelt

OWN = ("docker", "monty", "process")


def default_sandbox() -> str:
    """What holds the model's code where nobody says: the confined process where this system
    can confine one, elsewhere `monty` when it is installed."""
    if sys.platform == "linux" or has_seatbelt():
        return "process"
    return "monty" if importlib.util.find_spec("pydantic_monty") else "process"


class Sandboxes:
    """Makes each sandbox when it is first asked for, and closes them all together."""

    def __init__(self) -> None:
        self._made: dict[tuple[object, ...], Sandbox] = {}
        self._lock = threading.Lock()

    def find(
        self,
        given: Any,
        settings: Settings,
        *,
        confined: bool = True,
        packages: Packages | None = None,
    ) -> Sandbox:
        """The sandbox that `given` names, None being the default; an object with the methods
        of one passes as it is. `confined=False` and `packages` are for the process alone.

        Raises:
            ConfigurationError: there is none of this name, or what is asked is not for it.
        """
        wanted = packages or Packages()
        name = given or (default_sandbox() if confined and not wanted.names else "process")
        for option, is_given in (("isolation='none'", not confined), ("packages=", wanted.names)):
            if is_given and name != "process":
                raise ConfigurationError(
                    f"{option} is for sandbox='process', not for {name!r}: leave one out."
                )
        if not isinstance(name, str):
            return _checked(name)
        key = (name, confined, wanted, settings.docker_host, settings.docker_image)
        with self._lock:
            if key not in self._made:
                self._made[key] = _make(name, settings, confined, wanted)
            return self._made[key]

    def forked(self) -> None:
        """Begins anew in a process that was forked off: what runs is its parent's."""
        self._lock = threading.Lock()
        for sandbox in self._made.values():
            begin_anew = getattr(sandbox, "forked", None)
            if begin_anew is not None:
                begin_anew()

    async def aclose(self) -> None:
        """Closes all that were made."""
        for sandbox in tuple(self._made.values()):
            await sandbox.aclose()


def _make(name: str, settings: Settings, confined: bool, packages: Packages) -> Sandbox:
    if name == "process":
        from unspool.sandboxes.process import ProcessSandbox

        return ProcessSandbox(confined=confined, packages=packages)
    if name == "monty":
        from unspool.sandboxes.monty import MontySandbox

        return MontySandbox()
    if name == "docker":
        from unspool.sandboxes.docker import DockerSandbox

        return DockerSandbox(host=settings.docker_host, image=settings.docker_image)
    made = added_sandbox(name)
    if made is None:
        known = ", ".join((*OWN, *added_names(SANDBOXES)))
        raise ConfigurationError(f"no sandbox is called {name!r}; there are: {known}")
    return _checked(made())


def _checked(given: Any) -> Sandbox:
    if not (callable(getattr(given, "open", None)) and callable(getattr(given, "check", None))):
        raise ConfigurationError(
            f"a sandbox is one of {', '.join(OWN)}, the name of an installed one, or an object"
            f" with `check` and `open` (unspool.ports.Sandbox), not {type(given).__name__}."
        )
    sandbox: Sandbox = given
    return sandbox

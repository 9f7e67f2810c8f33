"""What every sandbox must do, as tests that its author runs.

    from unspool.testing.sandbox_contract import SandboxContract

    class TestMine(SandboxContract):
        lacks = frozenset({"threads"})

        def make(self):
            return MySandbox()

pytest collects the class as it is; no plug-in is needed. Each test makes a sandbox, opens
REPLs in it and closes both. `lacks` names what the sandbox does without (see
`Trait`); a test of what it lacks has to fail, and is then reported as skipped.
"""

from __future__ import annotations

from unspool.ports import Sandbox
from unspool.testing.sandbox_contract.bounds import BoundPromises
from unspool.testing.sandbox_contract.calls import CallPromises
from unspool.testing.sandbox_contract.cells import CellPromises
from unspool.testing.sandbox_contract.promises import Trait

__all__ = ["SandboxContract", "Trait"]


class SandboxContract(CellPromises, CallPromises, BoundPromises):
    """Subclass it, give `make`, and say in `lacks` what the sandbox does without."""

    lacks: frozenset[Trait] = frozenset()

    def make(self) -> Sandbox:
        """A new sandbox; it is closed after the test."""
        raise NotImplementedError

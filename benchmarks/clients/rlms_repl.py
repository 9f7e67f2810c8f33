"""The rows of `sandbox.py` by rlms' environments: local, and ipython in both of its modes."""

import repl_rows
from rlm.clients.base_lm import BaseLM
from rlm.core.lm_handler import LMHandler
from rlm.core.types import ModelUsageSummary, UsageSummary
from rlm.environments.ipython_repl import IPythonREPL
from rlm.environments.local_repl import LocalREPL


class Instant(BaseLM):
    """A model that answers at once."""

    def __init__(self):
        super().__init__("instant")
        self.calls = 0

    def completion(self, prompt):
        """The prompt, backwards."""
        self.calls += 1
        return prompt[::-1]

    async def acompletion(self, prompt):
        """The same."""
        return self.completion(prompt)

    def get_usage_summary(self):
        """Nothing was used."""
        return UsageSummary(model_usage_summaries={})

    def get_last_usage(self):
        """Nothing was used."""
        return ModelUsageSummary(total_calls=1, total_input_tokens=0, total_output_tokens=0)


class Engine:
    """One kind of environment, and the model that its cells call."""

    def __init__(self, kind, **options):
        self._kind, self._options = kind, options
        self._model = Instant()
        self._handler = LMHandler(self._model)

    @property
    def calls(self):
        """How often the model was asked."""
        return self._model.calls

    async def start(self):
        """Has the model listen."""
        self._handler.start()

    async def open(self, text, cell_seconds=None):
        """An environment that has `text`."""
        limit = {}
        if cell_seconds is not None and self._kind is IPythonREPL:
            limit["cell_timeout"] = cell_seconds
        return Repl(
            self._kind(
                lm_handler_address=self._handler.address,
                context_payload=text,
                **self._options,
                **limit,
            )
        )

    async def close(self):
        """Ends the model."""
        self._handler.stop()


class Repl:
    """An environment as the rows use it."""

    def __init__(self, environment):
        self._environment = environment

    async def run(self, code):
        """What the cell printed."""
        done = self._environment.execute_code(code)
        if done.stderr:
            raise RuntimeError(done.stderr.strip()[-300:])
        return done.stdout

    async def close(self):
        """Ends it."""
        self._environment.cleanup()


if __name__ == "__main__":
    repl_rows.main(
        {
            "rlms-local": lambda: Engine(LocalREPL),
            "rlms-ipython": lambda: Engine(IPythonREPL),
            "rlms-kernel": lambda: Engine(IPythonREPL, kernel_mode="subprocess"),
        }
    )

"""The rows of `sandbox.py` by dspy's interpreters: LocalInterpreter, and Pyodide in Deno.

dspy binds a context by sending it with each cell, and so it is done here. The script that
Deno runs imports a reader of lines from deno.land; where that cannot be reached, one of ours
stands in for it.
"""

import json
import tempfile
from pathlib import Path

import repl_rows
from dspy import LocalInterpreter, PythonInterpreter
from dspy.primitives.code_interpreter import CodeInterpreterError

LINES_URL = "https://deno.land/std@0.186.0/io/mod.ts"
LINES = Path(__file__).parent / "deno_lines.js"


class Engine:
    """One kind of interpreter, and the model that its cells call."""

    def __init__(self, kind):
        self._kind = kind
        self._options = []
        self.calls = 0
        self.remark = ""

    async def start(self):
        """Sees whether it starts at all, and what it needs for that."""
        try:
            await (await self.open("")).close()
        except CodeInterpreterError:
            if self._kind is LocalInterpreter:
                raise
            self.remark = "with a reader of lines of ours, as deno.land cannot be reached"
            with tempfile.NamedTemporaryFile("w", suffix=".json", delete=False) as file:
                json.dump({"imports": {LINES_URL: LINES.as_uri()}}, file)
            self._options = [f"--import-map={file.name}"]
            await (await self.open("")).close()

    async def open(self, text, cell_seconds=None):
        """An interpreter that has been sent `text`."""
        limit = {}
        if cell_seconds is not None and self._kind is LocalInterpreter:
            limit["execution_timeout"] = cell_seconds
        made = self._kind(tools={"llm_query": self._answered}, **limit)
        if self._options:
            made.deno_command[2:2] = self._options
        repl = Repl(made, text)
        await repl.run("pass")
        return repl

    async def close(self):
        """Nothing is left of it."""

    def _answered(self, prompt):
        self.calls += 1
        return prompt[::-1]


class Repl:
    """An interpreter as the rows use it."""

    def __init__(self, interpreter, text):
        self._interpreter, self._variables = interpreter, {"context": text}

    async def run(self, code):
        """What the cell printed."""
        return self._interpreter.execute(code, variables=self._variables)

    async def close(self):
        """Ends it."""
        self._interpreter.shutdown()


if __name__ == "__main__":
    repl_rows.main(
        {
            "dspy-local": lambda: Engine(LocalInterpreter),
            "dspy-pyodide": lambda: Engine(PythonInterpreter),
        }
    )

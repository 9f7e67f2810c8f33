"""Questions with known answers over texts of any length, made from seeds.

task = make("two_hop", seed=7, chars=1_000_000)
result = RLM(...).run(task.question, task.context)
task.score(result.answer)           # 0.0 to 1.0
"""

from unspool.tasks.made import VERSION, make
from unspool.tasks.task import KINDS, Kind, Task

__all__ = ["KINDS", "VERSION", "Kind", "Task", "make"]

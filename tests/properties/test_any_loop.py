"""Loops that nobody wrote: run ahead and as written, they come to the same."""

from __future__ import annotations

import asyncio
import collections
import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unspool import Context, UnspoolError
from unspool.sandboxes.process import ProcessSandbox
from unspool.spec import ReplSpec
from unspool.testing.sandbox_contract.promises import Cells
from unspool.types import Observation

EXAMPLES = 150

START = """\
import json, copy, random
texts = ['ab', 'c3', '', 'dd', 'e5f']
items = [{'t': t, 'm': {'v': i}} for i, t in enumerate(texts)]
shared = [0]
out, seen, d, n, s, r, y, w = [], [], {}, 0, '', '', 'z', len
boxes = {'out': out, 'all': [out, seen]}
total = 0
def plain(p): return llm_query('plain ' + str(p))
def keep(p):
    out.append(p)
    return llm_query(f'keep {p}')
def count(p):
    global total
    total += 1
    return llm_query(f'count {total} {p}')
def safe(p):
    try:
        return llm_query(str(p))
    except Exception as e:
        return f'! {e}'
def judge(p):
    a = llm_query(f'judge {p}')
    if '1' in a:
        return 'good'
    return a
class Box:
    def __init__(self): self.log = []; self.last = ''
    def ask(self, p):
        self.log.append(p)
        self.last = llm_query(f'box {p}')
        return self.last
box = Box()
"""
WATCHED = (
    "import sys; caught = []; tracer = lambda f, e, a: (e == 'exception' and f.f_code.co_filename"
    "[:5] == '<cell' and a[0] is not StopIteration and caught.append(repr(a[1])), tracer)[1];"
    " sys._getframe().f_trace = tracer; sys.settrace(tracer)\n"
)
"""Counts what is raised in a program, whether or not it is caught."""
END = """\
print(texts, items, shared, out, seen, d, n, s, r, y, boxes, total, box.log, box.last)
"""

VALUES = st.sampled_from(
    """\
x
i
n
s
r
y
len(out)
out[-1:]
len(d)
sorted(d)
d.get(i)
d.get('k', '')
str(x)[:2]
str(x).upper()
total
shared[0]
boxes['out']
len(boxes['all'][0])
seen
box.last
len(box.log)
items[i % 5]
items[0]['t']
texts[i % 5]
texts[i]
[x, i]
(n, r)
f'{x!r:>4}'
(r + '.').strip()
sum(map(len, out))
','.join(texts)
json.dumps(items[i % 5])
'fail'
'3' in r
[t[:1] for t in texts if t]
{**d}
x if n % 2 else i
n or r
items[i % 5].get('a')
copy.copy(x)
texts.index(texts[i])
[c for c in r if c.isdigit()]
min(texts, key=len)
(lambda q: f'<{q}>')(x)
""".splitlines()
)
LINES = st.sampled_from(
    """\
n += 1
n += len(str(r))
s += str(x)
y = out
y = boxes['all'][1]
shared[0] += 1
texts[i % 5] = 'n' + str(r)[:3]
y.append(i)
box.last = 'new'
boxes['all'].append(seen)
int(r)
assert r
y = json.loads(r)
x = str(x) + '!'
items[i % 5]['m'] = shared
items[0]['m']['v'] += 1
if len(texts) < 7: texts.append(x)
texts = texts[:3]
y = items[i % 5]['m']
del d[i]
d.update({n: r})
seen.extend(out[-1:])
y, r = r, str(y)
total += 1
y = sorted(items[0])
random.Random(1).shuffle(texts)
if n % 2: y = out
y = out if '3' in str(r) else seen
y = {'o': out, 's': shared}
y['o'].append(n)
y['s'][0] += 1
if '1' in str(r): n += len(plain('more'))
if '1' in str(r): out.append(safe('w'))
y = items.copy()
texts.append(texts.pop(0))
w = lambda p: out.append(p)
w(i)
w = iter(texts)
next(w)
y = {**items[i % 5], 'z': r}
y['t'] = 'changed'
y[0] = i
""".splitlines()
)
CALLS = st.sampled_from(
    "llm_query llm_query plain keep keep count count safe judge box.ask".split()
)


@st.composite
def asked(draw: st.DrawFn) -> str:
    """A call of a model, whichever way."""
    value = draw(VALUES)
    form = draw(st.integers(0, 9))
    if form == 0:
        return f'llm_query_batched([f"a {{({value})}}", f"b {{x}}"])[0]'
    if form == 1:
        return f'rlm_query("about", {value})'
    return f'{draw(CALLS)}(f"{draw(st.sampled_from("pqj"))} {{({value})}}")'


SIMPLE = st.one_of(
    asked().map(lambda call: f"r = {call}"),
    asked().map(lambda call: f"r = str({call})"),
    asked().map(lambda call: f"out.append({call})"),
    asked().map(lambda call: f"d[i] = {call}"),
    asked().map(lambda call: f"s += str({call})"),
    asked().map(lambda call: f"y = [{call} for z in 'uv']"),
    VALUES.map(lambda value: f"out.append({value})"),
    VALUES.map(lambda value: f"d['k'] = {value}"),
    VALUES.map(lambda value: f"y = {value}"),
    VALUES.map(lambda value: f"print({value})"),
    VALUES.map(lambda value: f"seen.append(str({value}))"),
    VALUES.map(lambda value: f"items[i % 5]['a'] = str({value})"),
    LINES,
)
CONDITIONS = st.one_of(
    VALUES, st.sampled_from(["'3' in str(r)", "n % 2", "i > 1", "len(out) > 3", "str(r) < 'n'"])
)


def indented(lines: Sequence[str]) -> str:
    return "\n".join("    " + line for part in lines for line in part.split("\n"))


def nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    block = st.lists(inner, min_size=1, max_size=3).map(indented)
    leave = st.sampled_from(["break", "continue", "raise ValueError('left')", "FINAL(r)", "pass"])
    return st.one_of(
        st.tuples(CONDITIONS, block).map(lambda t: f"if {t[0]}:\n{t[1]}"),
        st.tuples(CONDITIONS, block, block).map(lambda t: f"if {t[0]}:\n{t[1]}\nelse:\n{t[2]}"),
        st.tuples(CONDITIONS, leave).map(lambda t: f"if {t[0]}: {t[1]}"),
        st.tuples(block, block).map(lambda t: f"try:\n{t[0]}\nexcept Exception as e:\n{t[1]}"),
        st.tuples(block, leave).map(lambda t: f"try:\n{t[0]}\nexcept Exception: {t[1]}"),
        block.map(lambda b: f"for x in texts[:2]:\n{b}"),
        block.map(lambda b: f"for k, x in enumerate(items[:2]):\n{b}"),
        block.map(lambda b: f"while n < 3:\n    n += 1\n{b}"),
    )


STATEMENTS = st.recursive(SIMPLE, nested, max_leaves=6)
CALLING = st.one_of(
    *(asked().map(form.format) for form in ("r = {}", "out.append({})", "d[i] = {}"))
)
"""What a body begins or ends with, so that there is something to foretell."""
BODIES = st.tuples(
    CALLING, st.lists(STATEMENTS, min_size=1, max_size=4), CALLING, st.booleans()
).map(lambda t: indented([t[0], *t[1], t[2]] if t[3] else [*t[1], t[0]]))
HEADS = st.sampled_from(
    ["for i, x in enumerate(texts):", "for i, x in enumerate(items):", "for x in texts:",
     "for i in range(4):", "for x in items:", "for i, x in zip(range(9), texts):",
     "while n < 4:\n    n += 1", "for x in (t + '?' for t in texts):",
     "for x in map(str.upper, texts):",
     "for i, x in {1: 'a', 2: 'b'}.items():", "for x in sorted(texts, key=len):", "if n == 0:"]
)  # fmt: skip
COMPREHENSIONS = st.tuples(
    asked(),
    st.sampled_from(
        ["y = [{} for i, x in enumerate(texts)]", "y = {{i: {} for i, x in enumerate(items)}}",
         "y = [{} for x in texts for i in range(2)]", "y = list({} for x in texts if x)",
         "y = [{} for x in texts if n or x]", "y = list(map(lambda x: {}, texts))",
         "y = [x for x in texts if '1' in {}]", "y = ' '.join({} for x in texts)",
         "y = any('3' in {} for x in texts)",
         "for r in ({} for x in texts):\n    if '4' in r: break",
         "y = sorted(texts, key=lambda x: {})", "y = {{str({}) for x in texts}}"]
    ),
).map(lambda t: t[1].format(t[0]))  # fmt: skip
PROGRAMS = st.one_of(
    st.tuples(HEADS, BODIES).map(lambda t: f"{t[0]}\n{t[1]}"),
    st.tuples(HEADS, BODIES).map(
        lambda t: (
            "def work():\n    global n, s, r, y, w, x, texts, total\n    i = 0\n"
            + indented([f"{t[0]}\n{t[1]}"])
            + "\nwork()"
        )
    ),
    COMPREHENSIONS,
    st.lists(SIMPLE, min_size=2, max_size=6).map("\n".join),
).map(lambda code: f"{START}i, x = 0, 'x0'\n{code}\n")


def reply(prompt: str) -> str:
    mark = sum(map(ord, prompt)) % 17
    if "fail" in prompt or mark == 13:
        raise UnspoolError(f"refused: {prompt}")
    if mark % 5 == 0:
        return str(mark)
    return f"{prompt[:12]}|{mark}"


def one_of(prompt: str) -> list[Any]:
    try:
        return [reply(prompt)]
    except UnspoolError as failed:
        return [None, str(failed)]


class Runs:
    """Runs programs, each in a REPL of its own."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self._sandbox = ProcessSandbox()

    def __call__(self, code: str, *, ahead: bool) -> tuple[list[Observation], Sent, bool]:
        """What is seen of `code` and of its variables, what it has asked, and whether
        anything was raised; the latter where there is no look ahead."""
        return self._runner.run(self._run(code, ahead))

    async def _run(self, code: str, ahead: bool) -> tuple[list[Observation], Sent, bool]:
        sent: Sent = collections.Counter()

        async def door(name: str, args: Sequence[Any]) -> Any:
            sent[json.dumps([name, args])] += 1
            await asyncio.sleep(0)
            if name.endswith("_batched"):
                return [one_of(prompt) for prompt in args[0]]
            return reply(str(args[:2]) if name == "rlm_query" else args[0])

        repl = await self._sandbox.open(Context("text"), door, ReplSpec(ahead=ahead))
        try:
            cells = Cells(repl)
            if not ahead:
                code = WATCHED + code
            seen = [await cells(code), await cells(END)]
            raised = None if ahead else (await cells("len(caught)")).value.text
            return seen, sent, raised != "0"
        finally:
            await repl.aclose()

    def close(self) -> None:
        self._runner.run(self._sandbox.aclose())


Sent = collections.Counter[str]


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    with asyncio.Runner() as runner:
        both = Runs(runner)
        yield both
        both.close()


def visible(seen: Sequence[Observation]) -> list[object]:
    return [
        (re.sub(" at 0x[0-9a-f]+", "", one.stdout.text), one.stderr, one.error, one.answer)
        for one in seen
    ]


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
@given(code=PROGRAMS)
def test_looking_ahead_changes_nothing_that_can_be_seen(runs: Runs, code: str) -> None:
    seen, sent, _ = runs("\n" + code, ahead=True)
    expected, asked_for, raised = runs(code, ahead=False)
    assert visible(seen) == visible(expected)
    if raised:  # calls behind the one that raised may have been made
        assert sent >= asked_for
    else:
        assert sent == asked_for

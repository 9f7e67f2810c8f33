"""Loops as models write them, and how many of their sub-calls may be under way together.

A number above 1: so many at some moment. 1: they run one after the other, as written. `CONTEXT`
is what they are about; `---` parts cells.
"""

from __future__ import annotations

CONTEXT = "\n".join(f"line {i}: item {i * 7 % 13} of type {'abc'[i % 3]}" for i in range(60))

_CHUNKS = "chunks = [context[i:i + 300] for i in range(0, len(context), 300)][:6]\n"
_DOCS = (
    "docs = [{'id': i, 'text': f'text {i}', 'meta': {'lang': 'en'}} for i in range(5)]\n"
    "questions = ['who?', 'when?', 'where?']\n"
)
_ASK = """\
def ask(prompt, retries=3):
    for attempt in range(retries):
        try:
            return llm_query(prompt)
        except Exception as e:
            print('retry', attempt, e)
    return ''
"""

PARALLEL: dict[str, tuple[int, str]] = {
    "append": (6, _CHUNKS + """\
results = []
for chunk in chunks:
    results.append(llm_query(f"Summarize: {chunk}"))
"""),
    "enumerate and progress": (6, _CHUNKS + """\
results = []
for i, chunk in enumerate(chunks):
    print(f"Processing chunk {i+1}/{len(chunks)}...")
    answer = llm_query(f"[{i}] What is in this text?\\n\\n{chunk}")
    results.append(answer)
    print(f"Chunk {i} -> {answer[:40]}")
print(len(results))
"""),
    "slots of a list": (6, _CHUNKS + """\
out = [None] * len(chunks)
for i in range(len(chunks)):
    out[i] = llm_query("Chunk: " + chunks[i])
"""),
    "slots of a dict": (5, _DOCS + """\
answers = {}
for doc in docs:
    answers[doc['id']] = llm_query(f"{questions[0]} {doc['text']}")
"""),
    "a slot of each item": (5, _DOCS + """\
for doc in docs:
    doc['summary'] = llm_query(f"Summarize {doc['text']}")
"""),
    "a slot of each item, used at once": (5, _DOCS + """\
for doc in docs:
    doc['summary'] = llm_query(f"Summarize {doc['text']}")
    doc['title'] = llm_query(f"Title of {doc['summary']}")
"""),
    "list comprehension": (6, _CHUNKS + "summaries = [llm_query(f'Sum: {c}') for c in chunks]\n"),
    "filtered comprehension": (20, """\
lines = context.split("\\n")
found = [llm_query(f"Classify: {line}") for line in lines if line.endswith("type a")]
"""),
    "dict comprehension": (3, _DOCS + "by_q = {q: llm_query(q) for q in questions}\n"),
    "dict comprehension over items": (5, _DOCS + """\
texts = {d['id']: d['text'] for d in docs}
labels = {k: llm_query(f"Label {v}") for k, v in texts.items()}
"""),
    "set comprehension": (3, _DOCS + "kinds = {llm_query(f'kind of {q}') for q in questions}\n"),
    "nested comprehension": (15, _DOCS + """\
grid = [[llm_query(f"{q} {d['text']}") for q in questions] for d in docs]
"""),
    "double comprehension": (15, _DOCS + """\
flat = [llm_query(f"{q} {d['text']}") for d in docs for q in questions if q != d['text']]
"""),
    "list of map": (6, _CHUNKS + "results = list(map(llm_query, chunks))\n"),
    "list of map with a lambda": (6, _CHUNKS + """\
results = list(map(lambda c: llm_query(f"Read: {c}"), chunks))
"""),
    "join over a generator": (6, _CHUNKS + """\
text = "\\n".join(llm_query(f"Shorten: {c}") for c in chunks)
"""),
    "join over map": (6, _CHUNKS + "text = ' | '.join(map(llm_query, chunks))\n"),
    "tuple of a generator": (3, _DOCS + "t = tuple(llm_query(q) for q in questions)\n"),
    "extend by a generator": (3, _DOCS + """\
out = ['first']
out.extend(llm_query(q) for q in questions)
"""),
    "for over map": (3, _DOCS + """\
out = []
for reply in map(llm_query, questions):
    out.append(reply.upper())
"""),
    "a function of its own": (6, _CHUNKS + """\
def summarize(text, style="short"):
    \"\"\"Summarize a text.\"\"\"
    prompt = f"Write a {style} summary.\\n\\n{text.strip()}"
    return llm_query(prompt)

summaries = []
for c in chunks:
    summaries.append(summarize(c, style="long"))
final = "\\n\\n".join(summaries)
"""),
    "a function from an earlier cell": (6, """\
def make_prompt(chunk, *, number):
    return f"({number}) {chunk[:50]!r}"
# ---
def process(chunk, number):
    return {'n': number, 'answer': llm_query(make_prompt(chunk, number=number))}
# ---
""" + _CHUNKS + """\
rows = [process(c, i) for i, c in enumerate(chunks)]
"""),
    "a retrying function": (6, _CHUNKS + _ASK + """\
results = []
for chunk in chunks:
    results.append(ask(f"Extract facts: {chunk}"))
"""),
    "a lambda with a name": (3, _DOCS + """\
q = lambda p: llm_query("Q: " + p).strip()
answers = [q(x) for x in questions]
"""),
    "an alias": (3, _DOCS + """\
ask = llm_query
answers = []
for x in questions:
    answers.append(ask(x))
"""),
    "functools.partial": (3, _DOCS + """\
from functools import partial
ask = partial(llm_query, model=None)
answers = []
for x in questions:
    answers.append(ask(x))
"""),
    "zip": (3, _DOCS + """\
out = []
for q, d in zip(questions, docs):
    out.append((q, llm_query(f"{q} / {d['text']}")))
"""),
    "sorted, reversed and a slice": (4, _DOCS + """\
out = []
for d in reversed(sorted(docs, key=lambda d: d['text'])[:4]):
    out.append(llm_query(d['text']))
"""),
    "batches by range": (3, _DOCS + """\
lines = context.splitlines()
size, notes = 20, []
for start in range(0, len(lines), size):
    batch = lines[start:start + size]
    body = "\\n".join(f"{start + k}. {line}" for k, line in enumerate(batch))
    notes.append(llm_query(f"Lines {start}-{start + len(batch)}:\\n{body}"))
"""),
    "a generator function for the chunks": (6, """\
def pieces(text, n):
    for i in range(0, len(text), n):
        yield text[i:i + n]

out = []
for piece in pieces(context[:1800], 300):
    out.append(llm_query(piece))
"""),
    "nested loops": (15, _DOCS + """\
table = {}
for doc in docs:
    table[doc['id']] = {}
    for q in questions:
        table[doc['id']][q] = llm_query(f"{q}\\n{doc['text']}")
"""),
    "two calls in a turn": (10, _DOCS + """\
for doc in docs:
    doc['a'] = llm_query(f"A {doc['text']}")
    doc['b'] = llm_query(f"B {doc['text']}")
"""),
    "chained calls": (5, _DOCS + """\
final = []
for doc in docs:
    draft = llm_query(f"Draft: {doc['text']}")
    final.append(llm_query(f"Improve: {draft}"))
"""),
    "three chained calls": (5, _DOCS + """\
out = []
for doc in docs:
    a = llm_query(f"one {doc['text']}")
    b = llm_query(f"two {a}")
    c = llm_query(f"three {a} {b.strip()}")
    out.append([a, b, c])
"""),
    "an if on data": (3, _DOCS + """\
out = []
for doc in docs:
    if doc['id'] % 2 == 0:
        out.append(llm_query(f"even {doc['text']}"))
    else:
        out.append(None)
"""),
    "continue on data": (3, _DOCS + """\
out = []
for doc in docs:
    if not doc['text'] or doc['id'] in (1, 3):
        continue
    out.append(llm_query(doc['text']))
"""),
    "break on data": (3, _DOCS + """\
out = []
for doc in docs:
    if doc['id'] >= 3:
        break
    out.append(llm_query(doc['text']))
else:
    out.append('all')
"""),
    "an if on the answer that only stores": (5, _DOCS + """\
hits, misses = [], []
for doc in docs:
    r = llm_query(f"match {doc['text']}?")
    if 'yes' in r.lower():
        hits.append(doc['id'])
        print('hit', doc['id'])
    else:
        misses.append((doc['id'], r))
"""),
    "a call that depends on the answer": (5, _DOCS + """\
out = {}
for doc in docs:
    verdict = llm_query(f"match {doc['text']}?")
    if verdict.startswith('yes'):
        out[doc['id']] = llm_query(f"why {doc['text']}")
    else:
        out[doc['id']] = 'no'
"""),
    "continue on the answer": (5, _DOCS + """\
kept = []
for doc in docs:
    r = llm_query(f"match {doc['text']}?")
    if 'no' in r:
        continue
    kept.append(r)
"""),
    "json from the answer": (5, _DOCS + """\
import json
rows = []
for doc in docs:
    data = json.loads(llm_query(f"json {doc['text']}"))
    data['id'] = doc['id']
    rows.append(data)
total = sum(r['score'] for r in rows)
"""),
    "json with a try": (5, _DOCS + """\
import json
rows, bad = [], 0
for doc in docs:
    try:
        rows.append(json.loads(llm_query(f"{'json' if doc['id'] % 2 else 'text'} {doc['text']}")))
    except json.JSONDecodeError as e:
        bad += 1
        print('bad', doc['id'], e)
"""),
    "a try around the call": (5, _DOCS + """\
out = []
for doc in docs:
    try:
        out.append(llm_query(f"{'fail' if doc['id'] == 2 else 'do'} {doc['text']}"))
    except Exception as e:
        out.append(f"Error: {e}")
"""),
    "a try that goes on to the next": (5, _DOCS + """\
out = []
for doc in docs:
    try:
        r = llm_query(f"{'fail' if doc['id'] == 2 else 'do'} {doc['text']}")
    except Exception as e:
        print('failed', doc['id'])
        continue
    out.append(r)
"""),
    "regular expressions": (3, _DOCS + """\
import re
parts = re.split(r'item 1\\d', context)[:3]
out = []
for p in parts:
    m = re.search(r'line (\\d+)', p)
    out.append(llm_query(f"after {m.group(1) if m else '?'}: {p[:80]}"))
"""),
    "sleeping between calls": (3, _DOCS + """\
import time
out = []
for q in questions:
    out.append(llm_query(q))
    time.sleep(0.01)
"""),
    "for over a generator": (3, _DOCS + """\
out = []
for reply in (llm_query(q) for q in questions):
    out.append(reply.upper())
"""),
    "for over zip and map": (3, _DOCS + """\
out = {}
for q, reply in zip(questions, map(llm_query, questions)):
    out[q] = reply
"""),
    "a counter": (5, _DOCS + """\
n = 0
total = 0
for doc in docs:
    n += 1
    r = llm_query(f"number {n}: {doc['text']}")
    total += len(r)
"""),
    "rlm_query with contexts": (5, _DOCS + """\
out = []
for doc in docs:
    out.append(rlm_query("Summarize this", context=doc['text'] * 3))
"""),
    "rlm_query with data": (5, _DOCS + """\
out = [rlm_query("Summarize", {'meta': doc['meta'], 'lines': [doc['text']]}) for doc in docs]
"""),
    "checked values": (5, _DOCS + """\
rows = []
for doc in docs:
    value = llm_query(f"json {doc['text']}", schema={"score": "int", "tags": list[str]})
    rows.append(value['score'])
"""),
    "checked values of a class of its own, used at once": (5, """\
from dataclasses import dataclass, field
@dataclass
class Row:
    score: int
    tags: list[str] = field(default_factory=list)
# ---
""" + _DOCS + """\
rows = []
for doc in docs:
    row = llm_query(f"json {doc['text']}", None, Row)
    rows.append((row, llm_query(f"{row.score} of {doc['text']}")))
rows
"""),
    "what is asked, by either name": (5, _DOCS + """\
out = []
for doc in docs:
    out.append(llm_query(question=f"a {doc['text']}"))
    out.append(rlm_query(prompt=f"b {doc['text']}", context=doc))
    out.append(rlm_query(question=f"c {doc['text']}", schema="str"))
    out += rlm_query_batched(prompts=[f"d {doc['text']}"])
    out += llm_query_batched(questions=[f"e {doc['text']}"])
"""),
    "ask_each in a loop": (3, _DOCS + """\
out = {}
for q in questions:
    out[q] = ask_each([d['text'] for d in docs], q)
"""),
    "batches in a loop": (3, _DOCS + """\
out = {}
for q in questions:
    prompts = [f"{q} {d['text']}" for d in docs]
    out[q] = llm_query_batched(prompts)
"""),
    "batches built by append": (3, _DOCS + """\
out = {}
for q in questions:
    prompts = []
    for d in docs:
        prompts.append(q + d['text'])
    answers = llm_query_batched(prompts)
    out[q] = dict(zip([d['id'] for d in docs], answers))
"""),
    "calls in a row": (3, """\
a = llm_query("What is the title?")
b = llm_query("Who wrote it?")
print(a)
c = llm_query(f"First line: {context[:30]}")
"""),
    "calls in a row, then one of them all": (2, """\
first = llm_query("first half: " + context[:100])
second = llm_query("second half: " + context[100:200])
both = llm_query(f"Combine:\\n{first}\\n{second}")
"""),
    "calls in one expression": (3, """\
facts = {'who': llm_query('who?'), 'when': llm_query('when?'), 'where': llm_query('where?')}
"""),
    "calls in a row in a function": (2, """\
def compare(x, y):
    left = llm_query(f"describe {x}")
    right = llm_query(f"describe {y}")
    return left + " vs " + right
r = compare("a", "b")
"""),
    "a loop in a function": (6, _CHUNKS + """\
def read_all(parts, question):
    notes = []
    for number, part in enumerate(parts, 1):
        notes.append(llm_query(f"{question} ({number}/{len(parts)})\\n{part}"))
    return notes
notes = read_all(chunks, "What is it?")
answer_text = llm_query("Combine:\\n" + "\\n".join(notes))
"""),
    "a closure": (3, _DOCS + """\
def reader(language):
    def read(text):
        return llm_query(f"[{language}] {text}")
    return read
read = reader('en')
out = [read(q) for q in questions]
"""),
    "a method": (3, _DOCS + """\
class Reader:
    def __init__(self, style):
        self.style = style
        self.seen = []
    def read(self, text):
        r = llm_query(f"{self.style}: {text}")
        self.seen.append(r)
        return r
reader = Reader('brief')
out = [reader.read(q) for q in questions]
"""),
    "dataclass items": (3, """\
from dataclasses import dataclass
@dataclass
class Section:
    title: str
    body: str
    summary: str = ''
sections = [Section(f's{i}', f'body {i}') for i in range(3)]
for s in sections:
    s.summary = llm_query(f"{s.title}: {s.body}")
"""),
    "while with an index": (6, _CHUNKS + """\
i, out = 0, []
while i < len(chunks):
    out.append(llm_query(chunks[i]))
    i += 1
"""),
    "duplicate prompts": (5, "votes = [llm_query('yes or no?') for _ in range(5)]\n"),
    "the last expression": (3, _DOCS + "[llm_query(q) for q in questions]\n"),
    "printing each": (3, _DOCS + "for q in questions: print(q, '->', llm_query(q))\n"),
    "a walrus": (3, _DOCS + "out = [r for q in questions if (r := llm_query(q))]\n"),
    "a filter by the model": (5, _DOCS + """\
kept = [d for d in docs if 'yes' in llm_query(f"match {d['text']}?")]
"""),
    "filter()": (5, _DOCS + """\
kept = list(filter(lambda d: 'yes' in llm_query(f"match {d['text']}?"), docs))
"""),
    "sorted by the model": (5, _DOCS + """\
ranked = sorted(docs, key=lambda d: llm_query(f"rank {d['text']}"))
"""),
    "until the model is content": (5, _DOCS + """\
out = []
for doc in docs:
    text = doc['text']
    for _ in range(3):
        verdict = llm_query(f"match {text}?")
        if 'yes' in verdict:
            break
        text = llm_query(f"rewrite {text}")
    out.append(text)
"""),
    "a helper that cleans and checks": (5, _DOCS + """\
def classify(text):
    raw = llm_query(f"match {text}?").strip().lower()
    if raw.startswith('yes'):
        return True
    return False
labels = {}
for d in docs:
    labels[d['id']] = classify(d['text'])
n = sum(labels.values())
"""),
    "pairs": (3, _DOCS + """\
import itertools
out = {}
for a, b in itertools.combinations(questions, 2):
    out[a, b] = llm_query(f"{a} or {b}")
"""),
    "a raise in the middle": (5, _DOCS + """\
out = []
for doc in docs:
    r = llm_query(f"{'text' if doc['id'] == 2 else 'json'} {doc['text']}")
    import json
    out.append(json.loads(r)['score'])
"""),
    "a call that fails in the middle": (5, _DOCS + """\
out = []
for doc in docs:
    out.append(llm_query(f"{'fail' if doc['id'] == 3 else 'do'} {doc['text']}"))
"""),
    "a loop that is run again after a bug": (5, _DOCS + """\
out = []
for doc in docs:
    r = llm_query(f"do {doc['text']}")
    out.append(r['text'])
# ---
out = []
for doc in docs:
    r = llm_query(f"do {doc['text']}")
    out.append(r)
"""),
}  # fmt: skip

_ROW = """\
from dataclasses import dataclass, field
made = []
@dataclass
class Row:
    score: int
    tags: list[str]
"""

IN_SEQUENCE: dict[str, str] = {
    "what the making of a checked value counts": _ROW + """\
    def __post_init__(self):
        made.append(self.score)
# ---
""" + _DOCS + """\
for doc in docs:
    row = llm_query(f"json {doc['text']}", schema=Row)
    llm_query(f"{len(made)} so far")
""",
    "what the making of a part of a checked value counts": _ROW + """\
    noted: list = field(default_factory=lambda: made.append(1))
# ---
""" + _DOCS + """\
for doc in docs:
    rows = llm_query_batched([f"json {doc['text']}"], None, list[Row])
    llm_query(f"{len(made)} so far")
""",
    "a rolling summary": _CHUNKS + """\
summary = ''
for c in chunks:
    summary = llm_query(f"So far: {summary}\\nNow: {c}")
""",
    "a rolling summary by +=": _CHUNKS + """\
notes = ''
for c in chunks:
    notes += llm_query(f"Notes: {notes}\\nText: {c}") + '\\n'
""",
    "a list that is read": _CHUNKS + """\
memory = []
for c in chunks:
    memory.append(llm_query("Known: " + "; ".join(memory) + c))
""",
    "the last item of a list": _CHUNKS + """\
out = ['start']
for c in chunks:
    out.append(llm_query(f"After {out[-1][:20]}: {c[:20]}"))
""",
    "an alias of a list that is read": _CHUNKS + """\
results = []
seen = results
for c in chunks:
    results.append(llm_query(f"{len(seen)} {c[:20]}"))
""",
    "a list inside of another": _CHUNKS + """\
results = []
state = {'so far': results}
for c in chunks:
    results.append(llm_query(f"{state} {c[:20]}"))
""",
    "a dict that is read": _DOCS + """\
known = {}
for d in docs:
    known[d['id']] = llm_query(f"known: {sorted(known)} {d['text']}")
""",
    "break on the answer": _DOCS + """\
for d in docs:
    r = llm_query(f"match {d['text']}?")
    if 'yes' in r:
        found = d['id']
        break
""",
    "return on the answer": _DOCS + """\
def first_match(items):
    for d in items:
        if 'yes' in llm_query(f"match {d['text']}?"):
            return d
found = first_match(docs)
""",
    "raise on the answer": _DOCS + """\
try:
    for d in docs:
        r = llm_query(f"match {d['text']}?")
        if 'yes' in r:
            raise LookupError(d['id'])
except LookupError as e:
    found = str(e)
""",
    "a raise in a function on the answer": _DOCS + """\
def check(text):
    r = llm_query(f"match {text}?")
    if 'yes' in r:
        raise ValueError('found it')
    return r
out = []
try:
    for d in docs:
        out.append(check(d['text']))
except ValueError as e:
    print(e)
""",
    "FINAL on the answer": _DOCS + """\
for d in docs:
    r = llm_query(f"match {d['text']}?")
    if 'yes' in r:
        FINAL(d['text'])
        break
""",
    "answer ready on the answer": _DOCS + """\
for d in docs:
    r = llm_query(f"match {d['text']}?")
    if 'yes' in r:
        answer['content'] = d['text']
        answer['ready'] = True
        break
""",
    "exit on the answer": _DOCS + """\
import sys
for d in docs:
    if 'yes' in llm_query(f"match {d['text']}?"):
        sys.exit()
""",
    "break when the call fails": _DOCS + """\
out = []
for d in docs:
    try:
        out.append(llm_query(f"{'fail' if d['id'] == 2 else 'do'} {d['text']}"))
    except Exception:
        break
""",
    "any over a generator": _DOCS + """\
found = any('yes' in llm_query(f"match {d['text']}?") for d in docs)
""",
    "break on the answer over a generator": _DOCS + """\
for r in (llm_query(f"match {d['text']}?") for d in docs):
    if 'yes' in r:
        break
""",
    "break on the answer over map": _DOCS + """\
for r in map(llm_query, ['match 1', 'match 3', 'match 5', 'other']):
    if 'yes' in r:
        break
""",
    "next over a generator": _DOCS + """\
found = next((d for d in docs if 'yes' in llm_query('match ' + d['text'])), None)
""",
    "a lazy map": _DOCS + """\
replies = map(llm_query, questions)
first = next(replies)
""",
    "a generator": _DOCS + """\
def answers():
    for q in questions:
        yield llm_query(q)
first = next(answers())
""",
    "a while on the answer": """\
text, rounds = 'start', 0
while 'enough' not in text and rounds < 4:
    text = llm_query(f"extend {text}")
    rounds += 1
""",
    "a queue": """\
todo = ['a', 'b', 'c']
done = []
while todo:
    item = todo.pop(0)
    r = llm_query(f"split {item}")
    done.append(r)
    if len(done) < 3:
        todo.append(r[:5])
""",
    "the list grows while it is read": """\
items = ['a', 'b']
for item in items:
    r = llm_query(f"next {item}")
    if len(items) < 4:
        items.append(r)
""",
    "the list shrinks while it is read": """\
items = ['a', 'b', 'c', 'd']
for item in items:
    r = llm_query(f"look at {item}")
    items.remove(item)
""",
    "a global that a function changes": _DOCS + """\
history = ''
def ask(q):
    global history
    r = llm_query(f"{history}Q: {q}")
    history += f"Q: {q} A: {r}\\n"
    return r
out = [ask(q) for q in questions]
""",
    "a chat that an object keeps": _DOCS + """\
class Chat:
    def __init__(self):
        self.turns = []
    def ask(self, q):
        self.turns.append(q)
        r = llm_query(f"{self.turns}")
        self.turns.append(r)
        return r
chat = Chat()
for q in questions:
    chat.ask(q)
""",
    "a random prompt": _DOCS + """\
import random
random.seed(5)
out = []
for q in questions:
    out.append(llm_query(f"{random.random()} {q}"))
""",
    "a shared dict of each item": """\
shared = {'log': ''}
items = [{'name': n, 'shared': shared} for n in 'abc']
for item in items:
    r = llm_query(f"{item['name']} {item['shared']['log']}")
    item['shared']['log'] += r
""",
    "a library function that changes a list": """\
import heapq
heap = [(5, 'start'), (9, 'other')]
for step in range(4):
    r = llm_query(f"{step} {heap[0]}")
    heapq.heapreplace(heap, (len(r) + step, r))
""",
    "one of two lists, by the answer": _DOCS + """\
short, long = [], []
for q in questions:
    r = llm_query(f"{len(short)} {len(long)} {q}")
    target = short if len(r) < 14 else long
    target.append(r)
""",
    "a count of failures": _DOCS + """\
failed = 0
for d in docs:
    try:
        r = llm_query(f"{failed} {'fail' if d['id'] == 1 else 'do'} {d['text']}")
    except Exception:
        failed += 1
""",
    "a count that only some answers change": _DOCS + """\
n = 0
for d in docs:
    r = llm_query(f"match {d['text']} {n}")
    if 'yes' in r:
        n += len(llm_query(f"why {n}"))
""",
    "an attribute of the class, read by the instance": _DOCS + """\
class Asker:
    asked = ''
    def ask(self, q):
        r = llm_query(f"{self.asked} {q}")
        Asker.asked += r[:3]
        return r
asker = Asker()
out = []
for q in questions:
    out.append(asker.ask(q))
""",
    "setattr": _DOCS + """\
class State: last = ''
state = State()
for q in questions:
    setattr(state, 'last', llm_query(f"{state.last} {q}"))
""",
    "an item that is shared by two": """\
note = {'text': 'first'}
notes = [note, note, note]
for n in notes:
    n['text'] = llm_query(f"rewrite {n['text']}")
""",
    "a default that remembers": _DOCS + """\
def ask(q, seen=[]):
    r = llm_query(f"{seen} {q}")
    seen.append(r)
    return r
out = [ask(q) for q in questions]
""",
    "a decorated function": _DOCS + """\
import functools
log = []
def logged(f):
    @functools.wraps(f)
    def inner(q):
        r = f(f"{len(log)} {q}")
        log.append(r)
        return r
    return inner
@logged
def ask(q):
    return llm_query(q + (log[-1] if log else ''))
out = [ask(q) for q in questions]
""",
    "one call": "r = llm_query('only one')\n",
    "one item": "out = [llm_query(x) for x in ['only one']]\n",
    "calls in a row that build on each other": """\
plan = llm_query("plan")
draft = llm_query(f"draft by {plan}")
final = llm_query(f"finish {draft}")
""",
    "exec": _DOCS + """\
for q in questions:
    exec(f"r = llm_query({q!r} + str(globals().get('r', ''))[:10])")
""",
    "a name of its own for list": _DOCS + """\
list = lambda g: next(iter(g))
first = list(llm_query(q) for q in questions)
""",
    "reading a file of one's own": _DOCS + """\
open('log.txt', 'w').write('')
for q in questions:
    r = llm_query(open('log.txt').read() + q)
    open('log.txt', 'a').write(r)
""",
    "an iterator that was begun": _DOCS + """\
rest = iter(questions)
head = next(rest)
out = []
for q in rest:
    out.append(llm_query(q))
""",
    "a nonlocal": _DOCS + """\
def outer():
    last = ''
    def ask(q):
        nonlocal last
        last = llm_query(f"{last} {q}")
        return last
    return [ask(q) for q in questions]
out = outer()
""",
    "a swap of state": _DOCS + """\
a, b = 'x', 'y'
for q in questions:
    a, b = b, llm_query(f"{a} {b} {q}")
""",
    "setdefault and a read": """\
groups = {}
for w in ['apple', 'axe', 'bee', 'arm']:
    g = groups.setdefault(w[0], [])
    g.append(llm_query(f"{w} after {len(groups)} {sum(len(x) for x in groups.values())}"))
""",
}  # fmt: skip

RAISING = frozenset(
    (
        "a raise in the middle",
        "a call that fails in the middle",
        "a loop that is run again after a bug",
    )
)
"""Of these, calls behind the one that raises have been made too."""

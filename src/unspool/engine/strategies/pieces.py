"""The plain recursion: cut, ask each piece, keep every output, combine until one is left.

The split-map-reduce of the original recipe (Zhang, Kraska, Khattab, arXiv 2512.24601) with no
code of the model's own: for models that can neither code nor choose steps.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from string import Template

from unspool.engine.strategies.apart import apart
from unspool.engine.strategies.questions import overview
from unspool.spec import RunSpec

ROOM = 0.8
"""Of what a model reads in one call, for the text itself."""

_PROGRAMME = Template("""
import re
import sys

size = $size
words = {word for word in re.findall(r"\\w+", question.lower()) if len(word) > 3}

def groups(texts):
    group, room = [], size
    for text in texts:
        if group and len(text) > room:
            yield group
            group, room = [], size
        group.append(text)
        room -= len(text) + 2
    if group:
        yield group

cut = [(name, str(text)) for *_, name, text in chunks(size, spans=True)]
if len({name for name, _ in cut}) > 1:
    cut = [(name, f"{name}\\n{text}") for name, text in cut]
# Of short documents a call reads several.
pieces = ["\\n\\n".join(one) for one in groups(text for _, text in cut)]
# The likeliest first: what is read before a limit ends the run is then worth most.
pieces.sort(key=lambda piece: -len(words & set(re.findall(r"\\w+", piece.lower()))))

read = (
    "Part of a text:\\n\\n{}\\n\\nQuestion about the whole text: {}\\n"
    "Write in short what this part says to it, word for word where it matters."
    " If it says nothing, write only NOTHING."
)
join = "Notes from parts of a text:\\n\\n{}\\n\\nQuestion: {}\\n{}"
more = "Write one short note that keeps all that helps to answer it. No other words."
last = "Write the answer that follows from the notes, and nothing else."

notes, unread = [], 0
for at in range(0, len(pieces), $batch):
    prompts = [read.format(piece, question) for piece in pieces[at : at + $batch]]
    for reply in llm_query_batched(prompts):
        if isinstance(reply, LLMError):
            unread += 1
        elif reply.strip(" .*`\\"'\\n").upper() != "NOTHING" and reply.strip():
            notes.append(reply.strip())
    answer["content"] = "\\n".join(notes)
print(f"{len(pieces):,} pieces, {len(notes):,} notes, {unread:,} unread", file=sys.stderr)

# Level by level, until all notes can be read at once, or none gets any shorter.
length = lambda texts: sum(map(len, texts)) + len(texts)
while length(notes) > size:
    found = list(groups(note[:size] for note in notes))
    replies = llm_query_batched([join.format("\\n".join(one), question, more) for one in found])
    joined = []
    for group, reply in zip(found, replies):
        is_note = not isinstance(reply, LLMError) and reply.strip()
        joined += [reply.strip()] if is_note and len(reply) < length(group) else group
    if length(joined) >= length(notes):
        break
    notes = joined
    answer["content"] = "\\n".join(notes)
if length(notes) > size:
    share = max(1, size // len(notes) - 1)
    print(f"of each note {share:,} characters are read for the answer", file=sys.stderr)
    notes = [note[:share] for note in notes]
if notes:
    answer["content"] = llm_query(join.format("\\n".join(notes)[:size], question, last)$schema)
if unread:
    raise RuntimeError(f"{unread:,} of {len(pieces):,} pieces could not be read")
if notes:
    FINAL(answer["content"])
""")


_OVERVIEW = Template("""
$source

overview = Overview(question, $size, chunks, llm_query_batched, answer, LLMError)
answer["content"] = overview.write()
if overview.unread:
    raise RuntimeError(f"{overview.unread:,} pieces could not be read")
if answer["content"]:
    FINAL($final)
""")


def programme(spec: RunSpec, piece_chars: int) -> tuple[str, ...]:
    """The cells of it, for a sub-model that is to be given `piece_chars` characters at once."""
    schema = f", schema={dict(spec.schema.json)!r}" if spec.schema is not None else ""
    size = max(200, int(piece_chars * ROOM))
    if overview(spec.question):
        final = f"llm_query(overview.prompt(){schema})" if schema else 'answer["content"]'
        code = _OVERVIEW.substitute(source=_overview_source(), size=size, final=final)
    else:
        code = _PROGRAMME.substitute(size=size, batch=16, schema=schema)
    given = "context question answer chunks llm_query llm_query_batched LLMError FINAL".split()
    return (apart(code, given),)


@cache
def _overview_source() -> str:
    return files(__package__).joinpath("overview.py").read_text("utf-8")

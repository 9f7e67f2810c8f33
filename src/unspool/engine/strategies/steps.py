"""Guided runs: a reply is one step, as JSON -> the cell that carries it out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from unspool.engine.cells import Reply
from unspool.engine.cells import parse as parse_code
from unspool.engine.strategies.apart import apart
from unspool.engine.strategies.questions import asked, enumerated, names
from unspool.replies import spoken
from unspool.types import Observation

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}


def _step(do: str, **fields: Any) -> dict[str, Any]:
    properties = {"do": {"const": do}, **fields}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


_ANSWER, _LOOK = _step("answer", text=_TEXT), _step("look", **{"for": _TEXT})
_COUNT, _LIST = _step("count", where=_TEXTS), _step("list", where=_TEXTS)
_LABEL = _step("label", ask=_TEXT, options=_TEXTS, count=_TEXT)

_STEPS = "_steps"
"""The object that carries them out: no tool has such a name."""
_SOURCES = "questions conditions lines columns chosen judged operations hops".split()
_IMPORTED = re.compile(r"^from unspool\.\S+ import (?:\([^)]*\)|[^\n]*)\n", re.M)
_PLACED = re.compile(r"\[[^\]]*\d\] ")
"""How lines of the text begin, where they are shown."""
_BEGUN = re.compile(r"\s*(?:```\w*\s*)?\{\s*\"do\"")
"""A step that was cut off."""
_NUMBERED = re.compile(r"^[ \t]*(\d+)[.)][ \t]+(\S.*?)[ \t]*$", re.M)
"""The questions into which one was split."""
_WRITE = 'Nothing was done: write one step as JSON, like {"do": "look", "for": "..."}.'


def schema(asks: str, *, labels: bool, looks: bool = True) -> Mapping[str, Any]:
    """What a reply has to be, where the server can hold its model to it: one of the steps that
    may answer a question that asks for this. `labels`: models may be called; `looks`: there may
    be more to see."""
    own = {"number": [_COUNT, *([_LABEL] if labels else [])], "list": [_LIST]}.get(asks, [])
    answers = [] if asks == "list" else [_ANSWER]
    return {"anyOf": [*answers, *([_LOOK] if looks else []), *own]}


@cache
def operations(*, calls: bool = True) -> str:
    """The code of the steps, with the object that carries them out. `calls`: models may be
    called."""
    sources = [files(__package__).joinpath(f"{name}.py").read_text("utf-8") for name in _SOURCES]
    code = "\n\n".join(_IMPORTED.sub("", source) for source in sources)
    models = "ask_each, llm_query_batched" if calls else "None, None"
    made = f'_apart["Traced"](context, question, search, chunks, {models}, FINAL)'
    return f"{apart(code, ())}\n{_STEPS} = {made}"


def first_look(question: str) -> str:
    """The cell that shows the lines nearest to the question."""
    return f"{_STEPS}.look({', '.join(map(repr, (question, *names(question))))})"


def at_once(question: str, *, hops: bool = False) -> str:
    """The cell that reads the lines about what a question names, or about each of the things
    that it lists; empty: it names none. `hops`: what it comes to may be only on the way."""
    listed, named = enumerated(question), names(question)
    if listed:
        return f"{_STEPS}.each({', '.join(map(repr, listed))})"
    if not named or asked(question) == "list":
        return ""
    return f"{_STEPS}.{'begin' if hops else 'read'}({', '.join(map(repr, named))})"


def read(text: str) -> Reply:
    """The cell of a step; what is none is taken for code, or for the answer that it says."""
    step = _object(spoken(text))
    if step is None:
        reply = parse_code(text)
        return reply if reply.cells or reply.final else Reply(hint=_WRITE)
    cell = _cell(step)
    return Reply((cell,)) if cell else Reply(hint=_WRITE)


def split(text: str, question: str) -> Reply:
    """The cell that answers the simple questions into which a reply has split one, or that one,
    if it is simple. What a reply goes on with behind them is none of them."""
    lines = _NUMBERED.findall(spoken(text))
    numbered = ((int(number), one.strip("*_ ")) for number, one in lines)
    parts = [one for place, (number, one) in enumerate(numbered, 1) if number == place]
    asks = parts if len(parts) > 1 else [question]
    return Reply((f"{_STEPS}.trace({', '.join(map(repr, asks))})",))


def said(text: str) -> str:
    """What a last reply says, which may be a step all the same: nothing, if none that answers."""
    step = _object(text)
    if step is None:
        return "" if _BEGUN.match(text) else text.strip()
    return str(step.get("text", "")).strip()


def unremarked(seen: Observation) -> Observation:
    """What the cell of a step showed of the text, without what it told the model besides."""
    if not seen.cell.code.startswith(f"{_STEPS}."):
        return seen
    lines = [line for line in seen.stdout.text.splitlines() if _PLACED.match(line)]
    return replace(seen, stdout=replace(seen.stdout, text="\n".join(lines)))


def _object(text: str) -> dict[str, Any] | None:
    for at in (match.start() for match in re.finditer(r"\{", text)):
        try:
            found, _ = json.JSONDecoder(strict=False).raw_decode(text[at:])
        except ValueError:
            continue
        if isinstance(found, dict) and "do" in found:
            return found
    return None


def _cell(step: Mapping[str, Any]) -> str:
    match step:
        case {"do": "answer", "text": text}:
            said = text if isinstance(text, (str, int)) else json.dumps(text, ensure_ascii=False)
            return f"{_STEPS}.say({said!r})"
        case {"do": "look", "for": str(words)} if words.strip():
            return f"{_STEPS}.look({words!r})"
        case {"do": "count", "where": [*where]} if where:
            return f"{_STEPS}.count({', '.join(repr(str(one)) for one in where)})"
        case {"do": "list", "where": [*where]}:
            return f"{_STEPS}.collect({', '.join(repr(str(one)) for one in where)})"
        case {"do": "label", "ask": str(ask), "options": [*options]} if (
            ask.strip() and len(options) > 1
        ):
            given = [str(one) for one in options]
            return f"{_STEPS}.label({ask!r}, {given!r}, {str(step.get('count', ''))!r})"
        case _:
            return ""

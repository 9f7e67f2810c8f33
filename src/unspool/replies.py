"""A model's reply, cut into pieces: code, FINAL(...), reasoning, foreign blocks, prose.

Reads in one pass from left to right. What closes a block is looked for outside the strings
and comments of its code, so that code may hold fences and tags.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

_MOST_PIECES = 64
"""Where reading stops: a reply with more pieces than this is a model that repeats itself."""
_MOST_PROSE_LINES = 5
"""How many lines of prose may stand before bare code."""
_MOST_TOKENS = 20_000
"""How many strings and parentheses a FINAL(...) may have."""
_LONGEST_JUDGED = 200_000
"""Characters up to which code is compiled to see what it is; longer code is not doubted."""

_THINK = r"(?:\w+:)?(?:think|thinking|thought|reasoning)[>\]]"
_TAG = r"(?:repl|python3?|py3?|ipython3?|pycon|tool_code|code)\b"
_QUOTED = "|".join(
    rf"{q * 3}(?:[^{q}\\]++|\\.?+|(?!{q * 3}){q})*+(?:{q * 3})?+|{q}(?:[^{q}\\\n]++|\\.?+)*+{q}?+"
    for q in "\"'"
)
_TOKEN = re.compile(
    rf"{_QUOTED}|#[^\n]*+|(?P<paren>[()])"
    r"|(?P<shut>`{3,}+|^[ \t]*+~{3,}+(?=[ \t]*+$)|</[\w:]++>|<\|\w++\|>)",
    re.M | re.S,
)
_EVENT = re.compile(
    rf"""
    (?P<thought>(?:(?P<first>^[ \t]*+)|(?<![`'"\w]))
        [<\[](?P<end>/?){_THINK})
  | (?P<fence>^[ \t]*+(?:(?:[-*+]|\d{{1,3}}[.)])[ \t]++)?(?P<mark>`{{3,}}+|~{{3,}}+)
        (?P<info>[^`\n]*+)(?P<inline>`{{3,}}+)?[ \t]*+$
      | (?<!`)(?P<glue>`{{3,}}+)[ \t]*+{_TAG}[ \t]*+$)
  | (?P<call><(?:tool_call|function_call|function=[\w.-]++)>\s*+(?=[{{\[]))
  | (?P<markup>
        ^[ \t]*+<(?P<tag>code|python|repl|tool_code|execute(?:_i?python)?)(?:[ ][^<>\n]*+)?>
            (?!\s*+(?:```|~~~))
      | <(?P<name>(?:\w+:)?parameter)(?:[ ]name)?=["']?(?:code|script|source)["']?>
      | <\|python_tag\|>)
  | (?P<final>^[ \t]*+(?:[-*>\#]++[ \t]++)?[`*_]*+(?:(?:final[ ])?answer[*_]*+:[*_ \t]*+)?[`*_]*+
        (?P<verb>(?-i:FINAL(?:_VAR)?))\()
    """,
    re.M | re.X | re.I,
)
_THOUGHT_END = re.compile(rf"[<\[]/{_THINK}", re.I)
_REASONED = re.compile(
    rf"\s*(?:[<\[]{_THINK}.*?|(?:(?![<\[]{_THINK}).)*?)(?<![`'\"])[<\[]/{_THINK}\s*", re.I | re.S
)
_OPENS = re.compile(rf"[ \t]*+(?:{_TAG}[^`\n]*+|[a-z][\w+#.-]*+[ \t]*+)$", re.M | re.I)
_REOPENS = re.compile(rf"^[ \t]*+[`~]{{3,}}+[ \t]*+{_TAG}", re.M | re.I)
_LINE_END = re.compile(r"[ \t`*_.;]*+$", re.M)
_LOOKS_LIKE_CODE = re.compile(
    r"""^[ \t]*+(?:(?:def|class|for|while|if|with|try|async|elif|else|except|finally)\b
          .*:[ \t]*(?:\#.*)?$
        |import[ ][\w.]+|from[ ][\w.]+[ ]import\b|[\w.]+(?:\[.*\])?(?:[ ]?[-+*/|&]?=(?!=)|\())""",
    re.M | re.X,
)
_ACTIONS = (
    *(ast.Assign, ast.AugAssign, ast.AnnAssign, ast.NamedExpr),
    *(ast.Call, ast.Await, ast.Subscript),
    *(ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef),
    *(ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try),
)


@dataclass(frozen=True, slots=True)
class FinalText:
    """What a `FINAL(...)` or `FINAL_VAR(...)` held that was written as text, not as code."""

    text: str | None
    """The answer when `expression` is None or cannot be evaluated: the source between the
    parentheses, stripped; of a string literal, the string. None for the `FINAL_VAR` of an
    expression: without that variable there is no answer."""
    expression: str | None
    """The source as one Python expression, to be evaluated in the REPL; None when it is none,
    or when a number was more likely meant as text (`2024-11-15`, `5,000`)."""
    literal: bool = False
    """True: `ast.literal_eval(expression)` is the answer; no REPL is needed."""
    after_code: bool = False
    """True: a cell of the same reply stands before it."""

    @property
    def code(self) -> str:
        """The cell that does what was written; it may raise when `literal` is False."""
        if self.expression is None:
            return f"FINAL({self.text!r})"
        if self.text is None and self.expression.isidentifier():
            return f'FINAL_VAR("{self.expression}")'
        return f"FINAL({self.expression}{chr(10) if '#' in self.expression else ''})"


Kind = Literal["code", "maybe", "foreign", "final", "prose", "thought", "orphan"]


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a reply. `maybe` is code only if nothing surer is there; `orphan` is the
    end of a reasoning whose beginning is missing."""

    kind: Kind
    text: str
    """The code; the language of a foreign block; otherwise the text itself."""
    final: FinalText | None = None


_Read = tuple[list[Piece], str]


def pieces(text: str) -> list[Piece]:
    """The parts of `text` in order; what stands before an orphaned `</think>` is reasoning."""
    found: list[Piece] = []
    for piece in _pieces(text):
        found = [piece] if piece.kind == "orphan" else [*found, piece]
    return found


def spoken(reply: str) -> str:
    """A reply without the reasoning at its head; as it is where it is nothing else."""
    at = 0
    while thought := _REASONED.match(reply, at):
        at = thought.end()
    return reply[at:] or reply


def syntax(code: str) -> ast.Module | None:
    """`code` parsed as a cell, which may await at its top level; None when it is no Python
    or too long to be judged."""
    if len(code) > _LONGEST_JUDGED:
        return None
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree: ast.Module = compile(code, "<cell>", "exec", flags, dont_inherit=True)
    except (SyntaxError, ValueError, OverflowError, MemoryError, RecursionError):
        return None
    return tree


def acts(tree: ast.Module | None) -> bool:
    """True when the code does something: a name, a literal or prose that parses does not."""
    return tree is not None and any(
        isinstance(node, _ACTIONS)
        for statement in tree.body
        if not isinstance(statement, ast.AnnAssign) or statement.value
        for node in ast.walk(statement)
    )


def looks_like_code(text: str) -> bool:
    """True when a line of `text` begins as Python does, whether or not it compiles."""
    return _LOOKS_LIKE_CODE.search(text) is not None


def mended(text: str) -> str:
    """`text` without NUL and lone surrogates, its lines ended by `\\n`."""
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")


def _pieces(text: str) -> Iterator[Piece]:
    fresh = True
    for _ in range(_MOST_PIECES):
        if fresh and (bare := _bare(text)):
            yield from bare
            return
        if (event := _EVENT.search(text)) is None:
            break
        yield Piece("prose", text[: event.start()])
        read, text = _READERS[event.lastgroup or ""](event, text[event.end() :])
        yield from read
        fresh = bool(read) and read[0].kind in ("thought", "orphan")
    yield Piece("prose", text)


def _bare(text: str) -> list[Piece]:
    """The code of a text that is code as a whole, but for lines of prose around it."""
    if called := _called(text)[0]:
        return called
    lines = text.strip("\n").split("\n")
    while len(lines) > 1 and _is_prose(lines[-1]):
        lines.pop()
    for first, line in enumerate(lines[: _MOST_PROSE_LINES + 1]):
        code = _tidy("\n".join(lines[first:]))
        if (event := _EVENT.match(code)) and event["final"]:
            return []
        if acts(syntax(code)):
            return [Piece("code", code)]
        if not _is_prose(line):
            return []
    return []


def _is_prose(line: str) -> bool:
    sentence = line.rstrip().endswith((".", ":", "!", "?")) and not re.search(r"[<`#]", line)
    return not line.strip() or (sentence and not looks_like_code(line))


def _thought(event: re.Match[str], rest: str) -> _Read:
    if event["end"]:
        return [Piece("orphan", event[0])], rest
    if end := _THOUGHT_END.search(rest):
        return [Piece("thought", rest[: end.start()])], rest[end.end() :]
    if event["first"] is None:
        return [Piece("prose", event[0])], rest
    return [Piece("thought", rest)], ""


def _fence(event: re.Match[str], rest: str) -> _Read:
    mark, info = event["mark"] or event["glue"], (event["info"] or "").strip()
    tag = re.sub(r"^[{.]*+([\w+#-]++).*", r"\1", info).lower()
    if event["inline"]:
        return _code(re.sub(rf"^{_TAG}", "", info, flags=re.I), sure=False), rest
    if tag and not re.fullmatch(_TAG, tag):
        return _foreign(tag, mark, rest)
    code, rest = _cut(rest, mark)
    return _code(code, sure=bool(tag) or (not event["mark"] and looks_like_code(code))), rest


def _foreign(tag: str, mark: str, rest: str) -> _Read:
    shut = rf"^[ \t]*+{mark[0]}{{{len(mark)},}}+[ \t]*+$"
    opens = rf"|(?=^[ \t]*+```[ \t]*+{_TAG})" if tag not in ("markdown", "md") else ""
    end = re.compile(shut + opens, re.M | re.I).search(rest)
    body, rest = (rest[: end.start()], rest[end.end() :]) if end else (rest, "")
    called = [piece for piece in _called(body)[0] if acts(syntax(piece.text))]
    return called or [Piece("foreign", tag)], rest


def _call(event: re.Match[str], rest: str) -> _Read:
    called, end = _called(rest)
    return called, rest[end:]


def _markup(event: re.Match[str], rest: str) -> _Read:
    name = event["tag"] or event["name"]
    code, rest = _cut(rest, f"</{name}>" if name else "<|eo")
    return _code(code, sure=not event["tag"]), rest


def _final(event: re.Match[str], rest: str) -> _Read:
    end = _balanced(rest)
    if end is None or not _LINE_END.match(rest, end + 1) or not _value(rest[:end]):
        after = _EVENT.search(rest)
        end = _text_end(rest[: after.start()] if after else rest)
    source = "" if end is None else rest[:end].strip()
    if end is None or source in ("", "..."):
        return [Piece("prose", event[0])], rest
    return [Piece("final", source, _final_text(source, event["verb"]))], rest[end + 1 :]


_READERS: dict[str, Callable[[re.Match[str], str], _Read]] = {
    "thought": _thought,
    "fence": _fence,
    "call": _call,
    "markup": _markup,
    "final": _final,
}


def _cut(body: str, mark: str) -> tuple[str, str]:
    """The code at the start of `body`, and the text after the `mark` that closes it.

    A mark inside a string does not close, unless the string was never ended: then there is no
    other mark, or the string swallows the next block, and the whole does not compile.
    """
    tokens = _TOKEN.finditer(body)
    shut = next((t for t in tokens if (t["shut"] or "").lstrip().startswith(mark)), None)
    line = rf"^[ \t]*+{mark[0]}{{{len(mark)},}}+[ \t]*+$"
    plain = re.compile(re.escape(mark) if mark[0] == "<" else line, re.M).search(body)
    end = shut.start() if shut else len(body)
    if plain and plain.end() <= end and syntax(_tidy(body[:end])) is None:
        shut = plain if shut is None or _REOPENS.search(body, plain.end(), end) else shut
    if shut is None:
        return body, ""
    again = mark[0] == "`" and _OPENS.match(body, shut.end())
    return body[: shut.start()], body[shut.end() - (len(mark) if again else 0) :]


def _code(text: str, *, sure: bool) -> list[Piece]:
    """What a block of code holds: a cell, most often."""
    if called := _called(text)[0]:
        return called
    if re.match(r"\s*+```(?!`)", text):
        return [piece for piece in _pieces(text) if piece.kind in ("code", "maybe")]
    code = _tidy(text)
    if (event := _EVENT.match(code)) and event["final"] and syntax(code) is None:
        read, rest = _final(event, code[event.end() :])
        if read[0].final and not rest.strip("`*_.; \t\n"):
            return read
    return [Piece("code" if sure else "maybe", code)] if code else []


def _tidy(code: str) -> str:
    """`code` without blank lines around it, common indentation and `>>>` prompts."""
    code = re.sub(r"\A(?:[ \t]*\n)+", "", code.rstrip())
    margin = code[: len(code) - len(code.lstrip())]
    if margin and syntax(code) is None:
        code = "\n".join(line.removeprefix(margin) for line in code.split("\n"))
    if code.startswith(">>>"):
        return "\n".join(re.findall(r"^(?:>>>|\.\.\.) ?(.*)$", code, re.M)).strip("\n")
    return code if code.strip() else ""


def _called(text: str) -> tuple[list[Piece], int]:
    """The code in the JSON at the start of `text`, a tool call of some kind, and its end."""
    start = len(text) - len(text.lstrip())
    if not text.startswith(("{", "["), start):
        return [], 0
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(text, start)
        return [piece for code in _codes(value) for piece in _code(mended(code), sure=True)], end
    except (ValueError, RecursionError):
        return [], 0


def _codes(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _codes(item)
    elif isinstance(value, dict) and isinstance(code := value.get("code"), str):
        yield code
    elif isinstance(value, dict):
        for key in ("arguments", "parameters", "input", "function", "tool_calls"):
            inner = value.get(key)
            if isinstance(inner, str) and inner.lstrip().startswith("{"):
                yield inner
            yield from _codes(inner)


def _balanced(text: str) -> int | None:
    """Where the parenthesis closes that was opened before `text`, read as Python."""
    depth = 1
    for token in islice(_TOKEN.finditer(text), _MOST_TOKENS):
        depth += {"(": 1, ")": -1}.get(token[0], 0)
        if not depth:
            return token.start()
    return None


def _text_end(text: str) -> int | None:
    """The same for prose: a `)` at the end of a line; the last one when they do not match."""
    depth, closed, last = 1, False, None
    for paren in re.finditer(r"[()]", text):
        depth += 1 if paren[0] == "(" else -1
        if paren[0] == ")" and _LINE_END.match(text, paren.end()):
            if depth < 0 or (depth == 0 and not closed):
                return paren.start()
            last = paren.start()
        closed = closed or depth == 0
    return None if closed else last


def _value(source: str) -> ast.expr | None:
    """The one argument of `FINAL(source)`; None when it is no call with just one."""
    tree = syntax(f"FINAL({source}\n)")
    match tree and tree.body:
        case [ast.Expr(ast.Call(ast.Name("FINAL"), [ast.expr() as node], []))]:
            return None if isinstance(node, ast.Starred) else node
    return None


def _final_text(source: str, verb: str) -> FinalText:
    node = _value(source)
    name = source.strip("'\"` ")
    if verb == "FINAL_VAR" and (node or name.isidentifier()):
        return FinalText(None, name if name.isidentifier() else source)
    if node is None:
        return FinalText(source, None)
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        meant = any(
            isinstance(n, ast.Name) or (isinstance(n, ast.Constant) and isinstance(n.value, str))
            for n in ast.walk(node)
        )
        return FinalText(source, source if meant else None)
    return FinalText(value if isinstance(value, str) else source, source, literal=True)

"""A reply that was cut, and what its model wrote next: joined as if there had been no cut."""

from __future__ import annotations

import re

from unspool.replies import looks_like_code, pieces, syntax

ANCHOR_CHARS = 200
"""Of a last line that is longer, so much is to be said again."""
SURE_CHARS = 12
"""So many characters are not the same by chance."""
SURE_LETTERS = 3
"""A word that was begun and is begun anew has so many."""
RESTART_CHARS = 40
"""Two replies that begin alike for so long are the same reply, written twice."""
PROBE_CHARS = 200
LOOP_CHARS = 4_000
LEAST_LOOP_CHARS = 400
TIMES = 3
"""What stands there so many times in a row is said without end."""

_FENCE = re.compile(r"^[ \t]*```", re.M)
_OPENING = re.compile(r"\A(?P<prose>[^`]{0,400}?)^[ \t]*```(?P<tag>\w*)[ \t]*\n", re.M)
_CLOSING = re.compile(r"\n[ \t]*```\s*\Z")
_MARK = "_a_name_that_stands_behind_the_reply"


def anchor(said: str) -> str:
    """The end of a cut reply that its model is asked to begin with: its last line, or the last
    words of a long one."""
    text = said.rstrip()
    line = text[text.rfind("\n") + 1 :]
    return line if len(line) <= ANCHOR_CHARS else line[-ANCHOR_CHARS:].lstrip()


def is_open(said: str) -> bool:
    """Whether a reply ends inside of a block of code or of a `FINAL(`."""
    found = pieces(f"{said}\n{_MARK}")
    last = next((one for one in reversed(found) if one.text.strip()), None)
    if last is None or last.kind in ("code", "maybe"):
        return last is not None and last.text.rstrip().endswith(_MARK)
    return last.kind == "prose" and "FINAL(" in "".join(one.text for one in found[-2:])


def has_code(said: str) -> bool:
    """Whether there is something in a reply that can be run."""
    return any(one.kind in ("code", "final") for one in pieces(said))


def is_broken(said: str) -> bool:
    """Whether the last code of a reply is no Python: a fence within a text may have ended it."""
    codes = [one.text for one in pieces(said) if one.kind == "code"]
    return bool(codes) and syntax(codes[-1]) is None


def loops(said: str) -> bool:
    """Whether the end of a text says the same again and again."""
    if len(said) < LEAST_LOOP_CHARS:
        return False
    tail = said[-LOOP_CHARS:]
    probe = tail[-min(PROBE_CHARS, len(tail) // TIMES) :]
    before = tail.rfind(probe, 0, len(tail) - 1)
    if before < 0:
        return False
    period = len(tail) - len(probe) - before
    length = max(period, len(probe)) * (TIMES - 1)
    return len(tail) >= length + period and tail[-length:] == tail[-length - period : -period]


def joined(said: str, more: str) -> str:
    """`said` and what goes on from it.

    What `more` says again is there once: all of `said`, its last line or words, any end of it
    that cannot be alike by chance. A fence that is opened again is dropped. Where `more` begins
    the reply anew in other words, it takes its place.
    """
    if len(said) >= SURE_CHARS and more.startswith(said):
        return more
    if (opened := _from_opening(said, more)) is not None:
        return opened
    rest, reopened = _without_opening(said, more)
    overlap = _overlap(said, rest)
    by_line = _from_last_line(said, rest)
    if by_line is not None and (overlap < SURE_CHARS or _may_be_news(said, rest)):
        return by_line
    if len(said) > RESTART_CHARS and more.startswith(said[:RESTART_CHARS]):
        return more
    if overlap:
        return said + rest[overlap:]
    if reopened and not said.endswith("\n") and _is_statement(said):
        return f"{said}\n{rest}"
    return said + rest


def _from_opening(said: str, more: str) -> str | None:
    """Both joined at the line that opens a fence, if `said` ends within it and `more` begins
    with it."""
    line, text = anchor(said), more.lstrip()
    opens = re.fullmatch(r"```\w*", line.strip()) and len(_FENCE.findall(said)) % 2
    if not opens or not text.startswith(line.strip()):
        return None
    return said[: said.rindex(line)] + text


def _without_opening(said: str, more: str) -> tuple[str, bool]:
    """`more` without the fence that opens again what is open already; whether there was one."""
    opening = _OPENING.match(more)
    if opening is None or looks_like_code(opening["prose"]):
        return more, False
    if _from_last_line(said, more) is not None:
        return more, False
    rest = more[opening.end() :]
    if any(map(str.isalnum, anchor(said))) and _from_last_line(said, rest) is not None:
        return rest, True
    if all(map(is_broken, (said + rest, f"{said}\n{rest}"))) and not is_broken(said + more):
        return more, False  # it opens a block within a text of the code
    if len(_FENCE.findall(said)) % 2:
        closes = not opening["tag"] and (opening["prose"].strip() or not _CLOSING.search(rest))
        return (more, False) if closes else (rest, True)
    if said.lstrip()[:1] in ("{", "[") and not opening["prose"].strip():
        return _CLOSING.sub("", rest), True
    return more, False


def _from_last_line(said: str, more: str) -> str | None:
    """Both joined at the last line of `said`, if `more` begins with it, however indented."""
    words = anchor(said)
    wanted, text = words.strip(), more.lstrip()
    if not wanted or not text.startswith(wanted):
        return None
    if not any(map(str.isalnum, wanted)) and not more.lstrip("\n").startswith(words):
        return None  # of a bracket, its indentation says which it is
    start = said.rindex(words)
    ended = "\n" in said[start + len(words) :]
    if ended and text[len(wanted) :][:1].strip():
        return None  # another line, which begins as the last one did
    return f"{said[:start]}{words[: len(words) - len(words.lstrip())]}{text}"


def _overlap(said: str, more: str) -> int:
    """How many characters `more` repeats of the end of `said`."""
    head = more[:SURE_CHARS]
    at = said.find(head) if len(head) == SURE_CHARS else -1
    while at >= 0:
        end = said[at:]
        if more.startswith(end) and not _is_periodic(end):
            return len(end)
        at = said.find(head, at + 1)
    for length in range(min(SURE_CHARS - 1, len(said), len(more)), 0, -1):
        if said.endswith(more[:length]) and _is_sure(said, length):
            return length
    return 0


def _may_be_news(said: str, more: str) -> bool:
    """Whether lines that end `said`, and begin `more`, may be said there once more, as in a list
    of records that are alike: where what comes first is the last line, whole or long enough, or
    where they all stand further up, too."""
    last, first = anchor(said).strip(), more.lstrip().partition("\n")[0].strip()
    if first == last or len(last) >= SURE_CHARS:
        return True
    found = [n for n in range(SURE_CHARS, len(more) + 1) if said.endswith(more[:n])]
    lines = [line.strip() for line in said[: -found[0]].splitlines()]
    return all(line.strip() in lines for line in more[: found[0]].strip().splitlines()[:-1])


def _is_sure(said: str, length: int) -> bool:
    """Whether so short an end of a text is likely to be said again rather than once more."""
    before, end = said[-length - 1 : -length], said[-length:]
    if not before or before == "\n":
        return bool(end.strip())
    starts = not (before.isalnum() or before == "_") or not end[0].isalnum()
    return starts and sum(char.isalpha() for char in end) >= SURE_LETTERS


def _is_periodic(text: str) -> bool:
    """Whether a text is the same few characters again and again: it may well go on so."""
    text = text[-LEAST_LOOP_CHARS:]
    return any(text[p:] == text[:-p] for p in range(1, len(text) // TIMES + 1))


def _is_statement(said: str) -> bool:
    """Whether the block that is open ends with a statement that is complete."""
    code = next((one.text for one in reversed(pieces(said)) if one.kind == "code"), "")
    return bool(code.strip()) and syntax(code) is not None

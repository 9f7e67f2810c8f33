"""A summary of all of a text, made in the REPL of a run: part by part, in the text's order, with
no name or number that the text does not have.

Run there as it stands: it needs the standard library alone.
"""

import itertools
import re
import sys
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any

LEAST = 200
"""Characters: what is shorter is no part of its own, but belongs to the next."""
BATCH = 16
READ = """Part of a text, from {}:

{}

Say in two sentences what happens in this part, or what it says. Use no name that is not in it."""
JOIN = """Notes on {}, in their order:

{}

Write them as one paragraph of at most four sentences. Use no name that is not in the notes."""
WHOLE = """Notes on all parts of a text, in their order:

{}

{}
Write that from the notes, and nothing else. Use no name that is not in the notes."""
STRANGE = "\nWrite without: {}."
SHORT = re.compile(
    r"\b(?:(?:short|brief|concise)\w*|in (?:a few|one|two|three|four|five|\d+) \w+"
    r"|(?:one|single|two|three|\d+)[- ](?:sentence|paragraph|word|line|bullet|point)s?)\b",
    re.I,
)
"""What asks for one text, and not for a paragraph on each part."""
SENTENCES = re.compile(r"(?<!\bMr\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\bSt\.)(?<=[.!?])[\"”’]?\s+(?=\S)")
NAMED = re.compile(
    r"(?<![.!?:]\s)(?<!^)(?<![\"“‘(])\b[A-Z][\w'’-]*[a-z]\b|^[A-Z]\w+(?= [A-Z])|\d[\d.,:/-]*\d|\d",
    re.M,
)
"""Names and numbers; of a sentence's first word only where a name goes on behind it."""
INTRODUCED = re.compile(
    r"^(?:Here is [^:]*: *|In (?:this|the) (?:part|passage|text|notes?)\b[^,]*, )"
)
TITLE_CHARS, EXTRACT_CHARS = 80, 200

Part = tuple[str, str]
"""Its name, and what it says."""


class Overview:
    """The summary of one text. `ask_all` asks models; what it gives of the type `failed` is no
    reply. As it grows it stands in `answer`."""

    def __init__(
        self,
        question: str,
        size: int,
        chunks: Callable[..., Sequence[Any]],
        ask_all: Callable[[list[str]], list[Any]],
        answer: MutableMapping[str, Any],
        failed: type,
    ) -> None:
        self._question, self._size = question, size
        self._chunks, self._ask_all = chunks, ask_all
        self._answer, self._failed = answer, failed
        self.unread = 0
        """Pieces that no model could read."""

    def write(self) -> str:
        """The summary: of a text of several parts a paragraph on the whole and one on each, or
        only the first where the question asks for something short."""
        parts = self._parts()
        paragraphs = self._paragraphs(parts)
        told = [(name, one) for (name, _), one in zip(parts, paragraphs) if one]
        if len(told) < 2:
            return told[0][1] if told else ""
        whole = self._joined("the text", [one for _, one in told], last=True)
        if SHORT.search(self._question):
            return whole
        return f"{whole}\n\n{_listed(told)}"

    def prompt(self) -> str:
        """What asks for the summary in another form."""
        return WHOLE.format(self._answer["content"], self._question)

    def _parts(self) -> list[Part]:
        """Documents, else what stands below headings, else pieces."""
        found = [(name, str(text)) for *_, name, text in self._chunks(by="documents", spans=True)]
        parts = [(name, text) for name, text in found if text.strip()]
        for by in ({"by": "headings"}, {"size": 8 * self._size, "by": "paragraphs"}):
            if len(parts) > 1:
                break
            parts = list(_with_titles(map(str, self._chunks(**by))))
        return parts

    def _paragraphs(self, parts: Sequence[Part]) -> list[str]:
        """One on each part. The first piece of each is read before the second of any: what a
        limit leaves unread is then of all parts alike."""
        pieces = [[str(one) for one in self._cut(text)] for _, text in parts]
        notes = [[""] * len(one) for one in pieces]
        places = [(at, number) for at, one in enumerate(pieces) for number in range(len(one))]
        places.sort(key=lambda place: place[1])
        for some in _batches(places):
            texts = [pieces[at][number] for at, number in some]
            prompts = [READ.format(parts[at][0], text) for (at, _), text in zip(some, texts)]
            told = self._faithful(prompts, texts)
            self.unread += told.count(None)
            for (at, number), note, text in zip(some, told, texts):
                notes[at][number] = note or _extract(text)
            known = [(name, " ".join(filter(None, one))) for (name, _), one in zip(parts, notes)]
            self._answer["content"] = _listed([(name, one) for name, one in known if one])
        sys.stderr.write(f"{len(places):,} pieces of {len(parts):,} parts\n")
        return [self._joined(name, one) for (name, _), one in zip(parts, notes)]

    def _cut(self, text: str) -> Sequence[Any]:
        return self._chunks(self._size, "paragraphs", text=text) if text.strip() else ()

    def _joined(self, name: str, notes: Sequence[str], *, last: bool = False) -> str:
        """Several notes as one paragraph, level by level where they are too long to be read at
        once. `last`: as the question asks for it."""
        while len(notes) > 1:
            groups = list(_groups(notes, self._size))
            prompts = [JOIN.format(name, "\n".join(group)) for group in groups]
            if last and len(groups) == 1:
                prompts = [WHOLE.format("\n".join(notes), self._question)]
            texts = [" ".join(group) for group in groups]
            told = self._faithful(prompts, texts)
            notes = [one or text for one, text in zip(told, texts)]
        return " ".join(notes)

    def _faithful(self, prompts: Sequence[str], texts: Sequence[str]) -> list[str | None]:
        """What models reply to each prompt, without the sentences that name what its text does
        not; asked once more where nothing is left. None: there is no reply."""
        replies = self._ask_all(list(prompts))
        kept = [self._borne_out(one, text) for one, text in zip(replies, texts)]
        again = [at for at, one in enumerate(kept) if one == ""]
        more = [prompts[at] + _without(str(replies[at]), texts[at]) for at in again]
        for at, reply in zip(again, self._ask_all(more) if more else ()):
            kept[at] = self._borne_out(reply, texts[at]) or ""
        return kept

    def _borne_out(self, reply: Any, text: str) -> str | None:
        if isinstance(reply, self._failed):
            return None
        sentences = SENTENCES.split(" ".join(str(reply).split()))
        told = [INTRODUCED.sub("", one) for one in sentences if one and not _strange(one, text)]
        return " ".join(one[:1].upper() + one[1:] for one in told)


def _strange(said: str, text: str) -> list[str]:
    """Names and numbers that a text does not have."""
    known = text.lower()
    named = (re.sub(r"['’]s?$", "", one) for one in NAMED.findall(said))
    return [one for one in dict.fromkeys(named) if one.lower() not in known]


def _without(said: str, text: str) -> str:
    strange = _strange(said, text)
    return STRANGE.format(", ".join(strange)) if strange else ""


def _with_titles(texts: Iterator[str]) -> Iterator[Part]:
    """Texts by their first line; one that is hardly more than its title goes to the next."""
    before = ""
    for text in texts:
        before += text
        if len(before.strip()) < LEAST:
            continue
        yield _title(before), before
        before = ""
    if before.strip():
        yield _title(before), before


def _title(text: str) -> str:
    """The last of the short lines that a text begins with, without what marks it."""
    lines = [line.strip("#=*-_ \t") for line in text.strip().splitlines()]
    short = itertools.takewhile(lambda line: len(line) < TITLE_CHARS // 2, lines)
    titles = [line for line in short if line]
    return (titles or [line for line in lines if line] or [""])[-1 if titles else 0][:TITLE_CHARS]


def _extract(text: str) -> str:
    """How a text begins, in whole words."""
    return " ".join(text[: 2 * EXTRACT_CHARS].split())[:EXTRACT_CHARS].rpartition(" ")[0]


def _listed(told: Sequence[Part]) -> str:
    return "\n\n".join(f"{name}: {paragraph}" for name, paragraph in told)


def _batches(places: Sequence[tuple[int, int]]) -> Iterator[Sequence[tuple[int, int]]]:
    return (places[at : at + BATCH] for at in range(0, len(places), BATCH))


def _groups(notes: Sequence[str], size: int) -> Iterator[list[str]]:
    """Neighbours that have room together, at least two where that can be."""
    group: list[str] = []
    for note in notes:
        if len(group) > 1 and sum(map(len, group)) + len(note) > size:
            yield group
            group = []
        group.append(note)
    if group:
        yield group

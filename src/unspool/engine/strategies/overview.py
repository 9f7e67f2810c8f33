"""A summary of all of a text, made in the REPL of a run: part by part, in the text's order, with
no name or number that the text does not have.

Run there as it stands: it needs the standard library alone.
"""

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
    r"\b(?:(?:short|brief|concise)(?: \w+)? (?:summary|overview|synopsis|outline|abstract|recap)"
    r"|in (?:short|brief)|briefly"
    r"|(?:in )?(?:a|an|one|single|two|three|four|five|six|seven|eight|nine|ten|a few|a hundred|\d+)"
    r"[- ](?:sentence|paragraph|word|line|bullet|point)s?)\b",
    re.I,
)
"""What asks for one text, and not for a paragraph on each part."""
OF_EACH = re.compile(r"\b(?:each|every|per|by)\b", re.I)
SENTENCES = re.compile(
    r"(?<!\bMr\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\bSt\.)(?:(?<=[.!?])|(?<=[.!?][\"”’]))\s+(?=\S)"
)
NAMED = re.compile(r"(?<![.!?:]\s)(?<!^)(?<![\"“‘(])\b[A-Z][\w'’-]*[a-z]\b|\d[\d.,:/-]*\d|\d", re.M)
"""Names and numbers; not the first word of a sentence."""
INTRODUCED = re.compile(
    r"^(?:Here is [^:]*: *|(?:In|On) (?:this|the) (?:part|passage|text|chapter|notes?)\b[^,]*, )"
)
CAPITALS = 0.1
"""A share of words with a capital within sentences, from which on they are no names: German."""
MANY = 60
"""Parts: of more, neighbours are told together."""
HEAD = re.compile(r"^=====.*=====\n")
"""Where a document begins."""
TITLE_CHARS, EXTRACT_CHARS = 80, 200
LINES = 6
"""Of a part, among which its heading is."""
HEADING = re.compile(
    r"\s*(?:#+ \S|(?:chapter|part|book|act|scene|section|volume|letter|canto)\b"
    r"|(?:[IVXLC]+|\d+(?:\.\d+)*)\.? ?[A-Z]?[\w ]{0,60}$)",
    re.I,
)

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
        self._whole = ""
        self.unread = 0
        """Pieces that no model could read."""

    def write(self) -> str:
        """The summary: of a text of several parts a paragraph on the whole and one on each, or
        only the first where the question asks for something short."""
        parts = self._parts()
        if len(parts) == 1 and len(parts[0][1]) <= self._size:
            return self._at_once(parts[0][1])
        paragraphs = self._paragraphs(parts)
        told = [(name, one) for (name, _), one in zip(parts, paragraphs) if one]
        notes = [f"{name}: {one}" for name, one in told] if len(told) > 1 else paragraphs
        self._whole = self._joined("the text", notes, last=True)
        if len(told) < 2:
            return self._whole or " ".join(paragraphs)
        if self._whole and SHORT.search(self._question) and not OF_EACH.search(self._question):
            return self._whole
        return f"{self._whole}\n\n{_listed(told)}".strip()

    def prompt(self) -> str:
        """What asks for the summary in another form."""
        made = str(self._answer["content"])
        return WHOLE.format(made if len(made) <= self._size else self._whole, self._question)

    def _at_once(self, text: str) -> str:
        [told] = self._faithful([f"{text}\n\n{self._question}"], [text])
        self.unread += told is None
        return told or _extract(text)

    def _parts(self) -> list[Part]:
        """Documents, else what stands below headings, else pieces."""
        found = [(name, str(text)) for *_, name, text in self._chunks(by="documents", spans=True)]
        parts = [(name, HEAD.sub("", text.lstrip())) for name, text in found]
        parts = [(name, text) for name, text in parts if text.strip()]
        if len(parts) < 2:
            parts = list(_with_titles(map(str, self._chunks(by="headings"))))
        if len(parts) < 2:
            pieces = [one for one in self._chunks(8 * self._size, "paragraphs") if str(one).strip()]
            parts = [(f"Part {number}", str(text)) for number, text in enumerate(pieces, 1)]
        return list(_gathered(parts, self._size)) if len(parts) > MANY else parts

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
            told = self._faithful(prompts, [f"{parts[at][0]}\n{pieces[at][n]}" for at, n in some])
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
        once. `last`: as the question asks for it; nothing, where there is no reply."""
        while len(notes) > 1:
            groups = list(_groups(notes, self._size))
            ends = last and len(groups) == 1
            prompts = [JOIN.format(name, "\n".join(group)) for group in groups]
            if ends:
                prompts = [WHOLE.format("\n".join(notes), self._question)]
            texts = [" ".join(group) for group in groups]
            told = self._faithful(prompts, [f"{name}\n{text}" for text in texts])
            if ends:
                return told[0] or ""
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
        known = f"{text}\n{self._question}"
        sentences = SENTENCES.split(" ".join(str(reply).split()))
        told = [INTRODUCED.sub("", one) for one in sentences]
        told = [one[:1].upper() + one[1:] for one in told]
        return " ".join(one for one in told if one and not _strange(one, known))


def _strange(said: str, text: str) -> list[str]:
    """Names and numbers that a text does not have; numbers alone, where words that are no names
    have capitals too."""
    known = text.lower()
    named = (re.sub(r"['’]s?$", "", one) for one in NAMED.findall(said))
    found = [one for one in dict.fromkeys(named) if one.lower() not in known]
    words = re.findall(r"(?<=[a-z,;] )\w+", text[:20_000])
    if sum(word[:1].isupper() for word in words) > CAPITALS * len(words) and len(words) > MANY:
        found = [one for one in found if one[:1].isdigit()]
    return found


def _without(said: str, text: str) -> str:
    strange = _strange(said, text)
    return STRANGE.format(", ".join(strange)) if strange else ""


def _with_titles(texts: Iterator[str]) -> Iterator[Part]:
    """Texts by their titles; one that is hardly more than its title goes to the next, or at the
    end to the one before."""
    held: list[str] = []
    before = ""
    for text in texts:
        before += text
        if _says(before) >= LEAST:
            held.append(before)
            before = ""
    if before.strip() and held:
        held[-1] += before
    elif before.strip():
        held.append(before)
    yield from ((_title(text), text) for text in held)


def _says(text: str) -> int:
    """How many characters a text has in lines that are no titles."""
    return sum(len(line) for line in text.splitlines() if len(line) > TITLE_CHARS // 2)


def _gathered(parts: Sequence[Part], size: int) -> Iterator[Part]:
    """Neighbours together, as long as they are read at once."""
    group: list[Part] = []
    for part in parts:
        if group and sum(len(text) for _, text in group) + len(part[1]) > size:
            yield _together(group)
            group = []
        group.append(part)
    if group:
        yield _together(group)


def _together(group: Sequence[Part]) -> Part:
    (first, _), (last, _) = group[0], group[-1]
    name = first if first == last else f"{first} ... {last}"
    return name, "\n".join(text for _, text in group)


def _title(text: str) -> str:
    """What a text is headed by: the last heading among its first lines, else the first line."""
    lines = [line for line in text.strip().splitlines() if line.strip()][:LINES]
    named = [line for line in lines if HEADING.match(line)]
    return (named[-1] if named else lines[0] if lines else "").strip("#=*-_ \t")[:TITLE_CHARS]


def _extract(text: str) -> str:
    """How a text begins, in whole words where it has words."""
    text = " ".join(text[: 2 * EXTRACT_CHARS].split())
    if len(text) <= EXTRACT_CHARS:
        return text
    return text[:EXTRACT_CHARS].rpartition(" ")[0] or text[:EXTRACT_CHARS]


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

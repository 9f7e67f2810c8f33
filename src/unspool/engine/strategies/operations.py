"""What the steps of a guided run do, as code of its REPL.

Its source is run there before the first step, behind that of `conditions.py`; the cells of the
steps then call one object of it.
"""

import collections
import itertools
import re
from collections.abc import Sequence
from typing import Any

from unspool.engine.strategies.chosen import LONGEST, LOOKED_AT, enum_of
from unspool.engine.strategies.conditions import (
    as_in,
    behind,
    fields_of,
    in_one_field,
    signed,
    standing,
    taken,
    whole_name,
)
from unspool.engine.strategies.judged import MOST_READ, Judged, sorts
from unspool.engine.strategies.lines import OTHERS, PRONOUN, SHOWN, sentence, unplaced
from unspool.engine.strategies.questions import (
    COMMON,
    WHO,
    alone,
    called_by,
    facts,
    followed,
    is_fact,
    kind_of,
    measured,
    names,
    offered,
    sentences,
    suits,
)

SAMPLES = 3
"""Lines that a model is asked about, to see what is to be taken of all."""
COPY = "Copy it from the text word for word, and write nothing else."
READ = """Question: {0}

Text:
{1}

{0}
Copy only the words that answer this from the text, without the rest of the sentence."""
ITEM = """Question: {0}

Text:
{1}

{0}
The text is one line of many. Copy only the words of it that answer this, without the rest of the\
 line."""
READINGS = 3
"""Times that what was read may lead to further lines."""
ALL = "The lines above are all there is of it. If they have the answer, give it."
FIGURED = re.compile(r"\b(?:the|their|its|by) (?:numbers|ids|codes|dates|years|prices|amounts)\b")
"""What has figures in it."""
IDENTIFYING = re.compile(r"\b(?:the|their|its|by) (ids|identifiers|codes|numbers|keys)\b")
"""What no two things share."""
SEVERAL_WANTED = re.compile(
    r"\b(?:the|their|by) [a-z-]+(?:, [a-z-]+)* and (?:the |their )?[a-z-]+s\b"
)
"""More than one thing of each line."""
NOTHING = re.compile(
    r"\W*(?:|none|null|unknown|n/?a|nothing|not (?:\w+ )*(?:found|given|said))\W*", re.I
)
"""What says that there is no answer."""
PART_OF_NAME = re.compile(
    r"\b(?:first|last|given|family|sur) ?-?name|\binitials?\b|\btitle of", re.I
)
WORD = re.compile(r"\d{1,3}(?:,\d{3})+(?![\w,])|\w[\w./'-]*")


class Steps(Judged):
    """One run's steps."""

    def look(self, *wanted: str) -> None:
        """Shows the lines nearest to the first text, before them one or two with each of the
        other texts, with what else is said of what the nearest one names."""
        first, *others = wanted
        if not others and (known := self._all_of(first)):
            self._tell(f"{known}\n{ALL}")
            return
        exact = {text: self._lines_with(text, 2) for text in others}
        nearest = dict.fromkeys([*itertools.chain(*exact.values()), *self._near(first, SHOWN)])
        lines = list(nearest)
        if lines and self._asks == "text":
            lines = [lines[0], *self._next_hop(lines[0]), *lines[1:SHOWN]]
        lines += [line for text in others if not exact[text] for line in self._near(text, 2)]
        if not self._show(lines):
            self._tell("\n".join([*lines[:1], ALL]))

    def read(self, *named: str) -> None:
        """Ends with what a model reads in the few lines about what the question names, and in
        those about what these name, where that is borne out; else shows nothing. Among many
        lines that are alike, a small model picks the wrong one."""
        if said := self._read(named):
            self._tell(said)
            self._final(said)

    def _read(self, named: Sequence[str], most: float = float("inf")) -> str:
        """`most`: characters of all lines together, beyond which nothing is read."""
        lines = self._few(named)
        if not lines or not (self._asks == "text" or measured(self._question, lines)):
            return ""
        near = self._near(self._question, 2 * SHOWN)
        lines.sort(key=lambda line: near.index(line) if line in near else len(near))
        lines = [*lines[1:], lines[0], *self._next_hop(sentence(unplaced(lines[0]), named))]
        for _ in range(READINGS):
            about = [*named, *self._hops]
            text = "\n".join(sentence(self._going_on(line), about) for line in lines)
            if len(text) > most:
                return ""
            [said] = self._copied([(self._question, text)])
            said = self._of_another(said, named, text) or said
            self._shown.update(dict.fromkeys(lines))
            said = self._beyond(said, named) if said else ""
            if not said or not self._more_of(said):
                return said
            lines = list(dict.fromkeys([*lines, *self._shown]))
        return ""

    def _of_another(self, said: str, named: Sequence[str], text: str) -> str:
        """What a model copies of the sentences about what the question names, where what was
        said stands in none of them; else nothing."""
        about = "\n".join(told_of(named, text))
        if not (said and about) or said in about:
            return ""
        [again] = self._copied([(self._question, about)])
        figures = [any(map(str.isdigit, one)) for one in (said, again)]
        alike = figures[0] == figures[1] and bool(facts(said)) <= bool(facts(again))
        return "" if PRONOUN.fullmatch(again) or not alike else again

    def _beyond(self, said: str, named: Sequence[str]) -> str:
        """What is told of a name that was said, where the question is about `the man who built`
        what it names, and that is he; else the name."""
        question = followed(self._question, said)
        lines = self._lines_with(said, SHOWN) if question else []
        more = [one for one in lines if not any(name in one for name in named)]
        if not 0 < len(more) < len(lines):
            return said
        return self._copied([(question, "\n".join(map(unplaced, more)))])[0] or said

    def _copied(self, pairs: Sequence[tuple[str, str]]) -> list[str]:
        """What a model copies for each question from its text; nothing, where it finds none."""
        replies = self._ask_all([READ.format(question, text) for question, text in pairs])
        said = [str(one).strip().strip("\"'.").strip() for one in replies]
        return [
            "" if NOTHING.fullmatch(one) else self._borne_out(one, *pair)
            for pair, one in zip(pairs, said)
        ]

    def _borne_out(self, said: str, question: str, text: str) -> str:
        """What is said as the text has it. What is not in it, repeats the question or is of
        another kind is chosen anew among what the text has; of `the doctor`, for who it was,
        among the names beside it."""
        said = as_in(text, said)
        if said and not PART_OF_NAME.search(question):
            said = whole_name(text, said)
        holds = bool(said) and not _echoes(said, question)
        if holds and suits(said, question):
            return said
        nameless = bool(said and WHO.search(question))
        if nameless:
            told = itertools.chain.from_iterable(map(sentences, text.split("\n")))
            text = "\n".join(one for one in told if said in one)
        options = [one for one in offered(text, question) if suits(one, question)]
        if nameless and holds and options:  # it may have been right: lower-case names, `the boys`
            options = [*options, said]
        return self._one_of(options, text, question) or (said if nameless and holds else "")

    def each(self, *things: str) -> None:
        """Answers for each of several things by itself, from the lines that name it. Answers to
        one question are alike: one that is not is chosen among what is."""
        known = [
            [sentence(unplaced(line), [thing]) for line in self._lines_with(thing, 4)]
            for thing in things
        ]
        if not all(known):
            return
        pairs = [(thing, "\n".join(lines)) for thing, lines in zip(things, known)]
        replies = self._copied([(alone(self._question, thing), text) for thing, text in pairs])
        [(kind, number)] = collections.Counter(map(kind_of, replies)).most_common(1)
        if len(things) > number > 1 and 2 * number >= len(things):
            replies = [
                reply if kind_of(reply) == kind else self._alike(*pair, kind) or reply
                for pair, reply in zip(pairs, replies)
            ]
        for (thing, text), reply in zip(pairs, replies):
            self._tell(f"{thing}: {reply}")
            if not reply or any(fact.lower() not in text.lower() for fact in facts(reply)):
                return
        self._final("; ".join(f"{a}: {b}" for a, b in zip(things, replies)))

    def _alike(self, thing: str, text: str, kind: str) -> str:
        """What a model chooses for a thing, of all of that kind that its lines have."""
        found = dict.fromkeys(one.rstrip(".") for one in WORD.findall(text))
        options = [one for one in found if kind_of(one) == kind and one not in thing]
        return self._one_of(options, text, alone(self._question, thing))

    def count(self, *where: str) -> None:
        """Counts the lines that fulfil all conditions."""
        if self._judge(where):
            return
        self.found, alone = self._select(where)
        where = tuple(alone)
        self._tell(f"{len(self.found):,} lines fulfil all of: {', '.join(where)}.")
        if not self.found and (strange := self._strange(alone)):
            if not self._afresh():
                self._tell(f"No line has {strange!r}, and the question does not ask for it.")
        elif self._doubtful(where, "number", self.found):
            for line in self.found[:OTHERS]:
                self._tell(line[:200])
        elif self._asks == "number":
            self._final(len(self.found))

    def collect(self, *where: str) -> None:
        """Takes of each line that fulfils all conditions what the question asks for. A model
        says of a few lines what that is; the rest follows from where it stands in them."""
        chosen, alone = self._select(where)
        where = tuple(alone)
        if forgotten := self._forgotten(where, chosen):
            self._tell(f"Nearly all lines do. Added, of the question: {', '.join(forgotten)}.")
            where = (*where, *forgotten)
            chosen, _ = self._chosen(where)
        lines = [line for line in chosen if len(line) <= LONGEST]
        found = self._wanted(lines) if len(lines) >= 0.95 * len(chosen) else []
        self.found = found or list(dict.fromkeys(chosen))
        self._tell(f"{len(self.found):,} found: {', '.join(self.found[:5])} ...")
        if not self._doubtful(where, "list", chosen) and self._asks != "number":
            self._final(self.found)

    def _wanted(self, lines: Sequence[str]) -> list[str]:
        """What a question asks for of each line: what stands behind its label there, else what
        a model takes of a few, where that has a place in all of them."""
        few = [lines[len(lines) * at // SAMPLES] for at in range(min(SAMPLES, len(lines)))]
        label = called_by(self._question)
        if label:
            found = list(itertools.takewhile(bool, (behind(label, line) for line in lines)))
            if len(found) == len(lines):
                return list(dict.fromkeys(found))
        said = self._items([ITEM.format(self._question, line) for line in few])
        question = self._question.lower()
        said = [signed(line, one, question) for line, one in zip(few, said)]
        pairs = [(line, one) for line, one in zip(few, said) if one.lower() not in question]
        if not SEVERAL_WANTED.search(self._question):
            pairs = [pair for pair in pairs if in_one_field(*pair)]
        found = self._taken(lines, pairs)
        if said and not found:  # all the lines have that, or it stands nowhere in them
            found = self._taken(lines, [(line, self._choice(line)) for line in few])
        return found

    def _taken(self, lines: Sequence[str], pairs: Sequence[tuple[str, str]]) -> list[str]:
        """What the lines have where most examples stand; where the question asks for what tells
        the lines apart, and one of the examples alone does, that."""
        found = taken(lines, pairs)
        if pairs and len(found) < len(lines) and (said := IDENTIFYING.search(self._question)):
            if said[1] != "numbers":  # which may be of anything
                line = pairs[0][0]
                fields = (signed(line, one, self._question) for one in fields_of(line))
                pairs = [*pairs, *((line, one) for one in fields)]
            alone = (taken(lines, [pair]) for pair in pairs if not re.search(r"\s", pair[1]))
            found = next((one for one in alone if len(one) == len(lines)), found)
        return found

    def _items(self, prompts: Sequence[str]) -> list[str]:
        """What a model says to each prompt, without the marks of a list."""
        if not prompts or self._ask_all is None:
            return []
        return [str(one).strip().strip("[]\"'").strip() for one in self._ask_all(list(prompts))]

    def _choice(self, line: str) -> str:
        """What a model chooses of a line's fields, without those that the question names."""
        question = self._question.lower()
        fields = [one for one in fields_of(line) if one.lower() not in question]
        if FIGURED.search(question):
            words = re.findall(r"\w(?:[\w./@'-]*\w)?", line)
            fields = [word for word in words if any(map(str.isdigit, word))] or fields
        chosen = self._one_of(fields, line, f"{self._question}\nOf this line alone, that is:")
        return signed(line, chosen, self._question) if chosen else ""

    def _one_of(self, options: Sequence[str], text: str, ask: str) -> str:
        """What a model chooses of the options for a text; it is not asked where there is no
        choice."""
        if len(options) < 2:
            return "".join(options)
        [said] = self._ask_each([text], ask, schema=enum_of(options))
        return said if said in options else ""

    def label(self, ask: str, options: Sequence[str], wanted: str = "") -> None:
        """Asks of each line which of the options it is, and counts. What a model asks in words of
        its own, to be answered yes or no, is asked in those of the question, if that can be."""
        own = {"yes", "no", "true", "false"}.issuperset(map(str.lower, options))
        if (own or sorts(self._question)[1]) and self._judge([ask]):
            return
        lines = list(itertools.islice(self._units(), MOST_READ + 1))
        if len(lines) > MOST_READ:
            self._tell(
                f"There are more than {MOST_READ:,} lines, too many to read each: use count."
            )
            return
        self._counted(ask, options, [wanted] if wanted in options else [], lines)

    def say(self, text: Any) -> None:
        """Ends with an answer, if what was shown bears it out; else shows what else there is."""
        text = str(text).strip()
        known = "\n".join(self._shown).lower() + self._question.lower()
        unseen = [fact for fact in facts(text) if fact.lower() not in known]
        nowhere = [fact for fact in unseen if not self._lines_with(fact, 1)]
        if self._uncounted(text):
            return
        if (nowhere or NOTHING.fullmatch(text) or _echoes(text, self._question)) and self._afresh():
            return
        if nowhere:
            self._tell(f"The text does not say {nowhere[0]!r} anywhere. It says:")
            for line in list(self._shown)[: SHOWN // 2]:
                self._tell(line)
        elif unseen and self._once("unseen", f"No line above has {unseen[0]!r}. The nearest:"):
            self.look(text, *unseen[:2])
        elif not (self._elsewhere(text) or self._more_of(text)):
            self._final(text)

    def _uncounted(self, said: str) -> bool:
        """Counts by what the question has, where a number that stands in no line was said and
        nothing was counted."""
        stands = standing(said).search
        counted = self.found or any(map(stands, map(unplaced, self._shown)))
        summed = re.search(r"\b(?:total|sum|average|mean|median)\b", self._question, re.I)
        if self._asks != "number" or counted or summed:
            return False
        where = self._left_out((), list(itertools.islice(self._units(), LOOKED_AT)))
        told = f"Nothing was counted. Counted, of the question: {', '.join(where)}."
        if not where or not self._once("uncounted", told):
            return False
        self.count(*where)
        return True

    def _afresh(self) -> bool:
        """Ends with what a model reads in the lines above, which it sees without all else: what
        it has said may be of the examples. Once, and where the lines have what it reads."""
        if "afresh" in self._warned:
            return False
        self._warned.add("afresh")
        lines = "\n".join(map(unplaced, self._shown))
        said = "".join(self._items([f"{lines}\n\n{self._question}\n{COPY}"])).strip(".")
        said = as_in(lines, said)
        if not said or _echoes(said, self._question):
            return False
        if not (self._elsewhere(said) or self._more_of(said)):
            self._final(said)
        return True

    def _elsewhere(self, text: str) -> bool:
        """Warns where what is answered stands in no line about what the question names, while
        there are such lines, but in some that name others."""
        hops = [line for others in self._hops.values() for line in others]
        named = [name.lower() for name in names(self._question)]
        about = [one for one in self._shown if any(name in one.lower() for name in named)]
        words = [fact.lower() for fact in facts(text)] or [text.lower()]
        saying = [one for one in self._shown if any(word in one.lower() for word in words)]
        sure = not about or any(one in about or one in hops for one in saying)
        if sure or not all(set(names(unplaced(one))) - {text} for one in saying):
            return False
        told = f"{text[:80]!r} is said of another. What the question asks about:"
        return self._once("elsewhere", told, about[:OTHERS])

    def _more_of(self, name: str) -> bool:
        """Shows, of what was found, what else the text says: the question may ask for that."""
        if self._asks == "number" or not 2 < len(name) < 100 or len(self._warned) > SHOWN:
            return False
        new = [one for one in self._lines_with(name, SHOWN) if one not in self._shown]
        lines = self._hops.get(name) or new
        if not 0 < len(lines) <= OTHERS:
            return False
        wanted = self._on_the_way(name, lines)
        told = f"The text says more of {name!r}. If the question asks for that, answer with it:"
        if wanted:
            told = f"{name!r} is only on the way. The question asks for {wanted!r}. Answer with it:"
        keys = [f"more of {name}", *([wanted] if wanted else [])]
        if not any(self._once(key, told, lines) for key in keys):
            return False
        self._shown.update(dict.fromkeys(lines))
        return True

    def _on_the_way(self, name: str, lines: Sequence[str]) -> str:
        """A word of the question that is said where more is said of a name, and is not where
        the question's own names lead to that name."""
        question = self._question.replace(name, "")
        words = re.findall(r"\w+", " ".join(lines).lower())
        before = [line.lower() for line in self._shown if name in line and line not in lines]
        asked_for: list[str] = re.findall(r"[^\W\d_]{4,}", question.lower())
        for word in asked_for:
            known = word in COMMON or any(word in line for line in before)
            if before and word in words and not known:
                return word
        return ""

    def _all_of(self, text: str) -> str:
        """The line that says something, where all that do are shown already; else nothing."""
        found = self._lines_with(text, SHOWN) if len(text) > 2 else []
        all_shown = len(found) < SHOWN and all(line in self._shown for line in found)
        return found[0] if found and all_shown else ""

    def _doubtful(self, where: Sequence[str], kind: str, lines: Sequence[str]) -> bool:
        """Warns, once of each kind, where lines may not be those that were asked for."""
        if not self.found:
            return self._once("none", "None. Copy the words of conditions from the lines above.")
        if self._asks not in ("text", kind):
            told = "a number: use count" if self._asks == "number" else "the items: use list"
            return self._once("kind", f"The question asks for {told}.")
        if len(self.found) == 1 and max(map(len, where), default=0) > 40:
            return self._once("one", "That is one line. If it says the answer, give it.")
        left = list(itertools.islice(self._unused(where, lines[:LOOKED_AT]), OTHERS))
        named = ", ".join(f"{word!r} (in {number:,} of these lines)" for word, number in left)
        told = f"The question also has {named}. If it is a condition, add it; else repeat this."
        return bool(left) and self._once("unused", told)


def told_of(named: Sequence[str], text: str) -> list[str]:
    """The sentences of a text that have one of some names, a part of one, or another name that
    these have, and those of their lines that may go on from them."""
    lines = [sentences(line) for line in text.split("\n")]
    about = [one for line in lines for one in line if any(name in one for name in named)]
    beside = [one for told in about for one in [*names(told), *told.split(None, 1)[:1]]]
    parts = [one for name in named for one in name.split()]
    known = {one for one in [*named, *parts, *beside] if is_fact(one) and len(one) > 1}
    found = []
    for line in lines:
        of_it = [any(standing(name).search(one) for name in known) for one in line]
        for at in range(1, len(line)):
            of_it[at] = of_it[at] or of_it[at - 1]
        for at in range(len(line) - 1, 0, -1):
            of_it[at - 1] = of_it[at - 1] or (of_it[at] and bool(PRONOUN.match(line[at])))
        found.append("".join(one for one, told in zip(line, of_it) if told).strip())
    return list(filter(None, found))


def _echoes(said: str, question: str) -> bool:
    """Whether that is what a question has said, and did not offer to choose."""
    repeated = standing(re.sub(r"['’]s?$", "", said), re.I).search(question)
    offers = re.search(r"\bor\b|\?.*\?", question)
    return bool(repeated and any(map(str.isalpha, said)) and not offers)

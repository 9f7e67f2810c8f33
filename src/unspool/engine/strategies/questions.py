"""What a question asks for, what it names, and what may answer it.

Run in the REPL of a guided run too: it needs the standard library alone.
"""

import re
from collections.abc import Iterable

THING = r"(?:[A-Z\d][\w'.-]*|&|\w+(?:[-_]\w+)+)(?: (?:[A-Z\d][\w'.-]*|&|[a-z]+(?=[,?.;:]| and )))*"
SEVERAL = re.compile(rf"({THING}(?:, {THING})+,? and {THING}|{THING} and {THING})")
EACH_OF = re.compile(r"\beach of (?:these|the following)[\w\s]+?: ?|\b(?:these|the) \w+: ")
FIGURES = re.compile(
    r"^(?:since |until |by )?when\b|\bhow (?:many|much|old|long|far|high|tall|deep)\b"
    r"|\b(?:what|which|what is the|give the) (?:date|year|price)\b",
    re.I,
)
_WRITTEN = (
    r"(?:(?:this|the|these|those|all|each|every)(?: (?:of the|the|whole|entire|full|complete|long"
    r"|short|following|attached|given))?"
    r" (?:texts?|books?|novels?|story|stories|documents?|reports?|papers?|plays?|files?|articles?"
    r"|letters?|transcripts?|conversations?|discussions?|archive|chapters?|contents?|threads?"
    r"|e?mails?|meetings?|chats?|speech(?:es)?|essays?|contracts?|sections?|notes))"
)
_COUNTED = r"(?:a|an|one|two|three|four|five|six|seven|eight|nine|ten|a few|a hundred|\d+)"
_NO_MORE = (
    rf"(?= in (?:{_COUNTED} [\w-]+|your own words|short|brief|detail|bullet points|[A-Z]\w+)"
    r"(?=\s*[,.:!?;]|\s*$)|\s*[.!?;]|, (?!what|how|why|who|where|when)|\s*$)"
)
"""It goes on with how it is to be done, or not at all: with nothing that it is to be about."""
_BEGUN = r"(?:^|[.?!;] |\b(?:please|you|to|and|then|it,) )"
_ALL_OF_IT = rf"(?:{_WRITTEN}|it all|it|this|everything){_NO_MORE}"
_SUMMARY = r"(?:summary|synopsis|overview|outline|abstract|recap)"
OVERVIEW = (
    rf"{_BEGUN}(?:summari[sz]e|outline|recap)(?: {_ALL_OF_IT}|{_NO_MORE})"
    rf"|{_BEGUN}(?:summari[sz]e|outline) (?:each|every) \w+{_NO_MORE}"
    rf"|(?:{_BEGUN}(?:write|give|make|provide|produce|create|draft|prepare)|\bI (?:need|want))"
    rf"(?: me| us)? (?:an?|the)(?: [\w-]+,?){{0,3}} {_SUMMARY}(?: of {_ALL_OF_IT}|{_NO_MORE})"
    rf"|^what (?:is|are) {_WRITTEN} (?:all )?about\b|^what happens in {_WRITTEN}{_NO_MORE}"
)
"""Compiled where it is needed: the code of steps has it too."""
NEGATED = r"\b(?:not|never|without|n't)\b[^.?!]{0,20}\b(?:summar|outlin|recap|overview)"
_THINGS = (
    r"(?:\b(?:how many(?: of(?: the| these| all)?)?|(?:number|list) of(?: the| all)?"
    r"|text (?:has|have)|(?:count|list|find|name|collect)(?: the| all)*|look for(?: the| all)?"
    r"|of all|of (?:these|the)|(?:each|every one) of (?:the|these))|^which)"
    r" (?:[a-z-]+ )??([a-z-]+(?:[^\Ws]s|sses)|people|men|women|children)"
    r"(?=[,.?!]| \(| (?:that|which|who|whose|with|without|where|when|there|are|were|is|have|has|had"
    r"|do|does|did|come|came|on|in|at|by|from|of|about|not|the text)\b)"
)
_IDS = r"(?<![\w-])(?=[\w-]*[^\W\d])\w+(?:[-_]\w+)+|(?<![\w-])(?=[A-Z]*\d)[A-Z\d]{4,}(?!-?\w)"
WHO = re.compile(r"^(?:by |to |with |for )?who(?:m|se)?\b|^what (?:is|was) the name of", re.I)
PERSON = re.compile(r"^(?:by |to |with |for )?who(?:m|se)?\b", re.I)
PLACE = re.compile(
    r"^(?:(?:in|at|from|to|on|of) )?(?:where\b|(?:what|which)(?: (?:is|was) the)?(?: [a-z]+)?"
    r" (?:place|birth ?place|town|city|village|county|country|state|region|continent|district"
    r"|province)(?= (?:is|was|did|does|do|has|had|of|in|where|that|which)\b|[?,]|$))",
    re.I,
)
DATE = re.compile(
    r"(?:\d{1,2} )?(?:January|February|March|April|May|June|July|August|September|October|November"
    r"|December)\b[\d ,]*|\d{3,4}"
)
_WH = r"\b(?:who|whom|whose|what|which|where|when)\b"
ASKING = rf"^(?:[a-z]+ )?{_WH}|{_WH}.*\?$"
NOT_TOLD = (
    r"^(?:is|are|was|were|does?|did|has|have|had|can|could|will|would|should|how|why)\b"
    r"|\b(?:this|the) (?:text|book|document|story|article|file)\b"
)
"""Of a question for what a text does not say in a few words."""
COMMON = frozenset(
    "about all and any are been but can did does for from had has have her him his how into its not"
    " our out per she that the their them there these they this those was were what when where"
    " which who whom whose will with would you".split()
)
"""Words that are no condition."""
OPENERS = frozenset("the a an it in on at yes no true false none not unknown and i".split())
FACT = re.compile(r"\w[\w.,:/'-]*")
SENTENCE_END = re.compile(r"[.!?](?:[\"'”’)\]]|\[\d+\])*\s+")
SENTENCE = 5
"""An answer of more words than that is a sentence."""
MOST_OFFERED = 24
"""Of what a text has, to choose from."""


def asked(question: str) -> str:
    """What a question asks for: a `number`, a `list` or a `text`."""
    question = question.lower()
    if re.search(r"\bhow (?:many|often)\b|\bnumber of\b|\bcount\b", question):
        return "number"
    every = r"\b(?:all|every|each|both|list|leave out|leaving out)\b"
    several = r"^(?:what|which|who) (?:are|were)\b|^(?:which|what) \w+(?:s|es|ren)? (?:are|were)\b"
    return "list" if re.search(rf"{every}|{several}", question) else "text"


def one_answer(question: str) -> bool:
    """Whether a question asks who, what, where or when, which may be told in a few words of a
    text: not whether or why, nor for a number, a list or something of each of several."""
    last = sentences(question.strip())[-1]
    if not re.search(ASKING, last, re.I) or re.search(NOT_TOLD, last, re.I) or "#" in question:
        return False
    return asked(question) == "text" and not (overview(question) or enumerated(question))


def things(question: str) -> list[str]:
    """What a question says that it counts or lists, in the plural: `alarms`, of `how many alarms
    came late`."""
    return list(dict.fromkeys(word.lower() for word in re.findall(_THINGS, question, re.I)))


def called_by(question: str) -> str:
    """What a question calls that which it asks for of each thing, in the singular: `ear tag`, of
    `the sheep by their ear tags`."""
    wanted = r"(?: me)?(?: (?:a|the) list of)?(?: all)? (?:the|their|its) ([a-z-]+(?: [a-z-]+)?)s\b"
    verbs = r"\b(?:name|list|collect|find|show|(?:what|which) are)"
    found = re.search(rf"\b(?:by|give|return){wanted}", question, re.I)
    found = found or re.search(verbs + wanted, question, re.I)
    return found[1] if found else ""


def overview(question: str) -> bool:
    """Whether a question asks for a summary of all of a text, and not for one of what the text
    says of something: all has to be read for it."""
    negated = re.search(NEGATED, question, re.I)
    return not negated and bool(re.search(OVERVIEW, question, re.I))


def names(text: str) -> list[str]:
    """What a text names: what it quotes, names of several words or one, ids."""
    quoted = re.findall(r"[\"“‘]([^\"”’]{2,80})[\"”’](?!\w)", text)
    named = re.findall(
        r"(?<![.?!]\s)(?<!^)(?<!\d-)\b[A-Z][\w'-]*(?:\s+(?:[A-Z][\w'-]*|&(?=\s)))*", text
    )
    ids = re.findall(_IDS, text)
    named = [re.sub(r"['’]s?$", "", one) for one in named]
    return [one for one in dict.fromkeys((*quoted, *named, *ids)) if len(one) > 2]


def enumerated(question: str) -> list[str]:
    """The things that a question asks about one after the other: `A, B and C`."""
    found = SEVERAL.search(question)
    if not found:
        return []
    listed = [one.strip() for one in re.split(r", and |, | and ", found[1])]
    return list(dict.fromkeys(listed)) if len(listed) > 1 else []


def alone(question: str, thing: str) -> str:
    """A question about several things, for one of them."""
    said = next(one for one in re.split(r"(?<=[.?!]) ", question) if SEVERAL.search(one))
    before, after = SEVERAL.split(said, maxsplit=1)[::2]
    return f"{EACH_OF.sub('', before)}{thing}{after}"


def followed(question: str, name: str) -> str:
    """A question about something `of the man who built it`, for that man by his name; empty: it
    has nothing of the kind."""
    clause = r"\b(of|by|to|from|with) (?:the|a|an) \w+(?: \w+)? (?:who|that|which)\b[^,.?]*"
    told = re.sub(clause, lambda found: f"{found[1]} {name}", question, count=1)
    return told if told != question else ""


def measured(question: str, lines: Iterable[str]) -> bool:
    """Whether one of some lines has the number that a question asks for: `48 barrels`, for how
    many barrels there are."""
    noun = re.search(r"\bhow (?:many|much) (\w+)|\bnumber of (\w+)", question.lower())
    word = (noun[1] or noun[2]) if noun else ""
    return bool(word) and any(re.search(rf"\d (?:\w+ )?{word}\b", line, re.I) for line in lines)


def suits(said: str, question: str) -> bool:
    """Whether what is said has the figures of a question for a date or a number, a name where it
    asks who, and no date where it asks for that or for a place."""
    if FIGURES.search(question):
        return any(map(str.isdigit, said))
    if DATE.fullmatch(said) and (PERSON.search(question) or PLACE.search(question)):
        return False
    return any(map(str.isupper, said)) or not WHO.search(question)


def offered(text: str, question: str) -> list[str]:
    """What a text has that may answer a question, and the question does not say: names, dates,
    numbers, codes."""
    dates = re.findall(r"\d{1,2} [A-Z]\w+ \d{4}", text)
    named = re.findall(r"\b[A-Z][\w'-]*(?: [A-Z][\w'-]*)+|(?<=[^.!?] )[A-Z][\w'-]*", text)
    named = named or re.findall(r"\b[A-Z][\w'-]*", text)
    figures = re.findall(r"(?=[\w./:-]*\d)\w(?:[\w.,/:-]*\w)?", text)
    asked = question.lower()
    found = dict.fromkeys([*dates, *named, *figures])
    return [one for one in found if len(one) > 1 and one.lower() not in asked][:MOST_OFFERED]


def sentences(text: str) -> list[str]:
    """The sentences of a text, each with what separates it from the next."""
    ends = [found.end() for found in SENTENCE_END.finditer(text)]
    return [text[start:end] for start, end in zip([0, *ends], [*ends, len(text)])]


def facts(text: str) -> list[str]:
    """The names and figures of a text."""
    return [word.rstrip(".,:") for word in FACT.findall(text) if is_fact(word)]


def is_fact(word: str) -> bool:
    """Whether a word has figures, or is a name."""
    if any(char.isdigit() for char in word):
        return True
    return word[:1].isupper() and word.lower() not in OPENERS


def kind_of(text: str) -> str:
    """What answers that are alike have in common: of figures their signs, of others whether they
    have figures and are a name or a sentence."""
    if not any(map(str.isalpha, text)):
        return re.sub(r"[\d,]+", "0", text)
    return f"{any(map(str.isdigit, text))} {len(text.split()) > SENTENCE}"

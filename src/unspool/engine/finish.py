"""Whether an answer ends the run: accepted, or held back and said why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unspool.schema.value import DoesNotFit, Schema
from unspool.typed import facts, typed
from unspool.types import Answer, Observation

EMPTY = "You set the answer ready, but it is empty. Put the answer in, then finish again."
FAILED = "The code failed before the answer was complete. Mend it, then finish again."
UNLOOKED = (
    "You answered before looking at `context`. Look first: search it and read what comes out,"
    " then call FINAL with what you have seen."
)
BLIND = (
    "You wrote the answer before you saw the output above. If the output confirms it, call FINAL"
    " again; if not, correct it."
)
MISFIT = "The answer does not fit: {}. It has to be a Python value of this form: {}"
UNGROUNDED = (
    "Not run: llm_query sees its prompt alone, and you typed this one, so it holds nothing of"
    " `context` and the model could only guess. Use search first, or put a piece of the text"
    " into the prompt."
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`accepted` ends the run with `answer`; otherwise `advice` tells the model why not."""

    answer: Answer | None = None
    accepted: bool = False
    advice: str = ""


class Judge:
    """Accepts a run's answers, or holds one back for each reason at most once or twice.

    An answer that the code computed passes. One that the model typed must have been
    shown to it before: what is typed in the turn that first looks is mostly invented.
    `strict` also checks each number and name of a typed answer against what was shown.
    An answer that does not fit `schema` is held back as often as it comes.
    """

    def __init__(self, known: str, *, strict: bool, schema: Schema | None = None) -> None:
        self._shown = known.lower()
        self._looked = False
        self._strict, self._schema = strict, schema
        self._holds = {EMPTY: 1, FAILED: 2, UNLOOKED: 1, BLIND: 1, "unseen": 2}

    def judge(self, observations: Sequence[Observation]) -> Verdict:
        """What to do about the answer of one turn, if its cells gave one."""
        last = observations[-1] if observations else None
        found = last.answer if last else None
        if last is None or found is None or not found.ready:
            return Verdict(found)
        advice = self._objection(last, found, observations)
        return Verdict(found, accepted=not advice, advice=advice)

    def note(self, shown: str, *, looked: bool) -> None:
        """The model has now been shown this."""
        self._shown += "\n" + shown.lower()
        self._looked = self._looked or looked

    def _objection(self, last: Observation, found: Answer, all_: Sequence[Observation]) -> str:
        empty = found.value is None or str(found.value).strip(" .\n\N{HORIZONTAL ELLIPSIS}") == ""
        if empty and last.error:
            return self._hold(FAILED)
        misfit = self._misfit(found.value)
        if misfit:
            return misfit
        if empty and (found.value is not None or self._schema is None):
            return self._hold(EMPTY)
        if not typed(last.cell.code):
            return ""
        text = str(found.value)
        if text.strip().lower() in self._shown:
            return ""
        shows = any(one.text for one in all_)
        if not self._looked:
            return self._hold(BLIND if shows else UNLOOKED)
        now = "\n".join(one.text for one in all_).lower()
        if shows and text.strip().lower() not in now:
            return self._hold(BLIND)
        return self._unseen(text, now) if self._strict else ""

    def _misfit(self, value: Any) -> str:
        if self._schema is None:
            return ""
        try:
            self._schema.accept(value)
        except DoesNotFit as wrong:
            return MISFIT.format(wrong, self._schema.form)
        return ""

    def _unseen(self, text: str, now: str) -> str:
        unseen = [fact for fact in facts(text) if fact.lower() not in self._shown + now]
        if not unseen or not self._holds["unseen"]:
            return ""
        self._holds["unseen"] -= 1
        return (
            f"You typed {', '.join(map(repr, unseen[:3]))}, but no output has shown that."
            " Search for it, and answer only with what the output shows."
        )

    def _hold(self, advice: str) -> str:
        if not self._holds[advice]:
            return ""
        self._holds[advice] -= 1
        return advice

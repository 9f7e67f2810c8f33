"""Google's generateContent: Gemini."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from unspool.models.alternate import alternating, system_texts
from unspool.models.chat_reply import Finish
from unspool.models.effort import budget_tokens, parted
from unspool.models.providers import Quirks
from unspool.models.refusals import broken, error_in_reply
from unspool.models.told import count, estimate, mapping
from unspool.models.wire import Counted, Draft, merged
from unspool.types import Request, Usage

_MOST_STOPS = 5
_LEAST_BUDGET = 128
_FINISHES: Mapping[str, Finish] = {"STOP": "stop", "MAX_TOKENS": "length"}
_BROKEN = frozenset(
    {
        "MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "MALFORMED_RESPONSE",
        "OTHER",
        "FINISH_REASON_UNSPECIFIED",
    }
)
"""The model has stumbled: asked again, it may not."""


@dataclass(frozen=True, slots=True)
class GeminiFormat:
    """How a model is asked over generateContent."""

    quirks: Quirks = field(default_factory=Quirks)

    def path(self, model: str, *, streamed: bool) -> str:
        """See `unspool.models.wire.Format`, also for what follows."""
        name = quote(model.removeprefix("models/"), safe="")
        method = "streamGenerateContent?alt=sse" if streamed else "generateContent"
        return f"/models/{name}:{method}"

    def headers(self, key: str | None) -> Mapping[str, str]:
        return {"x-goog-api-key": key} if key else {}

    def fields(self, model: str, request: Request, *, streamed: bool) -> dict[str, Any]:
        effort, own = parted(request.extra)
        settings: dict[str, Any] = {}
        if request.max_tokens is not None:
            settings["maxOutputTokens"] = request.max_tokens
        if request.temperature is not None and "temperature" not in self.quirks.refused:
            settings["temperature"] = request.temperature
        if request.stop:
            # The reply is cut at the others when it is here.
            settings["stopSequences"] = [stop for stop in request.stop if stop][:_MOST_STOPS]
        if effort and self.quirks.thinks != "never":
            settings["thinkingConfig"] = self._thinking(model, effort)
        body: dict[str, Any] = {
            "contents": [
                {
                    "role": "model" if said.role == "assistant" else "user",
                    "parts": [{"text": text} for text in said.texts],
                }
                for said in alternating(request.messages)
            ]
        }
        if system := [{"text": text} for text in system_texts(request.messages)]:
            if "system" in self.quirks.refused:
                body["contents"][0]["parts"][:0] = system
            else:
                body["systemInstruction"] = {"parts": system}
        if settings:
            body["generationConfig"] = settings
        return merged(body, own)

    def held(self, schema: Mapping[str, Any]) -> Mapping[str, Any] | None:
        if not self.quirks.json_schema:
            return None
        held = {"responseMimeType": "application/json", "responseJsonSchema": dict(schema)}
        return {"generationConfig": held}

    def streams_by_itself(self, request: Request) -> bool:
        return False

    def add(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        return _add(draft, value)

    def add_event(self, draft: Draft, value: Mapping[str, Any]) -> bool:
        _add(draft, value)
        return False  # usage may come after the finish reason; the end is that of the stream

    def counted(self, told: Mapping[str, Any], *, prompt_chars: int, reply_chars: int) -> Counted:
        read, written = told.get("promptTokenCount"), told.get("candidatesTokenCount")
        thought = count(told.get("thoughtsTokenCount"))
        # A reply that is all reasoning has no candidate's tokens: the count is left out then.
        silent = written is None and thought > 0
        usage = Usage(
            calls=1,
            input_tokens=estimate(prompt_chars)
            if read is None
            else count(read) + count(told.get("toolUsePromptTokenCount")),
            cached_tokens=count(told.get("cachedContentTokenCount")),
            output_tokens=estimate(reply_chars)
            if written is None and not silent
            else count(written) + thought,
            reasoning_tokens=thought,
        )
        return Counted(usage)

    def _thinking(self, model: str, effort: Any) -> dict[str, Any]:
        """The models called pro do not answer without any reasoning."""
        always = "pro" in model
        if self.quirks.thinks == "budget":
            return {"thinkingBudget": max(_LEAST_BUDGET if always else 0, budget_tokens(effort))}
        least = "low" if always else "minimal"
        return {
            "thinkingLevel": {"none": least, "minimal": least, "max": "high"}.get(effort, effort)
        }


def _add(draft: Draft, value: Mapping[str, Any]) -> bool:
    """Takes in one body or event; False when it is none of a reply."""
    if value.get("error"):
        raise error_in_reply(draft.asked, value["error"])
    draft.told |= mapping(value.get("usageMetadata"))
    draft.model = str(value.get("modelVersion") or draft.model)
    blocked = mapping(value.get("promptFeedback"))
    if blocked.get("blockReason"):
        said = blocked.get("blockReasonMessage") or ""
        draft.refused = f"the prompt was blocked, {blocked['blockReason']} {said}".strip()
        draft.ended("other")
        return True
    candidates = value.get("candidates")
    if not isinstance(candidates, list) or not candidates:
        return "usageMetadata" in value and draft.finished
    _add_candidate(draft, mapping(candidates[0]))
    return True


def _add_candidate(draft: Draft, candidate: Mapping[str, Any]) -> None:
    for part in map(mapping, mapping(candidate.get("content")).get("parts") or ()):
        if isinstance(text := part.get("text"), str) and text:
            (draft.reasoning if part.get("thought") else draft.pieces).append(text)
    reason = str(candidate.get("finishReason") or "")
    if not reason:
        return
    if reason in _BROKEN and not draft.pieces:
        raise broken(draft.asked, f"finishReason {reason}, {candidate.get('finishMessage') or ''}")
    draft.ended(_FINISHES.get(reason, "other"))
    if draft.finish == "other":
        draft.refused = f"{reason} {candidate.get('finishMessage') or ''}".strip()

"""What a root model is shown: what it has, and what came of its cells."""

from __future__ import annotations

from collections.abc import Sequence

from unspool.engine.long.short import clip
from unspool.engine.parts import Parts
from unspool.packs.pack import Pack
from unspool.spec import RunSpec
from unspool.types import Observation


def offers(spec: RunSpec, parts: Parts, *, codes: bool = True) -> list[str]:
    """What this run has besides what every run has: for one that `codes` the user's functions
    and packages, and the form of its answer."""
    lines = []
    if parts.tools.offered and codes:
        lines.append("In the REPL there are also these functions:")
        lines += [f"- {tool.line}" for tool in parts.tools.offered]
    if parts.packages and codes:
        lines.append(f"These packages can be imported: {', '.join(parts.packages)}.")
    if spec.schema is not None:
        lines.append(f"The answer has to be a Python value of this form: {spec.schema.form}")
    return lines


def render(observations: Sequence[Observation], pack: Pack) -> str:
    """What the model is shown of its cells; every error is shown, whatever came before it."""
    room = pack.output_chars // max(1, len(observations))
    shown = [_render_one(one, room, pack.error_chars) for one in observations]
    if len(shown) == 1:
        return f"Output:\n{shown[0]}"
    return "\n".join(f"Output of block {n}:\n{text}" for n, text in enumerate(shown, 1))


def _render_one(one: Observation, room: int, error_room: int) -> str:
    printed = "".join((one.stdout.text, one.stderr.text and f"\n[stderr] {one.stderr.text}"))
    value = one.value.text
    if printed and value:
        printed, value = clip(printed, room // 2), clip(value, room // 2)
    parts = [clip(printed, room).strip("\n"), clip(value, room)]
    parts.append(clip(one.error, error_room, head_share=0.3))
    parts += [f"({note})" for note in one.notes]
    return "\n".join(part for part in parts if part) or "(no output: print what you want to see)"

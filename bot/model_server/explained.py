"""A plan in a table: where the memory and the time go, and how many sessions that carries."""

from __future__ import annotations

from collections.abc import Iterator

from rich.table import Table
from rich.text import Text

from bot.model_server.capacity import BUSY, SESSION_TOKENS, Capacity
from bot.model_server.plan import Plan, Quantization


def explained(plan: Plan, carries: Capacity) -> Table:
    """The table, a line a figure."""
    table = Table(box=None, pad_edge=False, show_header=False)
    for part, words in _lines(plan, carries):
        table.add_row(part, Text(words))
    return table


def _lines(plan: Plan, carries: Capacity) -> Iterator[tuple[str, str]]:
    cards = f"{len(plan.gpus)} x {plan.gpus[0].name or 'GPU'}, {plan.gpus[-1].gib:.0f} GiB" if plan.gpus else "the CPU"
    yield "On", f"{cards}; {plan.share:.0%} of the memory" if plan.gpus else f"{cards}: to try it, not to work with"
    kept = plan.weights.quantized or ("16 bits" if plan.quantization is Quantization.NONE else plan.quantization)
    guess = "; not on this machine yet, the released model's shape is assumed" if plan.weights.assumed else ""
    yield "Weights", f"{plan.weights_gib:.1f} GiB ({kept}){guess}"
    cache = f"{plan.cache_gib:.1f} GiB hold {plan.cache_tokens:,} tokens of {plan.token_bytes / 1024:g} KiB"
    yield "KV cache", f"{cache}{' (fp8)' if plan.fp8_cache else ''}"
    yield "Context", f"{plan.max_model_len:,} tokens a session at most"
    typical = min(SESSION_TOKENS, plan.max_model_len)
    yield "Memory", f"holds {carries.held} sessions of {typical:,} tokens, {carries.held_full} with a full context"
    if carries.coded is None or carries.step_ms is None:
        yield "Time", "not estimated for this card: `joyvl model check` measures it"
    else:
        step = f"a step takes at least {carries.step_ms:.1f} ms"
        coded = f"{carries.coded} sessions with coded pictures, {carries.dense} with a whole one every second"
        yield "Time", f"{step}; {coded}, at {BUSY:.0%} of what the card can"
    yield "Carries", f"about {carries.sessions} session{'s' if carries.sessions > 1 else ''}"

"""How many sessions a server should carry: what its memory holds, and what its cards can compute in a second."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model_server.hardware import Speed, speed_of
from bot.model_server.plan import GIB, Plan

MEMORY_TOKENS = 8_000
"""Summaries, questions and answers, and the system prompt, of a session that has run for hours."""
TURNS = 100
TURN_TOKENS = 25
"""Time, answer and role marks of one second."""
CODEC_TOKENS = 40
"""Pictures of one second, coded, on average."""
DENSE_TOKENS = 258
"""The same with a whole picture every second."""
SESSION_TOKENS = MEMORY_TOKENS + TURNS * (TURN_TOKENS + CODEC_TOKENS)
BUSY = 0.4
"""Of each second, what the cards may be busy in theory; the other part is what theory leaves out."""
_ANSWER_TOKENS = 5
"""Of a second, on average: a marker, and every tenth second a line."""
_VISION_FLOPS = 4.1e9


@dataclass(frozen=True, slots=True)
class Capacity:
    """Sessions, by what bounds them. The last four are None where the cards are not known.

    Attributes:
        held: By memory, with coded pictures.
        held_full: By memory, had every session its whole context.
        coded: By time, with coded pictures.
        dense: By time, with a whole picture every second.
        step_ms: Least time of one step.
    """

    held: int
    held_full: int
    coded: int | None = None
    dense: int | None = None
    step_ms: float | None = None

    @property
    def sessions(self) -> int:
        """What to plan with; 1 where it is less than that."""
        return max(1, self.held if self.coded is None else min(self.held, self.coded))


def capacity(plan: Plan) -> Capacity:
    """What a plan's server should carry, each session asking once a second."""
    held = plan.cache_tokens // min(SESSION_TOKENS, plan.max_model_len)
    full = plan.cache_tokens // plan.max_model_len
    if not plan.gpus:
        return Capacity(held, full, coded=1)
    speed = speed_of(plan.gpus[0])
    if speed is None:
        return Capacity(held, full)
    cards = _Cards(plan, speed)
    return Capacity(
        held, full, cards.sessions(CODEC_TOKENS), cards.sessions(DENSE_TOKENS), 1_000 * cards.read(SESSION_TOKENS)
    )


class _Cards:
    """Times of one step, in seconds, at the cards' full speed."""

    def __init__(self, plan: Plan, speed: Speed) -> None:
        self._plan = plan
        self._bytes = speed.gb_per_second * 1e9 * len(plan.gpus)
        self._flops = speed.tflops * 1e12 * len(plan.gpus)
        self._weights = plan.weights_gib * GIB / self._bytes

    def read(self, context: int) -> float:
        """A step that reads all weights, and one session's context."""
        return self._weights + self._context(context)

    def sessions(self, picture: int) -> int:
        """How many sessions' seconds fit into one. All ask together, so that they share each reading of the weights."""
        second = self._prefill(picture) + _ANSWER_TOKENS * self._context(SESSION_TOKENS)
        return max(0, int((BUSY - (1 + _ANSWER_TOKENS) * self._weights) / second))

    def _context(self, tokens: int) -> float:
        return tokens * self._plan.token_bytes / self._bytes

    def _prefill(self, picture: int) -> float:
        weights, tokens = self._plan.weights, picture + TURN_TOKENS
        attention = 4 * SESSION_TOKENS * weights.heads * weights.head_dim * weights.layers
        flops = tokens * (2 * weights.body + attention) + picture * _VISION_FLOPS
        return max(flops / self._flops, self._context(SESSION_TOKENS))

"""Asking the model: one call at a time, and none without an end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from joyvl_core.observation import Decision, Observation
from joyvl_core.ports import InteractionModel

THINKING_AFTER = 0.5
"""Seconds after which a call counts as thinking, which others may see."""
_END_WITHIN = 0.5


class Asking:
    """Owns the calls of a session's model.

    A call that outlives its deadline is cancelled, and none is made until it has ended: a model that works
    in a thread (`joyvl_core.threads`) is still at it.

    Args:
        deadline: Seconds a call may take.
        thinking: Told True when a call takes long, and False when it is over.
    """

    def __init__(self, model: InteractionModel, deadline: float, thinking: Callable[[bool], None]) -> None:
        self._model = model
        self._deadline = deadline
        self._thinking = thinking
        self._call: asyncio.Task[Decision] | None = None
        self._shown = False

    async def ask(self, observation: Observation) -> Decision:
        """The model's decision.

        Raises:
            TimeoutError: There is none in time, or the call before has still not ended.
            Exception: Whatever the model raises.
        """
        if self._call is not None and not self._call.done():
            raise TimeoutError(f"no answer within {self._deadline:g} s")
        call = self._call = asyncio.create_task(self._model.step(observation), name="model")
        slow = asyncio.get_running_loop().call_later(THINKING_AFTER, self._show, True)
        try:
            await asyncio.wait({call}, timeout=self._deadline)
        finally:
            slow.cancel()
            self._show(False)
            if not call.done():
                call.add_done_callback(_forget)
                call.cancel()
        if not call.done():
            raise TimeoutError(f"no answer within {self._deadline:g} s")
        if call.cancelled():
            raise RuntimeError("the model broke off")
        decision = call.result()
        if not isinstance(decision, Decision):
            raise TypeError("the model's answer is no decision")
        return decision

    async def aclose(self) -> None:
        """Ends a call under way, and closes the model."""
        if self._call is not None:
            self._call.cancel()
            await asyncio.wait({self._call}, timeout=_END_WITHIN)
        with contextlib.suppress(Exception):  # the session is over: there is nothing left that it could harm
            await self._model.aclose()

    def _show(self, thinking: bool) -> None:
        if thinking is not self._shown:
            self._shown = thinking
            self._thinking(thinking)


def _forget(call: asyncio.Task[Decision]) -> None:
    if not call.cancelled():
        call.exception()  # it came too late to be told

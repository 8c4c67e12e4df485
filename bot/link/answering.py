"""Commands in, replies out: each command is answered once, whatever it holds and whatever happens."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from bot.link.messages import Command, Reply
from joyvl_core.errors import JoyVLError

AT_ONCE = 32
"""Commands that may be under way; what comes beyond is refused."""
WITHIN = 20.0
"""Seconds that a command may take."""
_TEXT, _NAME = 4_000, 200

_log = logging.getLogger(__name__)


class Answering:
    """Owns the commands under way.

    Args:
        carry_out: Does one, and returns the reply's data.
        reply: Takes the replies.
    """

    def __init__(
        self, carry_out: Callable[[Command], Awaitable[dict[str, Any]]], reply: Callable[[Reply], None]
    ) -> None:
        self._carry_out = carry_out
        self._reply = reply
        self._tasks: set[asyncio.Task[None]] = set()

    def take(self, command: Command) -> None:
        """Begins a command; returns at once."""
        if len(self._tasks) >= AT_ONCE:
            self._reply(Reply(to=command.id, error="Too many commands are under way.", error_kind="busy"))
            return
        task = asyncio.create_task(self._answer(command), name=f"command {command.name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self, within: float) -> None:
        """Gives what is under way so many seconds, then ends it."""
        if self._tasks:
            await asyncio.wait(tuple(self._tasks), timeout=within)
        left = tuple(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _answer(self, command: Command) -> None:
        try:
            async with asyncio.timeout(WITHIN):
                reply = Reply(to=command.id, data=await self._carry_out(command))
        except JoyVLError as error:
            words = str(error)[:_TEXT] or error.kind
            reply = Reply(to=command.id, error=words, error_kind=error.kind[:_NAME], hint=error.hint[:_TEXT])
        except TimeoutError:
            reply = Reply(to=command.id, error=f"It was not done within {WITHIN:g} s.", error_kind="timeout")
        except Exception as error:  # a fault in one command must not end the session
            _log.exception("the command %s failed", command.name)
            reply = Reply(to=command.id, error=f"It failed: {type(error).__name__}.", error_kind="failed")
        self._reply(reply)

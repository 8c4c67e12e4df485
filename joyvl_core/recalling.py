"""Looking a question up in the archive before the model sees it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from joyvl_core.inbox import Mail
from joyvl_core.observation import Recollection
from joyvl_core.ports import Archive

MOST = 6
"""Most recollections that one tick shows."""
QUESTIONS = 2
"""Most lines of one tick that are looked up: the newest."""
WITHIN = 2.0
"""Seconds that looking up may hold a tick back."""


async def recall(
    archive: Archive,
    mail: Mail,
    now: float,
    failed: Callable[[Exception], None],
    works: Callable[[], None] = lambda: None,
) -> tuple[Recollection, ...]:
    """What the archive holds on the lines that are meant for the bot, best first; nothing where it fails.

    Args:
        archive: What is asked.
        mail: What came in.
        now: The session second of asking.
        failed: Told where it fails.
        works: Told where it was asked and answered.
    """
    lines = [line.text for line in mail.chat if line.addressed]
    lines += [line.text for line in mail.speech if line.addressed and line.final]
    found: dict[tuple[float, str], Recollection] = {}
    try:
        async with asyncio.timeout(WITHIN):
            for question in lines[-QUESTIONS:]:
                for hit in await archive.search(question, now=now, limit=MOST):
                    found.setdefault((hit.t, hit.text), hit)
        if lines:
            works()
    except Exception as error:  # a store's trouble must not cost the tick
        failed(error)
    return tuple(sorted(found.values(), key=lambda hit: -hit.score)[:MOST])

"""Forgetting what somebody asked to be forgotten: in the model, in the log, and in the database."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from bot.phrases import FORGOTTEN, NOT_FORGOTTEN
from bot.timeline import clock_time
from joyvl_core.addressing import Forget
from joyvl_core.engine import Engine
from joyvl_core.errors import JoyVLError
from joyvl_core.events import EventLog

if TYPE_CHECKING:
    from joyvl_core.store import SessionKeeper
    from joyvl_core.store.erasing import Erased


async def forget(
    since: float, until: float, engine: Engine, keeper: SessionKeeper | None, log: EventLog, language: str
) -> Erased | None:
    """Forgets what happened between two session seconds, and says so in a status. Instructions stand.

    A log that goes to a file stays there: it is the file of whoever runs the bot.

    Returns:
        What the database held of it; None without one.

    Raises:
        JoyVLError: The database can't be written now; a status says so too.
    """
    engine.forget(since, until)
    log.forget(since, until)
    erased = None
    if keeper is not None:
        try:
            erased = await keeper.erase(since, until)
        except JoyVLError as error:
            log.status("store.failing", str(error), error.hint)
            log.status("forget.failed", NOT_FORGOTTEN[language])
            raise
        engine.instructions.restate()
    words = FORGOTTEN[language].format(since=clock_time(since), until=clock_time(until))
    log.status("forgotten", words)
    return erased


async def forget_as_asked(
    what: Forget, engine: Engine, keeper: SessionKeeper | None, now: float, log: EventLog, language: str
) -> None:
    """Forgets the last seconds before `now`, or everything, as somebody in the room asked for."""
    since = 0.0 if what.seconds is None else max(0.0, now - what.seconds)
    with contextlib.suppress(JoyVLError):  # a status has said it
        await forget(since, now, engine, keeper, log, language)

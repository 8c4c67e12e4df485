"""Forgetting what somebody asked to be forgotten: in the model, in the log, and in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.phrases import FORGOTTEN, NOT_FORGOTTEN
from bot.timeline import clock_time
from joyvl_core.addressing import Forget
from joyvl_core.engine import Engine
from joyvl_core.errors import JoyVLError
from joyvl_core.events import EventLog

if TYPE_CHECKING:
    from joyvl_core.store import SessionKeeper


async def forget(
    what: Forget, engine: Engine, keeper: SessionKeeper | None, now: float, log: EventLog, language: str
) -> None:
    """Forgets the last seconds before `now`, or everything, and says so in a status. Instructions stand.

    A log that goes to a file stays there: it is the file of whoever runs the bot.
    """
    since = 0.0 if what.seconds is None else max(0.0, now - what.seconds)
    engine.forget(since, now)
    log.forget(since, now)
    if keeper is not None:
        try:
            await keeper.erase(since, now)
        except JoyVLError as error:
            log.status("store.failing", str(error), error.hint)
            log.status("forget.failed", NOT_FORGOTTEN[language])
            return
        engine.instructions.restate()
    words = FORGOTTEN[language].format(since=clock_time(since), until=clock_time(now))
    log.status("forgotten", words)

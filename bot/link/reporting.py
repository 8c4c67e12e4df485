"""What a session's process tells of itself: its heartbeat, and its newest events for whoever connects again."""

from __future__ import annotations

import json
import os
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from bot.link.messages import MAX_MESSAGE, RECENT, Heartbeat, Standing
from bot.live_view import named
from bot.participant import Participant
from joyvl_core.clock import Clock
from joyvl_core.events import AnyEvent, EventLog, TicketEvent, encode
from joyvl_core.models.tiered import Tiered
from joyvl_core.observation import TicketState
from joyvl_core.ports import InteractionModel

_NAME, _TEXT = 200, 4_000
_TICKETS = 32
_TRACKS, _PEOPLE = 32, 100
_RECENT_BYTES = MAX_MESSAGE * 3 // 4


class Usage:
    """What this process takes of the machine."""

    def __init__(self) -> None:
        # In the extras alone: without a link nobody asks.
        import psutil

        self._process = psutil.Process(os.getpid())
        self._process.cpu_percent()

    def read(self) -> tuple[float, int]:
        """Share of a core since the last reading, and bytes of memory."""
        return self._process.cpu_percent() / 100, int(self._process.memory_info().rss)


class Reporter:
    """Makes a participant's heartbeats.

    Args:
        kept: How many memory items the store holds of the session.
    """

    def __init__(
        self,
        participant: Participant,
        model: InteractionModel,
        clock: Clock,
        log: EventLog,
        usage: Usage,
        kept: Callable[[], int],
    ) -> None:
        self._participant = participant
        self._model = model
        self._clock = clock
        self._usage = usage
        self._kept = kept
        self._tickets: OrderedDict[str, Standing] = OrderedDict()
        for event in log.recent():
            self._note(event)
        log.subscribe(self._note)

    def heartbeat(self) -> Heartbeat:
        """What is so now."""
        participant, engine = self._participant, self._participant.engine
        progress, spent, status = engine.progress, engine.tickets.spent, participant.status
        cpu, rss = self._usage.read()
        return Heartbeat(
            t=self._clock.now(),
            room=status.state,
            reason=status.reason[:_NAME],
            remedy=status.remedy[:_TEXT],
            muted=engine.gates.muted,
            paused=engine.paused,
            talkativeness=engine.talkativeness,
            next_tick=progress.next_tick,
            ticks=progress.ticks,
            skipped=progress.skipped,
            tokens=progress.tokens,
            tokens_dense=progress.tokens_dense,
            spent_tokens=spent.tokens,
            cost=spent.money,
            model=self._model.name[:_NAME],
            tracks=tuple(name[:_NAME] for name, _ in named(engine.views.frames))[:_TRACKS],
            people=tuple(name[:_NAME] for name in participant.people)[:_PEOPLE],
            instructions=tuple(
                Standing(id=wish.id, text=wish.text, author=wish.author[:_NAME], since=wish.t)
                for wish in engine.instructions.standing()
            ),
            tickets=tuple(self._tickets.values()),
            memory=self._memory(),
            cpu=cpu,
            rss=rss,
        )

    def _memory(self) -> dict[str, int]:
        tiers = self._model.tiers() if isinstance(self._model, Tiered) else {}
        return {**tiers, "archive": self._kept()}

    def _note(self, event: AnyEvent) -> None:
        """Keeps the newest delegations, those under way before those that have ended."""
        if not isinstance(event, TicketEvent):
            return
        before = self._tickets.get(event.id)
        since = before.since if before else event.t
        self._tickets[event.id] = Standing(
            id=event.id[:_NAME], text=event.question[:_TEXT], state=event.state, since=since
        )
        while len(self._tickets) > _TICKETS:
            ended = (id_ for id_, ticket in self._tickets.items() if ticket.state != TicketState.RUNNING)
            del self._tickets[next(ended, next(iter(self._tickets)))]


def recent(log: EventLog) -> tuple[dict[str, Any], ...]:
    """The newest events as lines of the log, oldest first: as many as one message bears."""
    found: list[dict[str, Any]] = []
    left = _RECENT_BYTES
    for event in reversed(tuple(log.recent())):
        line = encode(event)
        left -= len(line.encode()) + 2
        if left < 0 or len(found) >= RECENT:
            break
        found.append(json.loads(line))
    return tuple(reversed(found))


def happened(event: AnyEvent) -> str:
    """The message that tells of an event, as JSON."""
    return f'{{"kind":"happened","event":{encode(event)}}}'

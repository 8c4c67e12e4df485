"""Lines that whoever runs the bot has it say: each is a tick of its own, decided without the model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from joyvl_core.actions import Speak
from joyvl_core.acts.sending import Sending
from joyvl_core.clock import Clock
from joyvl_core.errors import BadInputError, UnavailableError
from joyvl_core.events import EventLog
from joyvl_core.observation import Decision, Observation, Trigger
from joyvl_core.text import tidy
from joyvl_core.tick_record import tick_event

LONGEST = 1_000
"""Characters of a line."""
WAITING = 8
"""Lines that may wait while the model decides."""


class Prompter:
    """Owns the lines that wait to be said. No gate closes on them.

    Args:
        sending: Takes them to the sinks.
        number: The next tick's number.
        wake: Asks the loop for a moment between two ticks.
        commit: Returns once what was written is safe.
    """

    def __init__(
        self,
        clock: Clock,
        log: EventLog,
        sending: Sending,
        *,
        number: Callable[[], int],
        wake: Callable[[], None],
        commit: Callable[[], Awaitable[None]],
    ) -> None:
        self._clock = clock
        self._log = log
        self._sending = sending
        self._number = number
        self._wake = wake
        self._commit = commit
        self._waiting: deque[tuple[str, asyncio.Future[int]]] = deque()

    async def say(self, text: str) -> int:
        """Says a line as soon as the decision under way is made. Returns the number of its tick, once it is on its way.

        Raises:
            BadInputError: It has no words.
            UnavailableError: Too many lines wait.
        """
        words = tidy(" ".join(text.split()), LONGEST)
        if not words:
            raise BadInputError("There is nothing to say.", source="say", kind="empty", hint="Type some words.")
        if len(self._waiting) >= WAITING:
            raise UnavailableError(
                f"{WAITING} lines wait to be said already.",
                source="say",
                kind="too_many",
                hint="Wait until they are said.",
                retryable=True,
            )
        said: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.append((words, said))
        self._wake()
        return await said

    async def recite(self) -> None:
        """Says what waits. Called by the loop, between two ticks."""
        while self._waiting:
            words, said = self._waiting.popleft()
            if said.cancelled():
                continue
            now = self._clock.now()
            observation = Observation(self._number(), now, now, self._clock.wall(), (Trigger.OPERATOR,))
            decision = Decision(Speak(words), why="an operator has it said")
            self._sending.begin()
            self._log.write(tick_event(observation, decision, gate=None, ticket=None, latency=0.0))
            await self._commit()
            self._sending.send(observation, decision, words)
            if not said.done():
                said.set_result(observation.n)

    def close(self) -> None:
        """The loop has ended: what waits is not said any more."""
        while self._waiting:
            self._waiting.popleft()[1].cancel()

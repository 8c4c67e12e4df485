"""What people write and say, on its way into the log and the inbox."""

from __future__ import annotations

import itertools

from joyvl_core.clock import Clock
from joyvl_core.events import ChatEvent, EventLog, SpeechEvent
from joyvl_core.inbox import Inbox
from joyvl_core.observation import ChatLine, SpeechLine
from joyvl_core.text import tidy

MAX_LINE = 2_000
"""Longest chat or speech line shown to the model, in characters."""
MAX_NAME = 80
"""Longest name of who wrote or spoke it."""


class Lines:
    """Numbers the lines of a session: each is in the log before it waits for the next tick.

    Attributes:
        inbox: Where they wait.
    """

    def __init__(self, clock: Clock, log: EventLog) -> None:
        self._clock = clock
        self._log = log
        self.inbox = Inbox(self._lost)
        self._numbers = itertools.count(1)

    def chat(self, author: str, text: str, *, addressed: bool) -> ChatLine:
        """Somebody wrote a line."""
        words, name = tidy(text, MAX_LINE), tidy(author, MAX_NAME)
        line = ChatLine(f"c{next(self._numbers)}", name, words, self._clock.now(), addressed)
        self._log.write(
            ChatEvent(**self._log.stamp(), id=line.id, author=line.author, text=line.text, addressed=addressed)
        )
        self.inbox.add(line)
        return line

    def speech(self, speaker: str, text: str, *, final: bool, addressed: bool) -> SpeechLine:
        """Somebody said something."""
        words, name = tidy(text, MAX_LINE), tidy(speaker, MAX_NAME)
        line = SpeechLine(f"s{next(self._numbers)}", name, words, self._clock.now(), final, addressed)
        self._log.write(SpeechEvent(**self._log.stamp(), id=line.id, speaker=line.speaker, text=line.text, final=final))
        self.inbox.add(line)
        return line

    def _lost(self, count: int) -> None:
        self._log.status("chat.dropped", f"{count} lines came faster than the model reads: they are left out")

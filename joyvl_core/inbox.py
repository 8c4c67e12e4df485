"""What came in and waits to be shown to the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from joyvl_core.observation import ChatLine, SpeechLine, TicketNews

MOST = 64
"""Most chat lines, speech lines and results that wait for one tick."""

Item = ChatLine | SpeechLine | TicketNews


@dataclass(frozen=True, slots=True)
class Mail:
    """What one observation shows, each sort in the order it came."""

    chat: tuple[ChatLine, ...]
    speech: tuple[SpeechLine, ...]
    results: tuple[TicketNews, ...]


class Inbox:
    """Keeps what came in until a tick has shown it. Bounded: small talk gives way before what is meant for the bot.

    Args:
        lost: Told how many items had to give way since it was last told.
    """

    def __init__(self, lost: Callable[[int], None]) -> None:
        self._lost = lost
        self._waiting: list[Item] = []
        self._shown: tuple[Item, ...] = ()
        self._shown_twice: frozenset[Item] = frozenset()
        self._given_way = 0

    def add(self, item: Item) -> None:
        """Something came in."""
        self._waiting.append(item)
        self._make_room()

    def take(self) -> Mail:
        """Takes everything, to show it."""
        self._shown, self._waiting = tuple(self._waiting), []
        if self._given_way:
            self._lost(self._given_way)
            self._given_way = 0
        return Mail(
            tuple(item for item in self._shown if isinstance(item, ChatLine)),
            tuple(item for item in self._shown if isinstance(item, SpeechLine)),
            tuple(item for item in self._shown if isinstance(item, TicketNews)),
        )

    def give_back(self, *, patiently: bool) -> None:
        """The model did not get to what was taken last: it is shown again.

        Args:
            patiently: However often; otherwise once, lest a line that breaks the model breaks it for ever.
        """
        again = tuple(item for item in self._shown if patiently or item not in self._shown_twice)
        self._shown_twice = frozenset(again)
        self._waiting[:0] = again
        self._shown = ()
        self._make_room()

    def _make_room(self) -> None:
        while len(self._waiting) > MOST:
            self._waiting.remove(min(self._waiting, key=_weight))
            self._given_way += 1


def _weight(item: Item) -> int:
    """How long an item is held on to. Of equals the oldest gives way."""
    return 2 if isinstance(item, TicketNews) else int(item.addressed)

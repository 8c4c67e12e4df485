"""The history of questions and answers: bounded in number and in tokens, the oldest leave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel, ConfigDict, ValidationError

from joyvl_core.memory.items import MemoryItem
from joyvl_core.memory.recall import Exchange, Said, plain
from joyvl_core.memory.tokens import Count, cut
from joyvl_core.ports import MemoryKeeper

_LONGEST = 2_000
"""Characters of a question or an answer that are kept."""
_NAME = 80
_ID = 64


class _Line(BaseModel):
    """What a kept line of an exchange holds beside its words."""

    model_config = ConfigDict(extra="ignore")

    id: str = ""
    author: str = ""
    role: str


@dataclass(frozen=True, slots=True)
class ExchangeBounds:
    """How many exchanges and answers to each stay, and how many tokens all of them, and each line, may cost."""

    exchanges: int
    tokens: int
    answers: int = 12

    @property
    def line(self) -> int:
        """Tokens of one question or one answer."""
        return max(1, self.tokens // 4)


class Exchanges:
    """Questions with their answers, in the order they were asked.

    Every line goes to the keeper as it comes, so nothing is lost by leaving. Of answers to one question the oldest
    leave first, the newest one stays as long as its question.
    """

    def __init__(self, bounds: ExchangeBounds, count: Count) -> None:
        self._bounds = bounds
        self._count = count
        self._all: list[Exchange] = []
        self.keeper: MemoryKeeper | None = None

    def asked(self, ref: str, t: float, author: str, text: str) -> None:
        """Somebody asked. Later answers to a known id are answers to the new words."""
        words, name = plain(text, _LONGEST), plain(author, _NAME)
        if not words:
            return
        self._keep(t, words, id=ref[:_ID], author=name, role="question")
        self._ask(ref[:_ID], t, name, words)

    def answered(self, ref: str | None, t: float, text: str) -> None:
        """The bot answered; with no id, or one whose question has left, it stands by itself."""
        words = plain(text, _LONGEST)
        if not words:
            return
        known = ref[:_ID] if ref and self._index(ref[:_ID]) is not None else ""
        self._keep(t, words, id=known, role="answer")
        self._answer(known, t, words)

    def fitting(self, budget: int) -> tuple[Exchange, ...]:
        """Of what is there, those that were touched last and fit so many tokens, oldest question first."""
        kept, left = set(), budget
        for exchange in self._by_age(newest_first=True):
            left -= exchange.cost
            if left < 0:
                break
            kept.add(id(exchange))
        return tuple(exchange for exchange in self._all if id(exchange) in kept)

    def resume(self, items: Sequence[MemoryItem]) -> None:
        """Takes up the lines that were kept, oldest first; those it can't read are passed over."""
        for item in items:
            try:
                line = _Line.model_validate(item.data)
            except ValidationError:
                continue
            if not (words := plain(item.text, _LONGEST)):
                continue
            if line.role == "question":
                self._ask(line.id[:_ID], item.t, plain(line.author, _NAME), words)
            elif line.role == "answer" and (not line.id or self._index(line.id[:_ID]) is not None):
                self._answer(line.id[:_ID], item.t, words)

    def forget(self, since: float, until: float) -> None:
        """Forgets questions asked between two session seconds, with all their answers, and answers given then."""
        left = []
        for exchange in self._all:
            answers = tuple(said for said in exchange.answers if not since <= said.t <= until)
            if not (since <= exchange.t <= until) and (exchange.question or answers):
                left.append(replace(exchange, answers=answers))
        self._all = left

    def _keep(self, t: float, text: str, **data: str) -> None:
        if self.keeper is not None:
            self.keeper.keep(MemoryItem("exchange", t, t, text, data=data))

    def _ask(self, known: str, t: float, author: str, text: str) -> None:
        words = cut(text, self._bounds.line, self._count)
        if known and (index := self._index(known)) is not None:
            self._all[index] = replace(self._all[index], id="")
        self._all.append(Exchange(known, t, author, words, self._count(author) + self._count(words)))
        self._shrink()

    def _answer(self, known: str, t: float, text: str) -> None:
        words = cut(text, self._bounds.line, self._count)
        said = Said(t, words, self._count(words))
        index = self._index(known) if known else None
        if index is None:
            self._all.append(Exchange("", t, "", "", 0, (said,)))
        else:
            exchange = self._all[index]
            self._all[index] = replace(exchange, answers=(*exchange.answers, said)[-self._bounds.answers :])
        self._shrink()

    def _index(self, known: str) -> int | None:
        return next((number for number, exchange in enumerate(self._all) if exchange.id == known), None)

    def _by_age(self, *, newest_first: bool) -> list[Exchange]:
        """By what was last said in each."""
        return sorted(self._all, key=lambda exchange: (exchange.last, exchange.t), reverse=newest_first)

    def _shrink(self) -> None:
        while len(self._all) > self._bounds.exchanges:
            self._drop(self._by_age(newest_first=False)[0])
        while sum(exchange.cost for exchange in self._all) > self._bounds.tokens:
            several = [exchange for exchange in self._all if len(exchange.answers) > 1]
            if several:
                oldest = min(several, key=lambda exchange: exchange.answers[0].t)
                self._all[self._place(oldest)] = replace(oldest, answers=oldest.answers[1:])
            else:
                self._drop(self._by_age(newest_first=False)[0])

    def _drop(self, exchange: Exchange) -> None:
        del self._all[self._place(exchange)]

    def _place(self, exchange: Exchange) -> int:
        return next(number for number, other in enumerate(self._all) if other is exchange)

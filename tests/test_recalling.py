"""Questions looked up before the model sees them."""

from __future__ import annotations

import asyncio

from joyvl_core.clock import run_virtual
from joyvl_core.inbox import Mail
from joyvl_core.observation import ChatLine, Recollection, SpeechLine
from joyvl_core.recalling import MOST, recall


def line(n: int, *, addressed: bool = True) -> ChatLine:
    return ChatLine(f"c{n}", "Ann", f"question {n}", 1.0, addressed)


class Archive:
    """Finds four things for each question, one of them the same for all; may be slow, or broken."""

    def __init__(self, *, seconds: float = 0.0, fails_at: int = 99) -> None:
        self.asked: list[str] = []
        self._seconds, self._fails_at = seconds, fails_at

    async def search(self, question: str, *, now: float, limit: int = 6) -> tuple[Recollection, ...]:
        self.asked.append(question)
        if len(self.asked) == self._fails_at:
            raise OSError("no disk")
        await asyncio.sleep(self._seconds)
        about = float(question.split()[-1])
        hits = [Recollection(about + n / 10, "seen", f"{question} {n}", about, None, n / 10) for n in range(3)]
        return (*hits, Recollection(0.5, "seen", "the same", 0.5, None, 0.9))[:limit]


def found(archive: Archive, mail: Mail) -> tuple[tuple[Recollection, ...], list[Exception]]:
    troubles: list[Exception] = []
    worked: list[None] = []
    hits = run_virtual(recall(archive, mail, 100.0, troubles.append, lambda: worked.append(None)))
    assert len(worked) == (not troubles and bool(archive.asked))
    return hits, troubles


def test_only_what_is_meant_for_the_bot_is_looked_up_and_of_that_the_newest():
    archive = Archive()
    spoken = (
        SpeechLine("s1", "Eve", "spoken 8", 1.0, addressed=True),
        SpeechLine("s2", "Eve", "half 9", 1.0, final=False, addressed=True),
    )
    hits, troubles = found(archive, Mail((line(1), line(2), line(3, addressed=False)), spoken, ()))
    assert archive.asked == ["question 2", "spoken 8"]
    assert not troubles
    assert len(hits) == MOST
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert [hit.text for hit in hits].count("the same") == 1


def test_an_archive_that_is_slow_or_fails_costs_nothing_that_was_found():
    mail = Mail((line(1), line(2)), (), ())
    hits, troubles = found(Archive(fails_at=2), mail)
    assert len(hits) == 4
    assert [str(error) for error in troubles] == ["no disk"]
    hits, troubles = found(Archive(seconds=9.0), mail)
    assert hits == ()
    assert isinstance(troubles[0], TimeoutError)


def test_nobody_asks_and_nothing_is_looked_up():
    archive = Archive()
    assert found(archive, Mail((line(1, addressed=False),), (), ())) == ((), [])
    assert archive.asked == []

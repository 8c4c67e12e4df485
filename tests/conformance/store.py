"""What the store does on every database. A test class inherits this and says where a new database is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.errors import BadInputError, JoyVLError, StayFailedError, UnavailableError
from joyvl_core.events import (
    AnyEvent,
    ChatEvent,
    ClauseEvent,
    DeliveryEvent,
    EventLog,
    InstructionEvent,
    SpeechEvent,
    TicketEvent,
    TickEvent,
    TrackCost,
)
from joyvl_core.memory.items import MemoryItem
from joyvl_core.observation import FrameKind, Recollection, TicketState, Trigger
from joyvl_core.store import Session, SessionKeeper, Store
from joyvl_core.store.sessions import RESUMED_ITEMS

WALL = 1_800_000_000.0
SUMMARY = MemoryItem("summary", 0.0, 5.0, "Cars went by.", 7, {"chunk": 1, "deep": [{"a": None}]})
JPEG = b"\xff\xd8\xff\xe0 no real picture \xff\xd9"
JUNK = [
    *("", " ", '"', "'", '"""((', "a AND", "NEAR(a b, 3)", "words:*", "session:x", "col : x", "-x +y ^z", "🎬🎬", "\0"),
    *("\ud800", "猫" * 10_000, "x" * 10_000, "OR " * 3_000, "%_\\", "'; DROP TABLE events; --", "&|!():*", "at 99:99"),
    *("\u202e\u0301\u200b", "9" * 5_000 + " hours ago", "in the last 1e999 minutes", "零零零分钟前", "半半半小时前"),
]


def tick(log: EventLog, n: int, text: str = "", **fields: Any) -> TickEvent:
    action = "speak" if text else "silence"
    given = {
        "action": action,
        "decided": action,
        "text": text,
        "raw": text or "</silence>",
        "latency_ms": 1.0,
        **fields,
    }
    return TickEvent(**log.stamp(), n=n, triggers=(Trigger.INTERVAL,), **given)


def chat(log: EventLog, author: str, text: str) -> ChatEvent:
    return ChatEvent(**log.stamp(), id="c1", author=author, text=text, addressed=True)


def wish(log: EventLog, name: str, state: Any, text: str = "") -> InstructionEvent:
    return InstructionEvent(**log.stamp(), id=name, state=state, text=text, author="Ann")


def ticket(log: EventLog, name: str, state: TicketState, digest: str = "") -> TicketEvent:
    return TicketEvent(**log.stamp(), id=name, state=state, question="What brand is it?", digest=digest)


@dataclass
class Kept:
    """A session under way, as a bot keeps one."""

    session: Session
    log: EventLog
    keeper: SessionKeeper
    running: asyncio.Task[None]
    troubles: list[JoyVLError] = field(default_factory=list)

    async def at(self, t: float, *events: Callable[[EventLog], AnyEvent]) -> None:
        """Writes events at a session second."""
        now = self.log.stamp()["t"]
        await asyncio.sleep(max(0.0, t - now))
        for event in events:
            self.log.write(event(self.log))

    async def find(self, question: str, now: float = 10_000.0, limit: int = 6) -> list[str]:
        await self.keeper.committed()
        return [found.text for found in await self.keeper.search(question, now=now, limit=limit)]


@asynccontextmanager
async def kept(store: Store, session: str | None = None, **settings: Any) -> AsyncIterator[Kept]:
    """A session with its keeper at work."""
    begun = await store.begin(session, room="standup", wall=WALL)
    clock = LoopClock(wall=lambda: WALL)
    log, troubles = EventLog(clock), []
    keeper = SessionKeeper(store, begun, clock, trouble=troubles.append, **settings)
    log.subscribe(keeper.write)
    running = asyncio.create_task(keeper.run())
    try:
        yield Kept(begun, log, keeper, running, troubles)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await keeper.aclose()


async def log_of(store: Store, session: str, **which: Any) -> list[AnyEvent]:
    return [event async for event in store.events(session, **which)]


class Synonyms:
    """An embedder that knows three meanings."""

    GROUPS = (("cat", "kitten", "猫", "feline"), ("car", "vehicle", "汽车", "automobile"), ("rain", "wet", "雨"))

    def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vector(text.lower()) for text in texts]

    def _vector(self, text: str) -> list[float]:
        hits = [float(any(word in text for word in group)) for group in self.GROUPS]
        length = sum(hits) ** 0.5
        return [hit / length for hit in hits] + [0.0] if length else [0.0, 0.0, 0.0, 1.0]


class StoreConformance:
    """Inherit it and say where a new, empty database is."""

    @pytest.fixture
    def url(self) -> str:
        raise NotImplementedError

    # --- the log ---------------------------------------------------------------------------------

    def test_the_log_comes_back_as_it_was_written(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                written: list[AnyEvent] = []
                async with kept(store) as bot:
                    bot.log.subscribe(written.append)
                    tracks = (TrackCost(id="cam", frame=FrameKind.P, tokens=16, age_ms=12.5),)
                    await bot.at(1.0, lambda log: tick(log, 0, tracks=tracks, tokens=16, frame=FrameKind.P))
                    await bot.at(2.0, lambda log: tick(log, 1, "Hello «世界» \0 \u2028 🎬", p_silence=0.25))
                    bot.log.write(DeliveryEvent(**bot.log.stamp(), tick=1, sink="chat"))
                    bot.log.write(ClauseEvent(**bot.log.stamp(), tick=1, text="Hello"))
                    await bot.at(3.0, lambda log: chat(log, "Ann", "\ud800 half a character"))
                    bot.log.write(SpeechEvent(**bot.log.stamp(), id="s1", speaker="Bo", text="No", final=False))
                    bot.log.status("camera.off", "nobody shares")
                    await bot.keeper.committed()
                    assert await log_of(store, bot.session.id) == written
                    assert await log_of(store, bot.session.id, epoch=2) == []
                    assert not bot.troubles

        run_virtual(main())

    def test_silent_ticks_are_there_a_second_later_without_being_asked_for(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store) as bot:
                await bot.at(5.0, lambda log: tick(log, 0))
                assert await log_of(store, bot.session.id) == []
                await asyncio.sleep(1.1)
                assert len(await log_of(store, bot.session.id)) == 1

        run_virtual(main())

    def test_whoever_waits_together_is_written_together(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store) as bot:
                began = asyncio.get_running_loop().time()

                async def act(n: int) -> None:
                    bot.log.write(tick(bot.log, n, f"Act {n}"))
                    await bot.keeper.committed()

                await asyncio.gather(*(act(n) for n in range(100)))
                assert len(await log_of(store, bot.session.id)) == 100
                assert asyncio.get_running_loop().time() - began < 0.1

        run_virtual(main())

    def test_many_events_are_read_in_order(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                async with kept(store, "many") as bot:
                    for n in range(1_300):
                        bot.log.write(tick(bot.log, n))
                async with kept(store, "many") as bot:
                    bot.log.write(tick(bot.log, 0, "again"))
                found = await log_of(store, "many")
                assert [event.n for event in found if isinstance(event, TickEvent)] == [*range(1_300), 0]

        run_virtual(main())

    def test_a_tick_written_twice_is_stored_once_and_told(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store) as bot:
                for n in (0, 1, 1, 0, 2, 2**70):
                    bot.keeper.write(tick(bot.log, n))
                bot.keeper.keep(MemoryItem("seen", 0.0, 0.0, "A car.", tokens=2**70))
                bot.keeper.picture(0.0, "cam", JPEG, kind="frame", tick=2**70)
                await bot.keeper.committed()
                assert len(await log_of(store, bot.session.id)) == 3
                assert [error.kind for error in bot.troubles] == ["twice"]

        run_virtual(main())

    def test_a_task_that_is_cancelled_in_the_middle_loses_nothing_and_doubles_nothing(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                for hops in range(0, 60, 3):
                    async with kept(store, f"cut-{hops}") as bot:
                        for n in range(3):
                            bot.log.write(tick(bot.log, n, "words"))
                        waiting = asyncio.create_task(bot.keeper.committed())
                        for _ in range(hops):
                            await asyncio.sleep(0)
                        waiting.cancel()
                        bot.running.cancel()
                    assert len(await log_of(store, f"cut-{hops}")) == 3

        run_virtual(main())

    # --- sessions --------------------------------------------------------------------------------

    def test_a_session_goes_on_where_it_was(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                async with kept(store) as bot:
                    first = bot.session
                    assert (first.epoch, first.began, first.resumed) == (1, WALL, None)
                    await bot.at(1.0, lambda log: wish(log, "i1", "added", "count cars"))
                    bot.log.write(wish(bot.log, "i2", "added", "tell me when it rains"))
                    bot.log.write(wish(bot.log, "i1", "changed", "count red cars"))
                    bot.log.write(wish(bot.log, "i2", "cancelled"))
                    delegated = {"action": "delegate", "decided": "delegate", "reply_to": "c7", "instruction": "i1"}
                    await bot.at(7.0, lambda log: tick(log, 6, "I ask.", ticket="d1", **delegated))
                    for name in ("d1", "d2"):
                        bot.log.write(ticket(bot.log, name, TicketState.RUNNING))
                    bot.log.write(ticket(bot.log, "d2", TicketState.DONE, "A Ford."))
                    bot.keeper.keep(SUMMARY)
                    await bot.keeper.committed()
                again = await store.begin(first.id, room="elsewhere", wall=WALL + 500, must_exist=True)
                assert (again.epoch, again.began, again.room) == (2, WALL, "standup")
                back = again.resumed
                assert back is not None
                assert [(each.id, each.text, each.author) for each in back.instructions] == [
                    ("i1", "count red cars", "Ann")
                ]
                assert back.items == (SUMMARY,)
                assert [(each.id, each.reply_to, each.instruction) for each in back.tickets] == [("d1", "c7", "i1")]
                assert (back.t, back.last_n) == (7.0, 6)
                third = await store.begin(first.id, room="", wall=0.0)
                assert third.epoch == 3
                assert third.resumed is not None
                assert third.resumed.t == 500.0

        run_virtual(main())

    def test_a_flood_of_one_kind_does_not_push_the_others_out(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                async with kept(store, "flood") as bot:
                    bot.keeper.keep(MemoryItem("block", 0.0, 1.0, "The first hour."))
                    for n in range(RESUMED_ITEMS + 500):
                        bot.keeper.keep(MemoryItem("seen", float(n), float(n), f"Car {n}."))
                        if n % 1_000 == 0:
                            await bot.keeper.committed()
                again = await store.begin("flood", room="", wall=0.0)
                assert again.resumed is not None
                texts = [item.text for item in again.resumed.items]
                assert texts[0] == "The first hour."
                assert texts[-1] == f"Car {RESUMED_ITEMS + 499}."
                assert len(texts) == RESUMED_ITEMS + 1

        run_virtual(main())

    def test_an_epoch_that_is_not_the_newest_writes_no_more(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store) as bot:
                bot.log.write(tick(bot.log, 0, "mine"))
                await bot.keeper.committed()
                await store.begin(bot.session.id, room="", wall=0.0)
                for n in range(1, 4):
                    bot.log.write(tick(bot.log, n, "stale"))
                    bot.keeper.picture(1.0, "cam", JPEG, kind="thumbnail")
                    with pytest.raises(StayFailedError):
                        await bot.keeper.committed()
                await store.end(bot.session, 99.0)
                assert [error.kind for error in bot.troubles] == ["stale"]
                assert len(await log_of(store, bot.session.id)) == 1
                assert (await store.sessions())[0].ended is None
                await bot.running

        run_virtual(main())

    @pytest.mark.parametrize("name", ["", " ", "../x", "a b", "x" * 65, "é", "-x", "a'b", "a\0", "\ud800"])
    def test_what_is_no_id_is_refused(self, url: str, name: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                with pytest.raises(BadInputError):
                    await store.begin(name, room="", wall=0.0)
                assert await store.sessions() == []

        run_virtual(main())

    def test_what_is_unknown_is_told(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                with pytest.raises(BadInputError, match="nobody"):
                    await store.begin("nobody", room="", wall=0.0, must_exist=True)
                with pytest.raises(BadInputError):
                    await log_of(store, "nobody")
                with pytest.raises(BadInputError):
                    await store.erase("nobody")
                for junk in ("nobody", '"', "\0", "\ud800", "x" * 1_000):
                    assert await store.search(junk, "cars", now=1.0) == ()
                    with pytest.raises(BadInputError):
                        await log_of(store, junk)

        run_virtual(main())

    def test_sessions_are_listed_newest_first(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                await store.begin("old", room="\0" + "r" * 500, wall=WALL - 100)
                async with kept(store, "new") as bot:
                    bot.log.write(tick(bot.log, 0))
                    await bot.at(5.0, lambda log: tick(log, 1, "Hello"))
                    bot.keeper.keep(MemoryItem("seen", 1.0, 1.0, "A car."))
                    bot.keeper.picture(1.0, "cam", JPEG, kind="thumbnail")
                await store.end(bot.session, 6.0)
                new, old = await store.sessions(10)
                assert (new.id, new.room, new.began, new.t, new.ended) == ("new", "standup", WALL, 6.0, 6.0)
                assert (new.epochs, new.events, new.acts, new.items, new.pictures) == (1, 2, 1, 1, 1)
                assert (old.id, len(old.room), old.ended, old.events) == ("old", 200, None, 0)
                assert len(await store.sessions(1)) == 1

        run_virtual(main())

    def test_new_sessions_have_short_ids_of_their_own(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                names = {(await store.begin(None, room="", wall=WALL)).id for _ in range(20)}
                assert len(names) == 20
                assert all(len(name) < 12 for name in names)

        run_virtual(main())

    def test_two_may_open_a_new_database_at_once(self, url: str) -> None:
        async def opened() -> int:
            async with Store.open(url) as store:
                return (await store.begin("shared", room="", wall=WALL)).epoch

        async def main() -> list[int]:
            return await asyncio.gather(*(opened() for _ in range(4)))

        assert sorted(run_virtual(main())) == [1, 2, 3, 4]

    # --- memory and pictures ---------------------------------------------------------------------

    @pytest.mark.parametrize("data", [{"x": object()}, {"x": float("nan")}, {"x": "y" * 500_000}, {("a",): 1}])
    def test_an_item_that_is_no_json_is_refused_at_once(self, url: str, data: dict[Any, Any]) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store) as bot:
                with pytest.raises(BadInputError):
                    bot.keeper.keep(MemoryItem("seen", 0.0, 0.0, "A car.", data=data))
                with pytest.raises(BadInputError):
                    bot.keeper.keep(MemoryItem("seen", 0.0, float("inf"), "A car."))
                bot.keeper.keep(MemoryItem("k" * 100, 3.0, 1.0, "\0\ud800" + "x" * 100_000))
                await bot.keeper.committed()

        run_virtual(main())

    def test_pictures_come_back_by_kind_and_time(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store) as bot:
                for t in (30.0, 10.0, 20.0):
                    bot.keeper.picture(t, "cam", JPEG, kind="thumbnail")
                bot.keeper.picture(11.0, "cam\0", JPEG * 2, kind="frame", tick=3, frame=FrameKind.P)
                for junk in (b"", b"x" * 3_000_000):
                    bot.keeper.picture(12.0, "cam", junk, kind="frame")
                await bot.keeper.aclose()
                shown = [picture async for picture in store.pictures(bot.session.id, 10.0, 20.0, "thumbnail")]
                assert [picture.t for picture in shown] == [10.0, 20.0]
                (frame,) = [picture async for picture in store.pictures(bot.session.id, kind="frame")]
                assert (frame.jpeg, frame.tick, frame.frame, frame.track) == (JPEG * 2, 3, FrameKind.P, "cam")
                many = [picture async for picture in store.pictures(bot.session.id)]
                assert [picture.t for picture in many] == [10.0, 20.0, 30.0]

        run_virtual(main())

    # --- no room ---------------------------------------------------------------------------------

    def test_silent_ticks_give_way_first_and_acts_never_in_silence(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                begun = await store.begin(None, room="", wall=WALL)
                clock, troubles = LoopClock(), []
                log = EventLog(clock)
                keeper = SessionKeeper(store, begun, clock, trouble=troubles.append, waiting=10)
                for n in range(20):  # nothing is written yet: the task does not run
                    keeper.write(tick(log, n, "" if n < 10 else f"Act {n}"))
                assert [error.kind for error in troubles] == ["crowded"]
                running = asyncio.create_task(keeper.run())
                await keeper.committed()
                acts = [event.n for event in await log_of(store, begun.id) if isinstance(event, TickEvent)]
                assert acts == [*range(10, 20)]
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                for n in range(20, 31):
                    keeper.write(tick(log, n, f"Act {n}"))
                running = asyncio.create_task(keeper.run())
                with pytest.raises(UnavailableError, match="no room"):
                    await keeper.committed()
                keeper.write(tick(log, 40, "Room again"))
                await keeper.committed()
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                for n in range(200):
                    keeper.picture(float(n), "cam", JPEG, kind="frame")
                await keeper.aclose()
                assert len([picture async for picture in store.pictures(begun.id, kind="frame")]) == 64
                keeper.write(tick(log, 41, "Too late"))
                with pytest.raises(UnavailableError):
                    await keeper.committed()

        run_virtual(main())

    def test_a_batch_that_fails_whatever_the_reason_is_tried_again(self, url: str, monkeypatch: Any) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store) as bot:
                broken: list[Exception] = [RuntimeError("secret words")] * 40
                writing = store.database.writing

                def failing() -> Any:
                    if broken:
                        raise broken.pop()
                    return writing()

                monkeypatch.setattr(store.database, "writing", failing)
                bot.log.write(tick(bot.log, 0, "Hello"))
                with pytest.raises(UnavailableError) as caught:
                    await bot.keeper.committed()
                assert "secret" not in str(caught.value)
                await asyncio.sleep(300.0)
                await bot.keeper.committed()
                assert len(await log_of(store, bot.session.id)) == 1
                assert [error.kind for error in bot.troubles] == ["refused"]

        run_virtual(main())

    def test_without_its_task_a_commit_ends_in_time(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store:
                begun = await store.begin(None, room="", wall=WALL)
                keeper = SessionKeeper(store, begun, LoopClock())
                await keeper.committed()
                keeper.write(tick(EventLog(LoopClock()), 0, "Hello"))
                with pytest.raises(UnavailableError):
                    await keeper.committed()

        run_virtual(main())

    # --- questions -------------------------------------------------------------------------------

    def test_words_are_found_in_both_languages(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store) as bot:
                await bot.at(10.0, lambda log: chat(log, "Ann", "那只黑猫跑到屋顶上去了"))
                await bot.at(20.0, lambda log: tick(log, 1, "A red lorry parked by the gate."))
                await bot.at(30.0, lambda log: chat(log, "Bo", "今天下午三点开会讨论预算"))
                bot.log.write(
                    SpeechEvent(**bot.log.stamp(), id="s1", speaker="José", text="The café closes at nine.", final=True)
                )
                bot.keeper.keep(MemoryItem("text", 40.0, 44.0, "EXIT 27B"))
                assert (await bot.find("屋顶"))[0].endswith("屋顶上去了")
                assert (await bot.find("猫什么时候跑的?"))[0].endswith("屋顶上去了")
                assert (await bot.find("预算是什么时候讨论的?"))[0].startswith("Bo")
                assert (await bot.find("when did lorries park?"))[0].startswith("A red lorry")
                assert (await bot.find("What did Jose say about the cafe?"))[0].startswith("José")
                assert await bot.find("exit 27b sign") == ["EXIT 27B"]
                assert await bot.find("elephants") == []
                found = await bot.keeper.search("exit", now=50.0)
                assert [(each.kind, each.t, each.until) for each in found] == [("text", 40.0, 44.0)]

        run_virtual(main())

    def test_a_session_answers_from_its_own_past_only(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store, "a.b-1") as one, kept(store, "a.b-2") as two:
                one.log.write(tick(one.log, 0, "A zebra"))
                two.log.write(tick(two.log, 0, "A zebra crossing"))
                assert await one.find("zebra") == ["A zebra"]
                assert await two.find("zebra") == ["A zebra crossing"]

        run_virtual(main())

    def test_meaning_finds_what_words_do_not(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url, embedder=Synonyms()) as store, kept(store) as bot:
                bot.log.write(tick(bot.log, 0, "A kitten sleeps on the sofa."))
                bot.log.write(tick(bot.log, 1, "An automobile stops."))
                await bot.keeper.committed()
                await asyncio.sleep(5.0)
                assert (await bot.find("where was the feline?"))[0].startswith("A kitten")
                assert (await bot.find("汽车"))[0].startswith("An automobile")
                bot.log.write(tick(bot.log, 2, "The vehicle leaves."))
                await bot.keeper.committed()
                await asyncio.sleep(5.0)
                assert {"An automobile stops.", "The vehicle leaves."} == set((await bot.find("car"))[:2])

        run_virtual(main())

    def test_an_embedder_that_fails_leaves_the_words(self, url: str) -> None:
        class Broken:
            def embed(self, texts: Sequence[str]) -> list[list[float]]:
                raise RuntimeError("no model")

        async def main() -> None:
            async with Store.open(url, embedder=Broken()) as store, kept(store) as bot:
                bot.log.write(tick(bot.log, 0, "A kitten sleeps."))
                assert await bot.find("kitten") == ["A kitten sleeps."]
                assert not bot.running.done()

        run_virtual(main())

    def test_what_is_found_has_the_picture_of_its_moment(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url) as store, kept(store) as bot:
                for t in (10.0, 38.0, 100.0):
                    bot.keeper.picture(t, "cam", JPEG + str(t).encode(), kind="thumbnail")
                await bot.at(40.0, lambda log: tick(log, 0, "A kitten sleeps."))
                await bot.at(150.0, lambda log: tick(log, 1, "A dog barks."))
                await bot.keeper.aclose()

                async def picture(question: str) -> bytes | None:
                    found: tuple[Recollection, ...] = await store.search(bot.session.id, question, now=200.0)
                    return found[0].thumbnail

                assert await picture("kitten") == JPEG + b"38.0"
                assert await picture("dog") is None

        run_virtual(main())

    def test_junk_questions_are_answered_with_nothing_worse_than_nothing(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url, embedder=Synonyms()) as store, kept(store) as bot:
                bot.log.write(tick(bot.log, 0, "A kitten sleeps 'near' words or columns AND 猫."))
                await bot.keeper.committed()
                for question in JUNK:
                    await bot.keeper.search(question, now=10.0)
                    await bot.keeper.search(question, now=float("1e300"), limit=-3)
                assert not bot.troubles

        run_virtual(main())

    # --- forgetting ------------------------------------------------------------------------------

    def test_a_range_of_time_is_forgotten(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url, embedder=Synonyms()) as store:
                async with kept(store) as bot:
                    await self._live(bot)
                    gone = await bot.keeper.erase(50.0, 150.0)
                    assert (gone.events, gone.items, gone.pictures, gone.scrubbed) == (6, 2, 1, True)
                    events = await log_of(store, bot.session.id)
                    assert len(events) == 12
                    assert [event.text for event in events if isinstance(event, ChatEvent)] == [
                        "early cat",
                        "",
                        "late cat",
                    ]
                    assert [event.n for event in events if isinstance(event, TickEvent)] == [1, 2, 3]
                    found = await bot.find("cat middle", now=300.0)
                    assert {"Ann: early cat", "Ann: late cat"} <= set(found)
                    assert not [text for text in found if "middle" in text]
                    assert [p.t async for p in store.pictures(bot.session.id)] == [10.0, 200.0]
                again = await store.begin(bot.session.id, room="", wall=0.0)
                assert again.resumed is not None
                assert [each.text for each in again.resumed.instructions] == ["early wish i2"]
                assert [item.text for item in again.resumed.items] == ["late summary"]

        run_virtual(main())

    def test_a_whole_session_is_forgotten(self, url: str) -> None:
        async def main() -> None:
            async with Store.open(url, wall=lambda: WALL + 9) as store:
                async with kept(store) as bot, kept(store, "other") as other:
                    await self._live(bot)
                    other.log.write(tick(other.log, 0, "kitten"))
                    await other.keeper.committed()
                    gone = await bot.keeper.erase()
                    assert (gone.events, gone.items, gone.pictures) == (12, 3, 3)
                    assert await log_of(store, bot.session.id) == []
                    assert await bot.find("cat") == []
                    assert await other.find("kitten") == ["kitten"]
                listed = {each.id: each for each in await store.sessions()}
                assert listed[bot.session.id].room == ""
                assert listed["other"].room == "standup"
                with pytest.raises(BadInputError):
                    await store.erase(bot.session.id, float("nan"), 3.0)

        run_virtual(main())

    async def _live(self, bot: Kept) -> None:
        for n, (t, when) in enumerate([(10.0, "early"), (100.0, "middle"), (200.0, "late")], 1):
            await bot.at(t, lambda log, when=when: chat(log, "Ann", f"{when} cat"))
            tracks = (TrackCost(id="Ann's camera", frame=FrameKind.I, tokens=1),)
            bot.log.write(tick(bot.log, n, f"{when} answer", tracks=tracks))
            bot.keeper.picture(t, "cam", JPEG + when.encode(), kind="thumbnail")
        await bot.keeper.committed()
        for when, since, until in (("early", 10.0, 60.0), ("middle", 100.0, 100.0), ("late", 160.0, 200.0)):
            bot.keeper.keep(MemoryItem("summary", since, until, f"{when} summary"))
        for t, event in [(20.0, ("i1", "added", "early wish i1")), (30.0, ("i2", "added", "early wish i2"))]:
            bot.keeper.write(wish(bot.log, *event).model_copy(update={"t": t}))
        for event in (
            ("i1", "cancelled", "early wish i1"),
            ("i3", "added", "middle wish"),
            ("i2", "changed", "middle change"),
        ):
            bot.keeper.write(wish(bot.log, *event).model_copy(update={"t": 110.0}))
        bot.keeper.write(ticket(bot.log, "d1", TicketState.DONE, "middle digest").model_copy(update={"t": 111.0}))
        await bot.keeper.committed()

    def test_what_is_old_goes(self, url: str) -> None:
        async def main() -> None:
            day = 86_400.0
            async with Store.open(url) as store:
                async with kept(store, "old") as bot:
                    bot.keeper.write(tick(bot.log, 0, "kitten").model_copy(update={"t": 100.0}))
                    bot.keeper.picture(0.0, "cam", JPEG, kind="thumbnail")
                    bot.keeper.picture(2 * day, "cam", JPEG, kind="thumbnail")
                assert await store.retain(WALL + 3 * day, days=10, picture_days=2) == 0
                assert [picture.t async for picture in store.pictures("old")] == [2 * day]
                await store.begin("revived", room="", wall=WALL)
                await store.begin("revived", room="", wall=WALL + 11 * day)
                assert await store.retain(WALL + 11 * day, days=10, picture_days=2) == 1
                assert [each.id for each in await store.sessions()] == ["revived"]

        run_virtual(main())

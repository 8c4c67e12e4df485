"""A kept session from one process to the next, and what may go wrong with where it is kept."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.brief import Brief, Say
from bot.keeping import Begun, beginning, is_kept
from bot.participant import Participant
from bot.settings import Settings
from joyvl_core.actions import Delegate, Speak
from joyvl_core.asked import Answer
from joyvl_core.clock import run_virtual
from joyvl_core.delegation import DelegationSettings
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.errors import BadInputError, JoyVLError, StayFailedError
from joyvl_core.events import AnyEvent, InstructionEvent, StatusEvent, TicketEvent, TickEvent
from joyvl_core.observation import Decision, Observation, TicketState
from joyvl_core.ports import RoomListener
from joyvl_core.store import Store, database
from tests.stand_ins import ScriptedModel
from tests.stand_ins.room import ScriptedRoom

Script = Callable[[ScriptedRoom, RoomListener], Awaitable[None]]


def settings_of(path: Path, **others: object) -> Settings:
    return Settings(database_url=SecretStr(f"sqlite:///{path}"), **others)  # type: ignore[arg-type]  # checked by pydantic


@dataclass
class Stay:
    room: ScriptedRoom
    log: list[AnyEvent]
    error: JoyVLError | None

    def of(self, state: str) -> list[StatusEvent]:
        return [event for event in self.log if isinstance(event, StatusEvent) and event.state == state]

    def ticks(self) -> list[TickEvent]:
        return [event for event in self.log if isinstance(event, TickEvent)]


async def nothing(room: ScriptedRoom, listener: RoomListener) -> None:
    pass


class Slow:
    """A delegate that takes a minute."""

    name = "slow"

    async def answer(self, task: object, progress: object) -> Answer:
        await asyncio.sleep(60)
        return Answer("late", tokens=100, cost=0.5)

    async def aclose(self) -> None:
        pass


async def stay(
    settings: Settings,
    script: Script = nothing,
    *,
    model: ScriptedModel | None = None,
    session: str | None = "kept",
    keep: bool = True,
    seconds: float = 10.0,
    instructions: tuple[str, ...] = (),
    says: tuple[Say, ...] = (),
    delegate: Slow | None = None,
    on_begun: Callable[[Begun], None] = lambda begun: None,
) -> Stay:
    """One stay in a scripted room, kept under an id."""
    engine = EngineSettings(delegation=DelegationSettings(deadline=300.0))
    loop = asyncio.get_running_loop()
    begin = beginning(
        settings, "scripted", jsonl=None, keep=keep, session=session, wall=lambda: 1_700_000_000.0 + loop.time()
    )
    async with begin as begun:
        room = ScriptedRoom(script)
        brief = Brief(instructions=instructions, says=says, seconds=seconds, engine=engine)
        participant = Participant(
            room,
            model or ScriptedModel(),
            begun.clock,
            begun.out.log,
            delegate=delegate,
            brief=brief,
            kept=begun.kept,
        )
        on_begun(begun)
        error = None
        try:
            await participant.run()
        except JoyVLError as raised:
            error = raised
        return Stay(room, list(begun.out.log.recent()), error)


async def stored(settings: Settings, session: str = "kept") -> list[AnyEvent]:
    async with Store.open(settings.database_url.get_secret_value()) as store:
        return [event async for event in store.events(session)]


def test_a_session_goes_on_with_its_instructions_its_seconds_and_its_numbers(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "joyvl.db")
    wishes = ("count the cars", "greet people")

    async def main() -> tuple[Stay, Stay, list[AnyEvent]]:
        first = await stay(settings, instructions=wishes)
        second = await stay(settings, instructions=("greet people", "warn me"), seconds=5.0)
        return first, second, await stored(settings)

    first, second, log = run_virtual(main())
    assert [(e.id, e.text) for e in first.log if isinstance(e, InstructionEvent)] == [
        ("i1", "count the cars"),
        ("i2", "greet people"),
    ]
    assert [(e.id, e.text) for e in second.log if isinstance(e, InstructionEvent)] == [("i3", "warn me")]
    assert second.of("session.resumed")
    assert second.ticks()[0].t >= first.ticks()[-1].t
    assert 4.5 < second.log[-1].t - second.ticks()[0].t < 6.0, "a duration counts from joining"
    whole = [event for event in log if isinstance(event, TickEvent)]
    assert len(whole) == len(first.ticks()) + len(second.ticks())
    assert [tick.t for tick in whole] == sorted(tick.t for tick in whole)


def test_a_line_of_a_viewer_comes_so_long_after_joining_in_a_session_that_goes_on_too(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "joyvl.db")

    async def main() -> Stay:
        await stay(settings, seconds=100.0)
        return await stay(settings, says=(Say(3.0, "hello"),))

    second = run_virtual(main())
    [line] = [event for event in second.log if event.kind == "chat"]
    assert line.t == pytest.approx(second.ticks()[0].t + 3.0, abs=0.2)


def test_questions_under_way_are_settled_and_numbers_and_budgets_go_on(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "joyvl.db")
    asked: list[Observation] = []

    def ask(observation: Observation) -> Decision:
        asked.append(observation)
        return Decision(Delegate("Let me ask.", "What brand?")) if observation.n == 2 else Decision()

    async def main() -> tuple[Stay, Stay]:
        killed = asyncio.create_task(stay(settings, model=ScriptedModel(ask), delegate=Slow(), seconds=50.0))
        await asyncio.sleep(5.0)
        async with Store.open(settings.database_url.get_secret_value()) as store:
            # As if the process had been killed: what it still writes at its end is refused.
            await store.begin("kept", room="", wall=0.0)
        first = await killed
        return first, await stay(settings, model=ScriptedModel(ask), delegate=Slow(), seconds=6.0)

    first, second = run_virtual(main())
    assert isinstance(first.error, StayFailedError)
    tickets = [event for event in second.log if isinstance(event, TicketEvent)]
    assert (tickets[0].id, tickets[0].state, tickets[0].digest) == (
        "d1",
        TicketState.FAILED,
        "interrupted by a restart",
    )
    assert tickets[1].id == "d2", "an id is used once in a session"
    [told] = [news for each in asked for news in each.results if news.state is TicketState.FAILED]
    assert told.id == "d1"
    assert told.question == "What brand?"


def test_a_session_that_is_taken_over_ends_its_stay_with_a_reason(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "joyvl.db")
    together: list[int] = []

    async def main() -> tuple[Stay, Stay]:
        first = asyncio.create_task(stay(settings, seconds=600.0))
        await asyncio.sleep(20.0)
        second = await stay(settings, seconds=5.0, on_begun=lambda begun: together.append(int(not first.done())))
        return await first, second

    first, second = run_virtual(main())
    assert isinstance(first.error, StayFailedError)
    assert "taken over by another process" in str(first.error)
    assert first.room.left_at is not None
    assert first.room.left_at < 23.0
    assert together == [0], "nobody is twice in a room"
    assert second.error is None


def test_without_keeping_nothing_of_the_database_is_touched_or_loaded(tmp_path: Path) -> None:
    path = tmp_path / "joyvl.db"
    left = run_virtual(stay(settings_of(path), keep=False, seconds=3.0))
    assert not path.exists()
    assert not left.of("session.kept")
    loaded = (
        "import sys, bot.commands.watch; print([m for m in ('sqlalchemy', 'alembic', 'httpx') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True).stdout == "[]\n"


@pytest.mark.parametrize("trouble", ["folder", "junk", "url"])
def test_a_database_that_cannot_be_used_is_said_before_anybody_is_joined(tmp_path: Path, trouble: str) -> None:
    path = tmp_path / "joyvl.db"
    settings = settings_of(path)
    if trouble == "folder":
        path.mkdir()
    elif trouble == "junk":
        path.write_bytes(b"no database " * 1_000)
    else:
        settings = Settings(database_url=SecretStr("mysql://user:secret@host/db"))
    joined: list[Begun] = []
    with pytest.raises(JoyVLError) as raised:
        run_virtual(stay(settings, on_begun=joined.append))
    assert not joined
    assert raised.value.hint
    assert "secret" not in str(raised.value)


def test_a_database_that_dies_meanwhile_is_one_status_and_the_bot_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCKED_FOR", 0.02)
    settings = settings_of(tmp_path / "joyvl.db")
    locking: list[sqlite3.Connection] = []

    async def lock(room: ScriptedRoom, listener: RoomListener) -> None:
        await asyncio.sleep(5.5)
        locking.append(sqlite3.connect(tmp_path / "joyvl.db", isolation_level=None))
        locking[0].execute("BEGIN EXCLUSIVE")
        await asyncio.sleep(20.0)
        locking[0].execute("ROLLBACK")
        locking[0].close()

    model = ScriptedModel(lambda seen: Decision(Speak(f"{seen.n}")))
    left = run_virtual(stay(settings, lock, model=model, seconds=40.0))
    assert left.error is None
    during = [tick for tick in left.ticks() if 5.5 < tick.t < 25.5]
    assert len(during) >= 18, "the bot goes on, second by second"
    assert len(left.of("store.failing")) == 1
    assert left.of("store.recovered")
    log = run_virtual(stored(settings))
    assert [tick.n for tick in log if isinstance(tick, TickEvent)] == [tick.n for tick in left.ticks()]


def test_flags_that_contradict_each_other_are_refused() -> None:
    assert is_kept(None, None, None, default=True)
    assert not is_kept(False, None, None, default=True)
    assert is_kept(None, "mine", None, default=False)
    assert is_kept(None, None, True, default=False)
    for session, record in (("mine", None), (None, True)):
        with pytest.raises(BadInputError, match="not kept"):
            is_kept(False, session, record, default=True)

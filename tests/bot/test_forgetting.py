"""`@bot forget …`: a plain command that works whatever the model does."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from joyvl_core.actions import Speak
from joyvl_core.clock import run_virtual
from joyvl_core.errors import UnavailableError
from joyvl_core.events import AnyEvent, ChatEvent, InstructionEvent, TickEvent
from joyvl_core.memory.items import MemoryItem
from joyvl_core.observation import Decision, Observation
from joyvl_core.ports import MemoryKeeper, RoomListener
from joyvl_core.store import SessionKeeper, Store
from tests.bot.test_keeping import Stay, settings_of, stay, stored
from tests.stand_ins import ScriptedModel
from tests.stand_ins.room import ScriptedRoom


class Mindful(ScriptedModel):
    """Keeps what it is told, and notes what it is to forget."""

    def __init__(self, script: Any = None) -> None:
        super().__init__(script)
        self.forgotten: list[tuple[float, float]] = []
        self.keeper: MemoryKeeper | None = None

    async def step(self, observation: Observation) -> Decision:
        decision = await super().step(observation)
        if self.keeper:
            self.keeper.keep(MemoryItem("seen", observation.t, observation.t, f"a thing at {observation.n}"))
        return decision

    def keep_in(self, keeper: MemoryKeeper) -> None:
        self.keeper = keeper

    def resume(self, items: Any) -> None:
        pass

    def forget(self, since: float, until: float) -> None:
        self.forgotten.append((since, until))


def told(
    path: Path, *lines: tuple[float, str], model: Mindful, seconds: float = 1_000.0
) -> tuple[Stay, list[AnyEvent]]:
    """A stay of some minutes in which lines are written at their seconds; and what is stored of it."""

    async def script(room: ScriptedRoom, listener: RoomListener) -> None:
        for t, text in lines:
            await asyncio.sleep(t - room.now)
            listener.on_chat("ann", text)

    async def main() -> tuple[Stay, list[AnyEvent]]:
        settings = settings_of(path)
        left = await stay(settings, script, model=model, seconds=seconds, instructions=("count cars",))
        return left, await stored(settings)

    return run_virtual(main())


def words(log: list[AnyEvent]) -> list[str]:
    return [event.text for event in log if isinstance(event, ChatEvent) and event.text]


@pytest.mark.parametrize(
    ("line", "confirmed"),
    [
        ("@bot forget the last ten minutes", "I have forgotten what was between 5:00.0 and 15:00.0 of this session."),
        ("@bot 忘掉最近十分钟", "本次会话 5:00.0 到 15:00.0 之间的内容，我已经忘掉了。"),
    ],
)
def test_the_last_ten_minutes_are_gone_from_model_store_and_log(tmp_path: Path, line: str, confirmed: str) -> None:
    model = Mindful(lambda seen: Decision(Speak(f"I see {seen.n}")) if seen.n % 50 == 0 else Decision())
    lines = [(200.0, "early word"), (500.0, "late secret"), (900.0, line), (950.0, "afterwards")]
    left, log = told(tmp_path / "joyvl.db", *lines, model=model)
    assert f"ℹ {confirmed}" in left.room.texts
    assert model.forgotten == [(pytest.approx(300.0), pytest.approx(900.0))]
    assert words(log) == ["early word", "afterwards"]
    assert words(left.log) == ["early word", "afterwards"], "a delegate's digest is made of it"
    said = [tick.t for tick in log if isinstance(tick, TickEvent) and tick.text]
    assert said
    assert not any(300.0 <= t <= 900.0 for t in said)
    assert not any(line.text for seen in model.seen for line in seen.chat if "forget" in line.text or "忘" in line.text)

    async def found() -> list[float]:
        async with Store.open(f"sqlite:///{tmp_path / 'joyvl.db'}") as store:
            return [hit.t for hit in await store.search("kept", "thing", now=1_000.0, limit=50)]

    assert not any(300.0 < t < 900.0 for t in run_virtual(found()))


def test_everything_is_forgotten_and_the_instructions_stand_over_a_restart(tmp_path: Path) -> None:
    lines = [(10.0, "a word"), (20.0, "@bot forget everything")]
    left, log = told(tmp_path / "joyvl.db", *lines, model=Mindful(), seconds=30.0)
    assert words(log) == []
    assert "ℹ I have forgotten what was between 0:00.0 and 0:20.0 of this session." in left.room.texts
    again = run_virtual(stay(settings_of(tmp_path / "joyvl.db"), seconds=3.0, instructions=("count cars",)))
    assert not [event for event in again.log if isinstance(event, InstructionEvent)], "it stands already"


def test_it_works_while_the_model_hangs_and_without_a_store(tmp_path: Path) -> None:
    async def hang(observation: Observation) -> Decision:
        await asyncio.sleep(3_600)
        return Decision()

    async def script(room: ScriptedRoom, listener: RoomListener) -> None:
        await asyncio.sleep(5)
        listener.on_chat("ann", "@bot forget the last minute")

    model = Mindful(hang)
    left = run_virtual(stay(settings_of(tmp_path / "joyvl.db"), script, model=model, keep=False))
    assert model.forgotten == [(0.0, pytest.approx(5.0))]
    assert any("forgotten" in text for text in left.room.texts)


def test_a_store_that_cannot_erase_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(self: SessionKeeper, since: float | None = None, until: float | None = None) -> None:
        raise UnavailableError("the disk is gone", source="store", kind="failed", hint="Look at it.")

    monkeypatch.setattr(SessionKeeper, "erase", fail)
    left, _ = told(tmp_path / "joyvl.db", (5.0, "@bot forget everything"), model=Mindful(), seconds=10.0)
    assert any("can't erase it" in text for text in left.room.texts)
    assert not any("I have forgotten" in text for text in left.room.texts)
    assert left.of("store.failing")

"""Small scripted parts that tests put in the place of models, delegates and sinks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from joyvl_core.actions import parse
from joyvl_core.asked import Answer as DelegateAnswer
from joyvl_core.asked import DelegateTask
from joyvl_core.clock import LoopClock, run_virtual
from joyvl_core.engine import Engine
from joyvl_core.engine_settings import EngineSettings
from joyvl_core.events import AnyEvent, EventLog, TickEvent
from joyvl_core.media import RgbPicture
from joyvl_core.observation import Decision, Observation
from joyvl_core.ports import Act

Answer = str | Decision | Exception


class ScriptedModel:
    """Answers from a script: a mapping by tick number, or a function of the observation."""

    name = "scripted"

    def __init__(self, script: Mapping[int, Answer] | Callable[[Observation], Any] | None = None) -> None:
        self._script = script or {}
        self.seen: list[Observation] = []
        self.closed = False

    async def step(self, observation: Observation) -> Decision:
        self.seen.append(observation)
        script = self._script
        answer = script(observation) if callable(script) else script.get(observation.n, "</silence>")
        if asyncio.iscoroutine(answer):
            answer = await answer
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Decision):
            return answer
        return Decision(parse(answer), raw=answer)

    async def aclose(self) -> None:
        self.closed = True


class ScriptedDelegate:
    """Answers after `seconds`, or raises, or never answers."""

    name = "scripted"

    def __init__(self, answer: str | Exception = "It is a poodle.", seconds: float = 2.0) -> None:
        self._answer = answer
        self._seconds = seconds
        self.tasks: list[DelegateTask] = []

    async def answer(self, task: DelegateTask, progress: Callable[[str], None]) -> DelegateAnswer:
        self.tasks.append(task)
        progress("thinking")
        await asyncio.sleep(self._seconds)
        if isinstance(self._answer, Exception):
            raise self._answer
        return DelegateAnswer(self._answer)

    async def aclose(self) -> None:
        pass


class ListSink:
    """Keeps what it is offered."""

    def __init__(self, name: str = "chat") -> None:
        self.name = name
        self.acts: list[Act] = []

    def offer(self, act: Act) -> None:
        self.acts.append(act)

    @property
    def texts(self) -> list[str]:
        return [act.text for act in self.acts]


def picture(value: int = 90, size: tuple[int, int] = (64, 36)) -> RgbPicture:
    return RgbPicture(np.full((size[1], size[0], 3), value, np.uint8))


def run_engine(
    model: Any,
    seconds: float,
    *,
    during: Callable[[Engine, LoopClock], Any] | None = None,
    sinks: Iterable[ListSink] = (),
    delegate: Any = None,
    settings: EngineSettings | None = None,
) -> list[AnyEvent]:
    """Runs an engine for so many virtual seconds, `during(engine, clock)` beside it, and returns its log."""

    async def main() -> list[AnyEvent]:
        clock = LoopClock(wall=lambda: 1_700_000_000.0)
        log = EventLog(clock, keep=100_000)
        engine = Engine(model, clock, log, sinks=list(sinks), delegate=delegate, settings=settings)
        running = asyncio.create_task(engine.run())
        beside = asyncio.create_task(during(engine, clock)) if during else None
        await clock.sleep_until(seconds + 0.01)
        if beside:
            await beside
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return list(log.recent())

    return run_virtual(main())


def ticks(events: Iterable[AnyEvent]) -> list[TickEvent]:
    return [event for event in events if isinstance(event, TickEvent)]

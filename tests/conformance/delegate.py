"""What every delegate does. An adapter's test class inherits this and makes its delegate."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import numpy as np
import pytest

from integrations.delegates import failures
from joyvl_core.asked import Answer, DelegateTask
from joyvl_core.clock import run_virtual
from joyvl_core.errors import JoyVLError, UnavailableError
from joyvl_core.ports import Delegate
from tests.stand_ins.delegate_servers import Behaviour, DelegateServer, Dialect

TASK = DelegateTask("d1", "What brand is that car?", "It is second 12 of the session.", within=20)
SECRET = "sk-very-secret"  # noqa: S105 - what must never be seen again


def with_pictures(count: int = 2, **fields: Any) -> DelegateTask:
    pictures = tuple(np.full((360, 640, 3), 40 * number, np.uint8) for number in range(count))
    return DelegateTask("d1", TASK.question, TASK.digest, pictures, within=fields.pop("within", 20), **fields)


def ask(delegate: Delegate, task: DelegateTask = TASK) -> tuple[Answer, list[str]]:
    """The answer and the progress that was told."""
    progress: list[str] = []

    async def main() -> Answer:
        try:
            return await delegate.answer(task, progress.append)
        finally:
            await delegate.aclose()

    return asyncio.run(main()), progress


class DelegateConformance:
    """Inherit it and say how the delegate is made."""

    @contextmanager
    def made(self) -> Iterator[Delegate]:
        """A delegate that can answer `TASK`, while the block runs."""
        raise NotImplementedError

    @pytest.mark.parametrize("run", [run_virtual, asyncio.run], ids=["virtual", "real"])
    def test_it_answers_in_words(self, run: Callable[[Coroutine[Any, Any, str]], str]) -> None:
        async def main() -> str:
            with self.made() as delegate:
                answer = await delegate.answer(TASK, lambda _: None)
                await delegate.aclose()
                return answer.text

        assert run(main()).strip()

    def test_it_can_be_cancelled_and_closed_twice(self) -> None:
        async def main() -> bool:
            with self.made() as delegate:
                asking = asyncio.create_task(delegate.answer(TASK, lambda _: None))
                await asyncio.sleep(0)
                asking.cancel()
                await asyncio.gather(asking, return_exceptions=True)
                await delegate.aclose()
                await delegate.aclose()
                return asking.cancelled()

        assert run_virtual(main())

    def test_it_has_a_name(self) -> None:
        with self.made() as delegate:
            assert delegate.name


class ServedDelegateConformance(DelegateConformance):
    """For those that talk to a service: all that may go wrong with one."""

    dialect: ClassVar[Dialect]
    server: DelegateServer

    @pytest.fixture(scope="class", name="one_server")
    @classmethod
    def _one_server(cls) -> Iterator[DelegateServer]:
        with DelegateServer(cls.dialect) as server:
            yield server

    @pytest.fixture(autouse=True)
    def _fresh(self, one_server: DelegateServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(failures, "PAUSE", 0.05)
        one_server.reset()
        self.server = one_server

    def make(self, server: DelegateServer) -> Delegate:
        """A delegate that asks this server, with `SECRET` as its key."""
        raise NotImplementedError

    @contextmanager
    def made(self) -> Iterator[Delegate]:
        yield self.make(self.server)

    def fails(self, behaviour: Behaviour, *, within: float = 20, **settings: Any) -> tuple[JoyVLError, int]:
        """The error of a server that behaves like that, and how often it was asked."""
        self.server.behaviour = behaviour
        for name, value in settings.items():
            setattr(self.server, name, value)
        with pytest.raises(UnavailableError) as caught:
            ask(self.make(self.server), with_pictures(within=within))
        assert SECRET not in f"{caught.value} {caught.value.hint} {caught.value!r}"
        assert caught.value.hint
        return caught.value, len(self.server.seen)

    def test_the_server_sees_the_question_what_is_known_and_the_pictures(self) -> None:
        answer, _ = ask(self.make(self.server), with_pictures(3))
        assert answer.text == self.server.text
        (seen,) = self.server.seen
        assert TASK.question in seen.question
        assert TASK.digest in seen.question + seen.raw.decode()
        assert [picture[:2] for picture in seen.pictures] == [b"\xff\xd8"] * 3

    def test_pictures_are_bounded(self) -> None:
        rng = np.random.default_rng(4)
        noisy = tuple(rng.integers(0, 255, (1_500, 2_000, 3), np.uint8) for _ in range(10))
        ask(self.make(self.server), DelegateTask("d1", "what?", "", noisy, within=30))
        assert 1 <= len(self.server.seen[0].pictures) <= 8
        assert sum(map(len, self.server.seen[0].pictures)) <= 1_000_000

    def test_a_slow_answer_comes(self) -> None:
        self.server.behaviour = Behaviour.SLOW
        self.server.seconds = 0.8
        answer, progress = ask(self.make(self.server))
        assert answer.text == self.server.text
        assert progress

    def test_a_server_that_hangs_is_left_in_time(self) -> None:
        error, _ = self.fails(Behaviour.HANGING, within=0.7)
        assert error.kind == "timeout"

    def test_a_wrong_key_is_told_at_once(self) -> None:
        error, asked = self.fails(Behaviour.UNAUTHORIZED)
        assert error.kind == "unauthorized"
        assert not error.retryable
        assert asked <= 1

    def test_a_busy_server_is_asked_again_when_it_says(self) -> None:
        self.server.behaviour = Behaviour.BUSY
        answer, _ = ask(self.make(self.server))
        assert answer.text == self.server.text

    def test_a_busy_server_that_wants_too_much_time_is_left_alone(self) -> None:
        error, asked = self.fails(Behaviour.BUSY, refusals=9, retry_after="120")
        assert error.kind == "rate_limited"
        assert asked <= 1

    def test_a_failing_server_is_asked_a_few_times(self) -> None:
        error, asked = self.fails(Behaviour.FAILING, refusals=99)
        assert error.kind == "server_error"
        assert asked <= 3

    @pytest.mark.parametrize(
        "behaviour",
        [Behaviour.HTML, Behaviour.HALF, Behaviour.BROKEN_OFF, Behaviour.GARBLED, Behaviour.REDIRECT],
    )
    def test_what_is_no_answer_is_an_error(self, behaviour: Behaviour) -> None:
        error, _ = self.fails(behaviour)
        assert error.kind in {"garbled", "broken_off", "unreachable", "tool_failed", "refused"}

    def test_an_answer_without_end_is_bounded(self) -> None:
        self.server.behaviour = Behaviour.HUGE
        text, error = "", None
        try:
            text = ask(self.make(self.server))[0].text
        except UnavailableError as caught:
            error = caught.kind
        assert error in {None, "garbled"}
        assert len(text) <= 100_000

    def test_a_server_that_is_not_there_is_an_error(self, free_port: Callable[[], int]) -> None:
        nobody = DelegateServer(self.dialect)
        nobody.port = free_port()
        with pytest.raises(UnavailableError, match="nobody listens there") as caught:
            ask(self.make(nobody))
        assert caught.value.kind == "unreachable"

    def test_cancelling_closes_the_connection(self) -> None:
        self.server.behaviour = Behaviour.HANGING

        async def main() -> None:
            delegate = self.make(self.server)
            asking = asyncio.create_task(delegate.answer(TASK, lambda _: None))
            assert await asyncio.to_thread(self.server.asked.wait, 10)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await delegate.aclose()

        asyncio.run(main())
        assert self.server.gone.wait(5)

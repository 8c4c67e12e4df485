"""What every delegate does. An adapter's test class inherits this and makes its delegate."""

from __future__ import annotations

import asyncio

from joyvl_core.asked import DelegateTask
from joyvl_core.clock import run_virtual
from joyvl_core.ports import Delegate

TASK = DelegateTask("d1", "What brand is that car?", "It is second 12 of the session.")


class DelegateConformance:
    """Inherit it and say how the delegate is made."""

    def make(self) -> Delegate:
        """A delegate that can answer `TASK`."""
        raise NotImplementedError

    def test_it_answers_in_words(self) -> None:
        async def main() -> str:
            delegate = self.make()
            answer = await delegate.answer(TASK, lambda _: None)
            await delegate.aclose()
            return answer.text

        assert run_virtual(main()).strip()

    def test_it_can_be_cancelled_and_closed_twice(self) -> None:
        async def main() -> bool:
            delegate = self.make()
            asking = asyncio.create_task(delegate.answer(TASK, lambda _: None))
            await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            await delegate.aclose()
            await delegate.aclose()
            return asking.cancelled()

        assert run_virtual(main())

    def test_it_has_a_name(self) -> None:
        assert self.make().name

"""A program that writes to a store until it is killed: an act each ten ticks, and its number once that is safe."""

import asyncio
import sys

from joyvl_core.clock import LoopClock
from joyvl_core.events import EventLog
from joyvl_core.memory.items import MemoryItem
from joyvl_core.store import SessionKeeper, Store
from tests.conformance.store import tick


async def main(url: str) -> None:
    async with Store.open(url) as store:
        session = await store.begin("killed", room="", wall=0.0)
        clock = LoopClock()
        log = EventLog(clock)
        keeper = SessionKeeper(store, session, clock)
        log.subscribe(keeper.write)
        running = asyncio.create_task(keeper.run())
        n = 0
        while not running.done():
            for _ in range(9):
                log.write(tick(log, n))
                n += 1
            keeper.keep(MemoryItem("seen", float(n - 9), float(n), f"Up to tick {n}."))
            log.write(tick(log, n, f"Act {n}"))
            await keeper.committed()
            print(n, flush=True)
            n += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))

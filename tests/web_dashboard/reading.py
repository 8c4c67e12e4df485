"""Follows the logs in a database until it is killed: `python -m tests.web_dashboard.reading FOLDER [URL]`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.web_dashboard.things import things
from web_dashboard.services.log_reading import LogReader


async def main() -> None:
    url = sys.argv[2] if len(sys.argv) > 2 else ""
    async with things(Path(sys.argv[1]), url) as t:
        reader = LogReader(t.context)
        print("ready", flush=True)
        while True:
            await reader.read()
            await asyncio.sleep(0.001)


if __name__ == "__main__":
    asyncio.run(main())

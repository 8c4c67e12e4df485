"""A LiveKit server for as long as a benchmark runs."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from livekit import api

from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer

ROOT = Path(__file__).parents[2]


def agent_token(identity: str, room: str) -> str:
    """Lets a yardstick in as an agent that sees what a bot sees."""
    grants = api.VideoGrants(room_join=True, room=room, can_subscribe=True, can_publish=True, can_publish_data=True)
    return api.AccessToken(KEY, SECRET).with_identity(identity).with_kind("agent").with_grants(grants).to_jwt()


def on_server(benchmark: Callable[[LiveKitServer], Awaitable[None]]) -> None:
    """Runs a benchmark against a real server on loopback."""
    binary = shutil.which("livekit-server", path=f"{ROOT / '.tools' / 'bin'}{os.pathsep}{os.environ['PATH']}")
    if binary is None:
        sys.exit("livekit-server is not installed: `deploy/setup.sh dev` says how to get it")

    async def main() -> None:
        await benchmark(server)

    server = LiveKitServer(Path(binary))
    server.start()
    try:
        asyncio.run(main())
    finally:
        server.stop()

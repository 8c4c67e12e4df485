"""A room for tests that follows a script."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from joyvl_core.ports import AgentState, RoomListener, RoomState, RoomStatus, Transcript
from tests.stand_ins.voice import TapeTrack

JOINED = RoomStatus(RoomState.JOINED, "connected")


class ScriptedRoom:
    """Joins at once, lives its script, and stays until asked to leave.

    Attributes:
        lines: What was posted, with its time.
        states: The agent states shown, one after another.
        broken: While set, nothing can be sent.
    """

    name = "scripted"

    def __init__(self, script: Callable[[ScriptedRoom, RoomListener], Awaitable[None]], *, heard: bool = False) -> None:
        self._script = script
        self._leave = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._born = self._loop.time()
        self.voice = TapeTrack() if heard else None
        self.lines: list[tuple[float, str]] = []
        self.captions: list[Transcript] = []
        self.states: list[AgentState] = []
        self.broken = False
        self.left_at: float | None = None

    @property
    def now(self) -> float:
        return self._loop.time() - self._born

    @property
    def texts(self) -> list[str]:
        return [text for _, text in self.lines]

    async def run(self, listener: RoomListener) -> None:
        listener.on_status(RoomStatus(RoomState.JOINING, "connecting"))
        listener.on_status(JOINED)
        script = asyncio.ensure_future(self._script(self, listener))
        leaving = asyncio.ensure_future(self._leave.wait())
        try:
            await asyncio.wait({script, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if script.done():
                script.result()
                await leaving
        finally:
            script.cancel()
            leaving.cancel()
            await asyncio.gather(script, leaving, return_exceptions=True)
            self.left_at = self.now
            listener.on_status(RoomStatus(RoomState.LEFT, "asked"))

    async def leave(self) -> None:
        self._leave.set()

    async def send_chat(self, text: str) -> None:
        self._check()
        self.lines.append((self.now, text))

    async def send_transcript(self, transcript: Transcript) -> None:
        self._check()
        self.captions.append(transcript)

    async def set_agent_state(self, state: AgentState) -> None:
        self.states.append(state)

    def _check(self) -> None:
        if self.broken:
            raise ConnectionError("away")

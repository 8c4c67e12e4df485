"""The bot in a LiveKit room with all its real parts: eyes, ears, a voice."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from pydantic import SecretStr

from bot.brief import Brief
from bot.participant import Participant
from bot.rooms.livekit import LiveKitOptions, LiveKitRoom
from integrations.tts.system import SystemSpeech
from integrations.vad.silero import SileroActivity
from joyvl_core.clock import LoopClock
from joyvl_core.events import DeliveryEvent, EventLog, StatusEvent, TickEvent, TrackCost
from joyvl_core.models.embedded import make_embedded_model
from joyvl_core.ports import InteractionModel
from tests.e2e.livekit_people import until
from tests.e2e.livekit_server import KEY, SECRET, LiveKitServer


@dataclass
class Bot:
    """A participant, running."""

    room: LiveKitRoom
    participant: Participant
    log: EventLog

    def ticks(self) -> list[TickEvent]:
        return [event for event in self.log.recent() if isinstance(event, TickEvent)]

    def watched(self) -> tuple[TrackCost, ...]:
        """The tracks of the last tick."""
        return self.ticks()[-1].tracks if self.ticks() else ()

    def said(self) -> list[str]:
        return [tick.text for tick in self.ticks() if tick.action == "speak"]

    def statuses(self) -> list[str]:
        return [event.state for event in self.log.recent() if isinstance(event, StatusEvent)]

    def deliveries(self, sink: str) -> list[DeliveryEvent]:
        events = self.log.recent()
        return [event for event in events if isinstance(event, DeliveryEvent) and event.sink == sink]


@contextlib.asynccontextmanager
async def bot_in(
    server: LiveKitServer, room_name: str, *instructions: str, model: InteractionModel | None = None
) -> AsyncIterator[Bot]:
    """Lets the bot into a room, and out again at the end of the block.

    Args:
        server: Where.
        room_name: Which room.
        instructions: What it is to do.
        model: Decides; the embedded model by default.
    """
    options = LiveKitOptions(
        server.url,
        room_name,
        api_key=KEY,
        api_secret=SecretStr(SECRET),
        identity="bot",
        ice_servers=("stun:127.0.0.1",),
    )
    room, voice = LiveKitRoom(options), SystemSpeech()
    clock = LoopClock(started=False)
    log = EventLog(clock)
    participant = Participant(
        room,
        model or make_embedded_model(),
        clock,
        log,
        voice=voice,
        make_vad=SileroActivity,
        brief=Brief(instructions=instructions),
    )
    stay = asyncio.create_task(participant.run())
    bot = Bot(room, participant, log)
    try:
        await until(lambda: "room.joined" in bot.statuses(), what="joined")
        yield bot
    except AssertionError:
        print(*list(log.recent())[-60:], sep="\n")  # shown with the failure
        raise
    finally:
        await asyncio.wait_for(room.leave(), 5)
        await asyncio.wait_for(stay, 5)
        await voice.aclose()
        log.close()

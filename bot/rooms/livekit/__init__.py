"""A LiveKit room, through `livekit.rtc` alone."""

from __future__ import annotations

from bot.rooms.livekit.options import LiveKitOptions
from bot.rooms.livekit.room import LiveKitRoom

__all__ = ["LiveKitOptions", "LiveKitRoom"]

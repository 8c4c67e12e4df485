"""A livestream, a video file or a local camera as a room in which the bot only watches."""

from __future__ import annotations

from bot.rooms.livestream.room import LivestreamOptions, LivestreamRoom

__all__ = ["LivestreamOptions", "LivestreamRoom"]

"""A room of two: one browser that calls the bot directly."""

from bot.rooms.webrtc.room import CallConfig, IceServer, WebRtcRoom
from bot.rooms.webrtc.tracks import Source

__all__ = ["CallConfig", "IceServer", "Source", "WebRtcRoom"]

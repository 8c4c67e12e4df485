"""Real servers and browsers, as fixtures."""

from tests.e2e.livekit_server import livekit_server

__all__ = ["livekit_server"]

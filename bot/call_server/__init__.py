"""Serves the call page and takes its calls."""

from bot.call_server.app import create_call_app
from bot.call_server.serve import serving

__all__ = ["create_call_app", "serving"]

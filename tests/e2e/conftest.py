"""Real servers and browsers, as fixtures."""

from tests.e2e.livekit_server import livekit_server
from tests.e2e.vllm_server import shared_vllm, tiny_weights, vllm_program, vllm_server

__all__ = ["livekit_server", "shared_vllm", "tiny_weights", "vllm_program", "vllm_server"]

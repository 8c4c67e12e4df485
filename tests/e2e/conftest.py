"""Real servers and browsers, as fixtures."""

import pytest

from tests.e2e.livekit_server import livekit_server
from tests.e2e.vllm_server import shared_vllm, tiny_weights, vllm_program, vllm_server

__all__ = ["livekit_server", "shared_vllm", "tiny_weights", "vllm_program", "vllm_server"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whichever test comes first waits until vLLM has started, which a busy machine takes minutes for."""
    for item in items:
        if "shared_vllm" in getattr(item, "fixturenames", ()) and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))

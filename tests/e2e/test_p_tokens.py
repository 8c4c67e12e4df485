"""P-tokens on a real vLLM: what is packed here is taken there, and counts 16."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import httpx
import pytest

from tests.conftest import ROOT
from tests.e2e.vllm_server import PROGRAM, VllmServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

HIDDEN, DEEPSTACK = 256, 3
"""Of the tiny model."""


@pytest.fixture(scope="module")
def part(vllm_program: object) -> dict[str, Any]:
    command = [PROGRAM.with_name("python"), "-m", "tests.codec.with_torch", "part", str(HIDDEN), str(DEEPSTACK)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return dict(json.loads(ran.stdout))


def ask(server: VllmServer, *parts: dict[str, Any]) -> httpx.Response:
    body = {"model": server.model, "messages": [{"role": "user", "content": list(parts)}], "max_tokens": 2}
    return httpx.post(f"{server.url}/chat/completions", json=body, timeout=60)


def test_packed_p_tokens_are_taken_and_count_sixteen(vllm_server: VllmServer, part: dict[str, Any]):
    text = {"type": "text", "text": "<0.0 seconds>"}
    without = ask(vllm_server, text).json()["usage"]["prompt_tokens"]
    one = ask(vllm_server, text, {**part, "uuid": "p-1"})
    assert one.status_code == 200, one.text
    # The vision start and end are the rest.
    assert one.json()["usage"]["prompt_tokens"] == without + 16 + 2
    several = ask(vllm_server, text, *({**part, "uuid": f"p-{n}"} for n in range(2, 6)))
    assert several.json()["usage"]["prompt_tokens"] == without + 4 * (16 + 2)
    assert ask(vllm_server, text).status_code == 200

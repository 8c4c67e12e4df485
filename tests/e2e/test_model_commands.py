"""`joyvl model`, with a real vLLM under it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.vllm_server import VllmServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

JOYVL = Path(sys.executable).with_name("joyvl")


def check(url: str) -> dict[str, str]:
    ran = subprocess.run([JOYVL, "model", "check", url, "--json"], capture_output=True, text=True, check=True)
    return {found["part"]: found["verdict"] for found in map(json.loads, ran.stdout.splitlines())}


def test_the_tests_own_server_can_do_everything(vllm_server: VllmServer):
    found = check(vllm_server.url)
    assert {part for part, verdict in found.items() if verdict != "ok"} <= {"Latency"}  # the machine may be busy


def test_serve_gets_a_server_ready_that_can_do_everything(tiny_weights: Path, free_port: Callable[[], int]):
    port = free_port()
    command = [JOYVL, "model", "serve", "--cpu", "--weights", tiny_weights, "--name", "tiny", "--port", str(port)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            assert process.stdout
            ready = next(line for line in process.stdout if line.startswith("ready"))
            assert f"http://127.0.0.1:{port}/v1" in ready
            found = check(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
    assert process.returncode == 130
    assert {part for part, verdict in found.items() if verdict != "ok"} <= {"Latency"}

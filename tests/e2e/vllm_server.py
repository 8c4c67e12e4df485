"""A real vLLM server on the CPU with the tiny model, on a free port of 127.0.0.1."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT, _missing
from tests.e2e.tiny_model import tiny_model

PROGRAM = ROOT / ".tools" / "vllm" / "bin" / "vllm"
MODEL = "tiny"
BLOCK_TOKENS = 128
"""The prefix cache keeps whole blocks: 128 tokens on a CPU."""
MAX_MODEL_LEN = 16_384
_HEALTHY_WITHIN = 400.0
_OPTIONS: dict[str, object] = {
    "served-model-name": MODEL,
    "host": "127.0.0.1",
    "dtype": "bfloat16",
    "max-model-len": MAX_MODEL_LEN,
    "max-num-seqs": 8,
    "limit-mm-per-prompt": {"image": 256, "video": 0},
    # 16,384 pixels: a picture of 128x128 costs 16 tokens.
    "mm-processor-kwargs": {"size": {"shortest_edge": 16_384, "longest_edge": 262_144}},
    "mm-processor-cache-gb": 1,
    "scheduling-policy": "priority",
}
_SWITCHES = (
    "enforce-eager",
    "skip-mm-profiling",
    "enable-mm-embeds",
    "enable-prompt-tokens-details",
    "enable-prefix-caching",
)


class VllmServer:
    """One server process. `url` is what a client calls its base, with `/v1`; `model` is the served name.

    Started again, it has the same address and has forgotten everything.
    """

    model = MODEL

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = int(probe.getsockname()[1])
        self._process: subprocess.Popen[bytes] | None = None
        self._log = tempfile.NamedTemporaryFile(prefix="vllm-", suffix=".log")  # noqa: SIM115 - lives as long as the server

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        return f"{self.root}/v1"

    def start(self) -> None:
        """Starts the process (about 30 seconds) and returns once it is healthy and warm."""
        self.begin()
        self.wait()

    def begin(self) -> None:
        """Starts the process and returns at once."""
        options = [
            f"--{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in _OPTIONS.items()
        ]
        command = [PROGRAM, "serve", self.weights, *options, *(f"--{name}" for name in _SWITCHES)]
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_CPU_KVCACHE_SPACE": "1",
        }
        self._process = subprocess.Popen(
            [*command, f"--port={self._port}"],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=environment,
            # A group of its own: the engine is a process of its own, which a killed server leaves behind.
            start_new_session=True,
        )

    def wait(self) -> None:
        """Returns once the server that was begun is healthy and warm."""
        assert self._process
        deadline = time.monotonic() + _HEALTHY_WITHIN
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"vLLM does not start:\n{self.log()[-4_000:]}")
            time.sleep(0.1)
        self._warm_up()

    def kill(self) -> None:
        """Ends the process and its engine without a goodbye to anybody."""
        if self._process:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process is not None and self._process.poll() is None

    def restart(self) -> None:
        """Kills the server and starts it again at the same address."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """Ends the server for good."""
        self.kill()
        self._log.close()

    def metrics(self) -> dict[str, float]:
        """The server's counters and gauges by name, summed over their labels, e.g. `vllm:prefix_cache_hits_total`."""
        with urllib.request.urlopen(f"{self.root}/metrics", timeout=10) as answer:  # noqa: S310 - a loopback address
            text = answer.read().decode()
        values: dict[str, float] = {}
        for name, value in re.findall(r"^(\w[\w:]*)(?:\{.*\})? ([0-9.e+-]+)$", text, re.MULTILINE):
            values[name] = values.get(name, 0.0) + float(value)
        return values

    def log(self) -> str:
        """All that the server has written."""
        return Path(self._log.name).read_text(errors="replace")

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.root}/health", timeout=1) as answer:  # noqa: S310 - a loopback address
                return bool(answer.status == 200)
        except OSError:  # nobody listens yet
            return False

    def _warm_up(self) -> None:
        """The first picture and the first sampling take seconds; every test would otherwise have to allow for them."""
        _, jpeg = cv2.imencode(".jpg", np.zeros((360, 640, 3), np.uint8))
        url = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
        picture = {"type": "image_url", "image_url": {"url": url}}
        sampling = {"temperature": 0.8, "top_p": 0.9, "top_k": 40, "repetition_penalty": 1.05, "presence_penalty": 0.4}
        scores = {"logprobs": True, "logprob_token_ids": [0, 1]}
        messages = [{"role": "user", "content": [picture]}]
        body = {"model": MODEL, "messages": messages, "max_tokens": 4, "min_tokens": 4, **sampling, **scores}
        request = urllib.request.Request(  # noqa: S310 - a loopback address
            f"{self.url}/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=180) as answer:  # noqa: S310 - a loopback address
            assert answer.status == 200


@pytest.fixture(scope="session")
def vllm_program() -> Path:
    """vLLM's own command line, in its own virtual environment."""
    if not PROGRAM.is_file():
        _missing("vLLM for the CPU is not installed: `deploy/setup.sh dev` makes it (.tools/vllm.log)")
    return PROGRAM


@pytest.fixture(scope="session")
def tiny_weights(vllm_program: Path) -> Path:
    """The directory of the tiny model's weights."""
    return tiny_model(vllm_program.with_name("python"), ROOT / ".artifacts")


@pytest.fixture(scope="session")
def shared_vllm(tiny_weights: Path) -> Iterator[VllmServer]:
    server = VllmServer(tiny_weights)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def vllm_server(shared_vllm: VllmServer) -> VllmServer:
    """One server for all tests; a test that killed it leaves the next one a fresh one."""
    if not shared_vllm.alive:
        shared_vllm.start()
    return shared_vllm

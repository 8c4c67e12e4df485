"""The tiny model on a real vLLM: what every other test against it relies on."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import cv2
import httpx
import numpy as np
import pytest

from tests.e2e.tiny_model import ACTIONS
from tests.e2e.vllm_server import BLOCK_TOKENS, VllmServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


def picture(width: int, height: int, seed: int, uuid: str) -> dict[str, Any]:
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), np.uint8)
    _, jpeg = cv2.imencode(".jpg", cv2.resize(pixels, (width, height)))
    url = f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"
    return {"type": "image_url", "image_url": {"url": url}, "uuid": uuid}


@pytest.fixture
def ask(vllm_server: VllmServer) -> Callable[..., httpx.Response]:
    def send(*parts: dict[str, Any], **options: Any) -> httpx.Response:
        body = {"model": vllm_server.model, "messages": [{"role": "user", "content": list(parts)}], "max_tokens": 8}
        return httpx.post(f"{vllm_server.url}/chat/completions", json={**body, **options}, timeout=60)

    return send


def test_the_actions_are_single_tokens(vllm_server: VllmServer):
    for action in ACTIONS:
        body = {"model": vllm_server.model, "prompt": action, "add_special_tokens": False}
        assert httpx.post(f"{vllm_server.root}/tokenize", json=body).json()["count"] == 1


def test_a_small_picture_costs_sixteen_tokens(ask: Callable[..., httpx.Response]):
    usage = ask(picture(128, 128, 1, "small")).json()["usage"]
    assert usage["prompt_tokens_details"]["multimodal_tokens"] == {"image": 16}


def test_pixels_are_sent_once(ask: Callable[..., httpx.Response], vllm_server: VllmServer):
    whole = picture(640, 360, 2, "whole")
    first = ask(whole).json()
    before = vllm_server.metrics()["vllm:mm_cache_hits_total"]
    again = ask({**whole, "image_url": None}).json()
    assert again["usage"]["prompt_tokens"] == first["usage"]["prompt_tokens"]
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == BLOCK_TOKENS
    assert vllm_server.metrics()["vllm:mm_cache_hits_total"] > before
    unknown = ask({**whole, "image_url": None, "uuid": "never seen"})
    assert unknown.status_code == 400


def test_an_answer_has_the_protocols_form(ask: Callable[..., httpx.Response]):
    text = {"type": "text", "text": "<0.0 seconds>"}
    answer = ask(text, picture(128, 128, 3, "form"), skip_special_tokens=False, logprobs=True, logprob_token_ids=[8, 9])
    choice = answer.json()["choices"][0]
    assert choice["message"]["content"].startswith(ACTIONS[:2])
    assert {entry["token"] for entry in choice["logprobs"]["content"][0]["top_logprobs"]} >= set(ACTIONS[:2])


def test_killed_and_started_again_it_has_forgotten_the_pixels(
    ask: Callable[..., httpx.Response], vllm_server: VllmServer
):
    whole = picture(640, 360, 4, "forgotten")
    assert ask(whole).status_code == 200
    vllm_server.kill()
    with pytest.raises(httpx.ConnectError):
        ask(whole)
    vllm_server.start()
    assert ask({**whole, "image_url": None}).status_code == 400
    assert ask(whole).status_code == 200
